"""Servers that answer questions about an account as the providers document it: its key, quota, domain, webhooks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from tests.support.provider_server import KEY, Answer, ProviderServer

DOMAIN = "news.example.com"


@dataclass(kw_only=True)
class Account:
    """The state of an account."""

    is_sandbox: bool = False
    left: int = 50_000
    is_verified: bool = True
    hooks: tuple[str, ...] = ()
    """Addresses that the provider calls; for Amazon, topics."""
    may_only_send: bool = False
    """Whether the key has no right but to send."""


Answers = Callable[[Account, str], Answer | None]
"""Returns the answer to a GET of a path and query; None for one that the provider does not have."""


def _postmark(account: Account, path: str) -> Answer | None:
    if path == "/server":
        return 200, {"ID": 1, "Name": "news", "DeliveryType": "Sandbox" if account.is_sandbox else "Live"}
    if path == "/message-streams/broadcast":
        own = {"UnsubscribeHandlingType": "Custom"}
        return 200, {"ID": "broadcast", "ArchivedAt": None, "SubscriptionManagementConfiguration": own}
    if path == "/webhooks?MessageStream=broadcast":
        return 200, {"Webhooks": [{"ID": 1, "Url": url} for url in account.hooks]}
    return None


def _resend(account: Account, path: str) -> Answer | None:
    status = "verified" if account.is_verified else "pending"
    domain = {"id": "d-1", "name": DOMAIN, "status": status, "region": "us-east-1"}
    if path == "/domains":
        return 200, {"object": "list", "data": [{"id": "d-2", "name": "other.example", "status": "verified"}, domain]}
    if path == "/domains/d-1":
        records = [
            {"record": "SPF", "name": "send.news", "type": "MX", "value": "feedback-smtp.us-east-1.amazonses.com"},
            {"record": "SPF", "name": "send.news", "type": "TXT", "value": '"v=spf1 include:amazonses.com ~all"'},
            {"record": "DKIM", "name": "resend._domainkey.news", "type": "TXT", "value": "p=MIGf"},
        ]
        return 200, {"object": "domain", **domain, "records": records}
    if path == "/webhooks":
        return 200, {"data": [{"id": "w", "endpoint": url, "status": "enabled"} for url in account.hooks]}
    return None


def _mailgun(account: Account, path: str) -> Answer | None:
    if path == f"/v4/domains/{DOMAIN}":
        domain = {
            "name": DOMAIN,
            "state": "active" if account.is_verified else "unverified",
            "type": "sandbox" if account.is_sandbox else "custom",
            "is_disabled": False,
        }
        names = [{"record_type": "TXT", "name": f"k1._domainkey.{DOMAIN}", "valid": "valid"}]
        return 200, {"domain": domain, "sending_dns_records": names, "receiving_dns_records": []}
    if path == f"/v3/domains/{DOMAIN}/webhooks":
        return 200, {"webhooks": {"delivered": {"urls": [*account.hooks]}, "opened": None}}
    if path == "/v5/accounts/limit/custom/monthly":
        return 200, {"limit": 100_000, "current": 100_000 - account.left, "period": "1m"}
    return None


def _ses(account: Account, path: str) -> Answer | None:
    if path == "/v2/email/account":
        quota = {"Max24HourSend": 60_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 60_000.0 - account.left}
        known = {"ProductionAccessEnabled": not account.is_sandbox, "SendingEnabled": True}
        return 200, {**known, "EnforcementStatus": "HEALTHY", "SendQuota": quota}
    if path == f"/v2/email/identities/{DOMAIN}":
        dkim = {"Status": "SUCCESS" if account.is_verified else "PENDING", "Tokens": ["t1", "t2", "t3"]}
        return 200, {"VerifiedForSendingStatus": account.is_verified, "DkimAttributes": dkim}
    if path == "/v2/email/configuration-sets/newsletter/event-destinations":
        topics = [{"Name": "n", "Enabled": True, "SnsDestination": {"TopicArn": topic}} for topic in account.hooks]
        return 200, {"EventDestinations": topics}
    return None


def _sendgrid(account: Account, path: str) -> Answer | None:
    if path == "/v3/scopes":
        return 200, {"scopes": ["alerts.read"] if account.is_sandbox else ["mail.send", "alerts.read"]}
    if path == "/v3/whitelabel/domains?limit=200":
        dns = {
            "mail_cname": {"host": f"em1.{DOMAIN}", "valid": True},
            "dkim1": {"host": f"s1._domainkey.{DOMAIN}", "valid": True},
            "dkim2": {"host": f"s2._domainkey.{DOMAIN}", "valid": True},
        }
        return 200, [{"id": 1, "domain": DOMAIN, "subdomain": "em1", "valid": account.is_verified, "dns": dns}]
    if path == "/v3/user/credits":
        return 200, {"remain": account.left, "total": 50_000, "overage": 0}
    if path == "/v3/user/webhooks/event/settings/all":
        return 200, {"max_allowed": 5, "webhooks": [{"url": url, "enabled": True} for url in account.hooks]}
    return None


def _brevo(account: Account, path: str) -> Answer | None:
    if path == "/v3/account":
        plan = [{"type": "free", "creditsType": "sendLimit", "credits": account.left}]
        return 200, {"email": "a@example.com", "plan": plan, "relay": {"enabled": not account.is_sandbox}}
    if path == f"/v3/senders/domains/{DOMAIN}":
        records = {
            "dkim_record": {"type": "TXT", "host_name": "mail._domainkey.", "status": True},
            "brevo_code": {"type": "TXT", "host_name": "", "status": True},
        }
        state = {"verified": account.is_verified, "authenticated": account.is_verified}
        return 200, {"domain": DOMAIN, **state, "dns_records": records}
    if path == "/v3/webhooks?type=transactional":
        return 200, {"webhooks": [{"url": url, "id": 1, "type": "transactional"} for url in account.hooks]}
    return None


def _mailjet(account: Account, path: str) -> Answer | None:
    if path == "/v3/REST/dns?Limit=1000":
        state = "OK" if account.is_verified else "Not OK"
        name = f"mailjet._domainkey.{DOMAIN}."
        return 200, {
            "Count": 1,
            "Data": [{"Domain": DOMAIN, "DKIMRecordName": name, "DKIMStatus": state, "SPFStatus": state}],
        }
    if path == "/v3/REST/eventcallbackurl?Limit=100":
        return 200, {"Data": [{"EventType": "bounce", "Url": url, "Status": "alive"} for url in account.hooks]}
    return None


def _mailersend(account: Account, path: str) -> Answer | None:
    if path == "/v1/domains?limit=100":
        domain = {"id": "m1", "name": DOMAIN, "is_verified": account.is_verified}
        return 200, {"data": [{**domain, "domain_settings": {"send_paused": account.is_sandbox}}]}
    if path == "/v1/domains/m1/dns-records":
        dkim, bounces = f"mlsend2._domainkey.{DOMAIN}", f"mta.{DOMAIN}"
        return 200, {"data": {"id": "m1", "dkim": {"hostname": dkim}, "return_path": {"hostname": bounces}}}
    if path == "/v1/webhooks?domain_id=m1":
        return 200, {"data": [{"id": "w", "url": url, "enabled": True} for url in account.hooks]}
    if path == "/v1/api-quota":
        return 200, {"quota": 1000, "remaining": account.left, "reset": "2025-01-18T00:00:00Z"}
    return None


def _sparkpost(account: Account, path: str) -> Answer | None:
    if path == "/api/v1/account?include=usage":
        usage = {
            "day": {"used": 100_000 - account.left, "limit": 100_000},
            "month": {"used": 0, "limit": 1_000_000},
        }
        return 200, {"results": {"status": "suspended" if account.is_sandbox else "active", "usage": usage}}
    if path == f"/api/v1/sending-domains/{DOMAIN}":
        status = {"ownership_verified": account.is_verified, "dkim_status": "valid", "compliance_status": "valid"}
        dkim = {"selector": "scph0125", "signing_domain": DOMAIN, "public": "MIGf"}
        return 200, {"results": {"status": status, "dkim": dkim, "is_default_bounce_domain": False}}
    if path == "/api/v1/webhooks":
        return 200, {"results": [{"target": url, "active": True} for url in account.hooks]}
    return None


ANSWERS: dict[str, Answers] = {
    "postmark": _postmark,
    "resend": _resend,
    "mailgun": _mailgun,
    "ses": _ses,
    "sendgrid": _sendgrid,
    "brevo": _brevo,
    "mailjet": _mailjet,
    "mailersend": _mailersend,
    "sparkpost": _sparkpost,
}
SETTINGS = {
    "postmark": 'token = "env:PROVIDER_KEY"\n',
    "mailgun": f'api_key = "env:PROVIDER_KEY"\ndomain = "{DOMAIN}"\n',
    "ses": 'access_key_id = "env:PROVIDER_KEY"\nsecret_access_key = "env:PROVIDER_KEY"\n'
    'region = "eu-central-1"\nconfiguration_set = "newsletter"\n',
    "mailjet": 'api_key = "env:PROVIDER_KEY"\napi_secret = "env:PROVIDER_KEY"\n',
}
"""The lines of newsletter.toml beside base_url; of the others, one key."""
REFUSALS: dict[str, Answer] = {
    "postmark": (401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}),
    "resend": (401, {"statusCode": 401, "name": "validation_error", "message": "API key is invalid"}),
    "mailgun": (401, b"Forbidden"),
    "ses": (403, {"__type": "UnrecognizedClientException", "message": "The security token is invalid."}),
    "sendgrid": (401, {"errors": [{"message": "The provided authorization grant is invalid", "field": None}]}),
    "brevo": (401, {"code": "unauthorized", "message": "Key not found"}),
    "mailjet": (401, {"ErrorMessage": "API key authentication/authorization failure"}),
    "mailersend": (401, {"message": "Unauthenticated."}),
    "sparkpost": (401, {"errors": [{"message": "Unauthorized."}]}),
}
"""The answers to a key that is wrong."""
NO_RIGHT: dict[str, Answer] = {
    "resend": (401, {"name": "restricted_api_key", "message": "This API key is restricted to only send emails"}),
    "mailgun": (401, b"Forbidden"),
    "ses": (403, {"__type": "AccessDeniedException", "message": "not authorized to perform ses:GetAccount"}),
}
"""The answers to a key that may only send; of the others, 403."""


class AccountServer(ProviderServer):
    """A provider that tells about an account."""

    def __init__(self, dialect: str, account: Account | None = None) -> None:
        super().__init__()
        self.dialect = dialect
        self.settings = SETTINGS.get(dialect, 'api_key = "env:PROVIDER_KEY"\n')
        self.account = account or Account()
        self.asked: list[str] = []
        """Every question, as `METHOD path?query`."""

    def read(self, target: str, headers: Message) -> Answer:
        """Answer a question."""
        self.asked.append(f"GET {target}")
        if not self._has_key(headers):
            return REFUSALS[self.dialect]
        if self.account.may_only_send:
            return NO_RIGHT.get(self.dialect, (403, {"message": "Forbidden"}))
        url = urlsplit(target)
        path = f"{url.path}?{url.query}" if url.query else url.path
        return ANSWERS[self.dialect](self.account, path) or (404, {"message": "Not found"})

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        """Answer a message that has neither sender nor recipient, which is Mailgun's first question."""
        self.asked.append(f"POST {path}")
        assert (self.dialect, body) == ("mailgun", b"o:testmode=yes")
        if not self._has_key(headers):
            return REFUSALS[self.dialect]
        return 400, {"message": "from parameter is missing"}

    def _has_key(self, headers: Message) -> bool:
        whole = " ".join(str(value) for value in headers.values())
        encoded = [part for part in whole.split() if len(part) % 4 == 0]
        texts = [whole, *(_decoded(part) for part in encoded)]
        return any(KEY in text or f"Credential={KEY}" in text for text in texts)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
