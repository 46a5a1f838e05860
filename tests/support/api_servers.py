"""Servers that speak the wire formats of Amazon SES, SendGrid, Brevo, Mailjet, MailerSend and SparkPost strictly.

Each checks its key, its limits and the form of a call, fills in slots as the provider documents it, and remembers what
every reader got.
"""

from __future__ import annotations

import base64
import json
import re
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from tests.support.provider_server import KEY, Answer, ProviderServer, Rendered
from tests.support.ses_server import Ses
from tests.support.slots import braces

FORBIDDEN_BY_MAILJET = """
from sender subject to cc bcc reply-to return-path delivered-to dkim-signature domainkey-status received-spf received
authentication-results date message-id list-id user-agent x-mailer x-feedback-id x-csa-complaints x-mailjet-prio
x-mailjet-debug x-mailjet-campaign x-mailjet-segmentation x-mailjet-trackopen x-mailjet-trackclick x-mj-customid
x-mj-eventpayload x-mj-vars x-mj-templateid x-mj-templatelanguage x-mj-templateerrordeliver
x-mj-templateerrorreporting x-mj-workflowid x-mj-mid x-mj-errormessage x-mj-statisticscontactslistid
"""
"""Headers of https://dev.mailjet.com/email/guides/send-api-v31/."""


class SendGrid(ProviderServer):
    """A server with SendGrid's mail send."""

    dialect = "sendgrid"
    settings = 'api_key = "env:PROVIDER_KEY"\n'

    def __init__(self) -> None:
        super().__init__()
        self.reply_headers = {"X-Message-Id": "sg-1"}
        self.has_activity = True
        """Whether the account has bought the search."""

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != f"Bearer {KEY}":
            return 401, {"errors": [{"message": "The provided authorization grant is invalid", "field": None}]}
        assert path == "/v3/mail/send"
        call = json.loads(body)
        people = call["personalizations"]
        self.calls.append(len(people))
        if len(people) > self.most:
            return 400, {"errors": [{"message": "too many", "field": "personalizations"}]}
        for place, person in enumerate(people):
            if person["to"][0]["email"] in self.bad:
                field = f"personalizations.{place}.to.0.email"
                return 400, {"errors": [{"message": "Does not contain a valid address.", "field": field}]}
        addresses = [person["to"][0]["email"] for person in people]
        assert len({*addresses}) == len(addresses)
        assert all(len(json.dumps(person["substitutions"])) <= 10_000 for person in people)
        for person in people:
            self._one(call, person)
        return 202, b""

    def _one(self, call: dict[str, Any], person: dict[str, Any]) -> None:
        def fill(text: str) -> str:
            for key, value in person["substitutions"].items():
                text = text.replace(key, value)
            return text

        plain, html = (part["value"] for part in call["content"])
        to = person["to"][0]
        self.rendered[to["email"]] = {
            "subject": fill(call["subject"]),
            "html": fill(html),
            "text": fill(plain),
            "name": to.get("name", ""),
            **person["headers"],
        }
        own = person["custom_args"]
        self.accepted.append((to["email"], own["delivery_id"], own.get("batch", "")))

    def get(self, path: str, query: dict[str, str]) -> Answer:
        """Answer a search of the email activity, which shows addresses, or a page of a suppression list."""
        if path != "/v3/messages":
            return self._list(path, query)
        if not self.has_activity:
            return 403, {"errors": [{"message": "access forbidden"}]}
        tag = re.fullmatch(r"""\(unique_args\['batch'\]="([\w-]+)"\)""", query["query"])
        assert tag
        assert 1 <= int(query["limit"]) <= 1000
        shown = {*self.found(tag[1])}
        addresses = [address for address, id, batch in self.accepted if id in shown and batch == tag[1]]
        return 200, {"messages": [self._activity(address) for address in addresses]}

    def _activity(self, address: str) -> dict[str, object]:
        """Return a message in the form of https://www.twilio.com/docs/sendgrid/api-reference/email-activity."""
        counts = {"opens_count": 0, "clicks_count": 0, "last_event_time": "2025-01-17T12:00:00Z"}
        named = {"from_email": "news@example.com", "msg_id": "m", "subject": "Hello", "status": "delivered"}
        return {**named, "to_email": address.upper(), **counts}

    def _list(self, path: str, query: dict[str, str]) -> Answer:
        start, most = int(query["offset"]), int(query["limit"])
        mine = [address for address, name in self.suppressed if path.endswith(f"/{name}")]
        return 200, [{"email": address, "created": 1737133200} for address in mine[start : start + most]]

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"errors": [{"message": "too many requests", "field": None}]}, {"X-RateLimit-Reset": "1"}


