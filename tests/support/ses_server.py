"""A server that speaks the wire format of Amazon SES strictly, and signs as botocore does."""

from __future__ import annotations

import base64
import json
import re
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.provider_server import KEY, Answer, ProviderServer
from tests.support.slots import braces


class Ses(ProviderServer):
    """A server with SES's bulk call; it checks the signature with botocore."""

    dialect = "ses"
    settings = 'access_key_id = "env:PROVIDER_KEY"\nsecret_access_key = "env:PROVIDER_KEY"\nregion = "eu-central-1"\n'
    most = 50
    refusals = MappingProxyType({"no credits": (400, {"__type": "AccountSuspendedException", "message": "Suspended."})})

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, str] = {}
        """The status of an entry by address, instead of SUCCESS."""

    def post(self, path: str, headers: Message, body: bytes) -> Answer:
        if not self._is_signed("POST", path, headers, body):
            return 403, {"__type": "SignatureDoesNotMatch", "message": "The signature does not match."}
        if path != "/v2/email/outbound-bulk-emails":
            return 404, {"__type": "UnknownOperationException", "message": "no such operation"}
        call = json.loads(body)
        entries = call["BulkEmailEntries"]
        self.calls.append(len(entries))
        if len(entries) > self.most:
            return 400, {"__type": "BadRequestException", "message": "Too many destinations."}
        assert call["FromEmailAddress"].isascii()
        return 200, {"BulkEmailEntryResults": [self._one(call, entry) for entry in entries]}

    def read(self, target: str, headers: Message) -> Answer:
        """Answer a page of the account's suppression list, two entries on each."""
        if not self._is_signed("GET", target, headers, b""):
            return 403, {"__type": "SignatureDoesNotMatch", "message": "The signature does not match."}
        url = urlsplit(target)
        assert url.path == "/v2/email/suppression/addresses"
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert int(query.get("PageSize", "1000")) <= 1000
        start = int(base64.b64decode(query.get("NextToken", "")).rstrip(b"?>") or 0)
        entries = [
            {"EmailAddress": address, "Reason": reason, "LastUpdateTime": 1737133200.5}
            for address, reason in self.suppressed[start : start + 2]
        ]
        token = base64.b64encode(f"{start + 2}?>".encode()).decode()  # has a sign that a query encodes
        more = {"NextToken": token} if start + 2 < len(self.suppressed) else {}
        return 200, {"SuppressedDestinationSummaries": entries, **more}

    def _is_signed(self, method: str, path: str, headers: Message, body: bytes) -> bool:
        """Sign the same request as Amazon's own library does, and compare."""
        names = re.search(r"SignedHeaders=([\w;-]+)", headers["Authorization"])
        assert names
        signed = {name: headers[name] for name in names[1].split(";") if name != "host"}
        request = AWSRequest(method=method, url=f"{self.url}{path}", data=body, headers=signed)
        request.context["timestamp"] = headers["X-Amz-Date"]
        auth = SigV4Auth(Credentials(KEY, KEY), "ses", "eu-central-1")
        string_to_sign = auth.string_to_sign(request, auth.canonical_request(request))
        return headers["Authorization"].endswith(f"Signature={auth.signature(string_to_sign, request)}")

    def _one(self, call: dict[str, Any], entry: dict[str, Any]) -> dict[str, str]:
        [to] = entry["Destination"]["ToAddresses"]
        assert to.isascii()
        encoded, address = parseaddr(to)
        name = str(make_header(decode_header(encoded)))
        status = "INVALID_PARAMETER" if address in self.bad else self.statuses.get(address, "SUCCESS")
        if status != "SUCCESS":
            return {"Status": status, "Error": "Refused."}
        content = call["DefaultContent"]["Template"]["TemplateContent"]
        data = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
        tags = {tag["Name"]: tag["Value"] for tag in [*call.get("DefaultEmailTags", []), *entry["ReplacementTags"]]}
        assert all(re.fullmatch(r"[\w-]{1,256}", value) for value in tags.values())
        fill = braces(data)
        headers = {header["Name"]: header["Value"] for header in entry["ReplacementHeaders"]}
        assert len(headers) <= 15
        self.rendered[address] = {
            "subject": fill(content["Subject"]),
            "html": fill(content["Html"]),
            "text": fill(content["Text"]),
            "name": name,
            **headers,
        }
        self.accepted.append((address, tags["delivery_id"].replace("-", "."), tags.get("batch", "")))
        return {"Status": "SUCCESS", "MessageId": f"ses-{len(self.accepted)}"}

    def busy(self) -> tuple[int, object, dict[str, str]]:
        refusal = {"message": "Maximum sending rate exceeded."}
        return 429, refusal, {"x-amzn-errortype": "TooManyRequestsException:", "Retry-After": "0"}