class Brevo(ProviderServer):
    """A server with Brevo's transactional call; it refuses a key that it knows."""

    dialect = "brevo"
    settings = 'api_key = "env:PROVIDER_KEY"\n'

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["api-key"] != KEY:
            return 401, {"code": "unauthorized", "message": "Key not found"}
        assert path == "/v3/smtp/email"
        call = json.loads(body)
        versions, key = call["messageVersions"], call["headers"]["idempotencyKey"]
        self.calls.append(len(versions))
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key)
        if key in self.keys:
            return 400, {"code": "duplicate_parameter", "message": "Idempotency key is used already"}
        if len(versions) > self.most:
            return 400, {"code": "invalid_parameter", "message": "too many versions"}
        sizes = [len(json.dumps(version["params"], ensure_ascii=False).encode()) for version in versions]
        assert sum(sizes) <= 1_000 * 1024
        assert max(sizes) <= 100 * 1024
        if any(version["to"][0]["email"] in self.bad for version in versions):
            return 400, {"code": "invalid_parameter", "message": "email is not valid in to"}
        self.keys.add(key)
        return 201, {"messageIds": [self._one(call, version) for version in versions]}

    def _one(self, call: dict[str, Any], version: dict[str, Any]) -> str:
        to, fill = version["to"][0], braces(version["params"], "params.", jinja=True)
        assert all(value.isascii() for value in version["headers"].values())
        self.rendered[to["email"]] = {
            "subject": fill(call["subject"]),
            "html": fill(call["htmlContent"]),
            "text": fill(call["textContent"]),
            "name": _shown_by_brevo(to.get("name", "")),
            **version["headers"],
        }
        self.accepted.append((to["email"], version["headers"]["X-Mailin-custom"], (call.get("tags") or [""])[0]))
        return f"<{len(self.accepted)}@smtp-relay.example.com>"

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"code": "too_many_requests", "message": "slow down"}, {"x-sib-ratelimit-reset": "0"}


def _shown_by_brevo(name: str) -> str:
    """Return a name as readers see it: Brevo drops one with letters beyond ASCII and a sign that needs quotes."""
    if not name.isascii() and re.search(r'[()<>:;@,."]', name):
        return ""
    return str(make_header(decode_header(name)))


class Mailjet(ProviderServer):
    """A server with Mailjet's send API 3.1; a campaign's second message to a contact is taken, and not delivered."""

    dialect = "mailjet"
    settings = 'api_key = "env:PROVIDER_KEY"\napi_secret = "env:PROVIDER_KEY"\n'
    most = 50

    def __init__(self) -> None:
        super().__init__()
        self.blocked: list[str] = []
        """Addresses whose second message of a campaign was blocked."""

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != "Basic " + base64.b64encode(f"{KEY}:{KEY}".encode()).decode():
            return 401, {"ErrorMessage": "API key authentication/authorization failure"}
        assert path == "/v3.1/send"
        messages = json.loads(body)["Messages"]
        self.calls.append(len(messages))
        if len(messages) > self.most:
            return 400, {"ErrorMessage": "too many messages"}
        verdicts = [self._one(message) for message in messages]
        return (400 if any(verdict["Status"] == "error" for verdict in verdicts) else 200), {"Messages": verdicts}

    def _one(self, message: dict[str, Any]) -> dict[str, Any]:
        to = message["To"][0]
        if to["Email"] in self.bad:
            fault = {"ErrorCode": "mj-0013", "ErrorMessage": "not a valid address", "ErrorRelatedTo": ["To[0].Email"]}
            return {"Status": "error", "Errors": [fault]}
        assert message["DeduplicateCampaign"] is True
        if refused := {name.lower() for name in message["Headers"]} & {*FORBIDDEN_BY_MAILJET.split()}:
            fault = {"ErrorCode": "send-0011", "ErrorMessage": "forbidden headers", "ErrorRelatedTo": [*refused]}
            return {"Status": "error", "Errors": [fault]}
        if self.rendered.get(to["Email"], {}).get("campaign") == message["CustomCampaign"]:
            self.blocked.append(to["Email"])
            return {"Status": "success", "To": [{"Email": to["Email"], "MessageID": 1}]}
        self.rendered[to["Email"]] = {
            "subject": message["Subject"],
            "html": message["HTMLPart"],
            "text": message["TextPart"],
            "name": to.get("Name", ""),
            "campaign": message["CustomCampaign"],
            **message["Headers"],
        }
        self.accepted.append((to["Email"], message["CustomID"], message["EventPayload"]))
        return {"Status": "success", "To": [{"Email": to["Email"], "MessageID": 10**15 + len(self.accepted)}]}

    def get(self, path: str, query: dict[str, str]) -> Answer:
        """Answer for the number of a campaign, or for the messages of one; https://dev.mailjet.com/reference/email/."""
        if path == "/v3/REST/messageinformation":
            is_known = any(batch.startswith(f"{query['CustomCampaign']}-") for _, _, batch in self.accepted)
            found = [{"ID": 1, "CampaignID": 77, "SentCount": 1}] if is_known else []
            return 200, {"Count": len(found), "Data": found, "Total": len(found)}
        assert path == "/v3/REST/message"
        assert query["Campaign"] == "77"
        shown = [id for _, id, _ in self.accepted if id not in self.hidden and query.get("CustomID", id) == id]
        data: list[dict[str, object]] = [{"ID": 1, "CampaignID": 77, "CustomID": id} for id in shown]
        data = data[: int(query["Limit"])]
        return 200, {"Count": len(data), "Data": data, "Total": len(data)}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"ErrorMessage": "Too Many Requests"}, {"Retry-After": "0"}


class MailerSend(ProviderServer):
    """A server with MailerSend's bulk call; it takes every message as a template."""

    dialect = "mailersend"
    settings = 'api_key = "env:PROVIDER_KEY"\n'
    most = 500

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != f"Bearer {KEY}":
            return 401, {"message": "Unauthenticated."}
        assert path == "/v1/bulk-email"
        messages = json.loads(body)
        self.calls.append(len(messages))
        if len(messages) > self.most:
            return 422, {"message": "too many", "errors": {}}
        for place, message in enumerate(messages):
            if message["to"][0]["email"] in self.bad:
                return 422, {"message": "Invalid.", "errors": {f"{place}.to.0.email": ["The address is invalid."]}}
        for message in messages:
            self._one(message)
        return 202, {"message": "The bulk email is being processed.", "bulk_email_id": f"ms-{len(self.calls)}"}

    def _one(self, message: dict[str, Any]) -> None:
        to, fill = message["to"][0], braces({}, jinja=True)
        own = {header["name"]: header["value"] for header in message.get("headers", [])}
        if "list_unsubscribe" in message:
            own["List-Unsubscribe"] = message["list_unsubscribe"]
        assert "Message-ID" not in own
        self.rendered[to["email"]] = {
            "subject": fill(message["subject"]),
            "html": fill(message["html"]),
            "text": fill(message["text"]),
            "name": to.get("name", ""),
            **own,
        }
        assert len(message["tags"]) <= 5
        self.accepted.append((to["email"], message["tags"][0], (message["tags"][1:] or [""])[0]))

    def get(self, path: str, query: dict[str, str]) -> Answer:
        """Answer a page of one of the suppression lists, two entries on each."""
        assert int(query["limit"]) <= 100
        name, start = path.removeprefix("/v1/suppressions/"), 2 * int(query["page"]) - 2
        mine = [address for address, kept in self.suppressed if kept == name]
        entries = [
            {"id": "1", "type": "exact", "pattern": address}
            if name == "blocklist"
            else {"id": "1", "reason": None, "recipient": {"id": "2", "email": address}}
            for address in mine
        ]
        kept = [{**entry, "created_at": "2025-01-17T17:00:00.000000Z"} for entry in entries[start : start + 2]]
        after = f"{self.url}{path}?page={start // 2 + 2}" if start + 2 < len(mine) else None
        return 200, {"data": kept, "links": {"first": "", "last": "", "prev": None, "next": after}, "meta": {}}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"message": "Too many requests. MS42903"}, {"Retry-After": "0"}


class SparkPost(ProviderServer):
    """A server with SparkPost's transmissions and its search of events."""

    dialect = "sparkpost"
    settings = 'api_key = "env:PROVIDER_KEY"\n'

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if headers["Authorization"] != KEY:
            return 401, {"errors": [{"message": "Unauthorized."}]}
        assert path == "/api/v1/transmissions"
        call = json.loads(body)
        people = call["recipients"]
        self.calls.append(len(people))
        if any(person["address"]["email"] in self.bad for person in people):
            return 422, {"errors": [{"message": "invalid data", "description": "the 'to' address is no address"}]}
        for person in people:
            self._one(call, person)
        numbers = {"total_accepted_recipients": len(people), "total_rejected_recipients": 0}
        return 200, {"results": {**numbers, "id": f"sp-{len(self.calls)}"}}

    def _one(self, call: dict[str, Any], person: dict[str, Any]) -> None:
        content, to, fill = call["content"], person["address"], braces(person["substitution_data"], number=3)
        self.rendered[to["email"]] = {
            "subject": fill(content["subject"]),
            "html": fill(content["html"]),
            "text": fill(content["text"]),
            "name": to.get("name", ""),
            **{name: fill(value) for name, value in content["headers"].items()},
        }
        assert len(call.get("campaign_id", "")) <= 64
        self.accepted.append((to["email"], person["metadata"]["delivery_id"], call.get("campaign_id", "")))

    def get(self, path: str, query: dict[str, str]) -> Answer:
        """Answer a page of the search, thirty events on each, or of the list, two on each."""
        if path == "/api/v1/suppression-list":
            return self._list(path, query)
        ids, start = self.found(query["campaigns"]), int(query.get("cursor", "0"))
        events = [{"type": "injection", "rcpt_meta": {"delivery_id": id}} for id in ids[start : start + 30]]
        links = [{"href": f"{path}?campaigns={query['campaigns']}&cursor=0", "rel": "first"}]
        if start + 30 < len(ids):
            after = f"{path}?campaigns={query['campaigns']}&cursor={start + 30}"
            links.append({"href": after, "rel": "next"})
        return 200, {"results": events, "total_count": len(ids), "links": links}

    def _list(self, path: str, query: dict[str, str]) -> Answer:
        assert int(query["per_page"]) <= 10_000
        start = 0 if query["cursor"] == "initial" else int(query["cursor"])
        kept = [
            {"recipient": address, "type": "transactional", "source": source, "updated": "2025-01-17T17:00:00+00:00"}
            for address, source in self.suppressed
        ]
        after = f"{path}?per_page={query['per_page']}&cursor={start + 2}"
        links = [{"href": after, "rel": "next"}] if start + 2 < len(kept) else []
        return 200, {"results": kept[start : start + 2], "links": links, "total_count": len(kept)}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        return 429, {"errors": [{"message": "Too many requests"}]}, {"Retry-After": "0"}


API_SERVERS: dict[str, type[ProviderServer]] = {
    kind.dialect: kind for kind in (Ses, SendGrid, Brevo, Mailjet, MailerSend, SparkPost)
}


def rendered_by(server: ProviderServer, address: str) -> Rendered:
    """Return what a reader got from a server."""
    return server.rendered[address]
