"""What providers' own machine-readable descriptions say of the calls that we make: fields, types and limits.

Facts of the descriptions alone, in the form of JSON Schema; read on 2026-11-29. An object takes no fields but those
that are named. Amazon's description comes with botocore, MailerSend's with its own Python client, and neither is
repeated here. Mailjet publishes none of its Send API: the fields are those of its own client for Go, the limit and the
forbidden headers those of its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
WORDS: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
ANYTHING: Schema = {}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


@dataclass(frozen=True, kw_only=True)
class Description:
    """The calls of one provider that we make."""

    sources: tuple[str, ...]
    """Repository and commit, file, licence; or the page."""
    path: str
    """Of the call that sends."""
    body: Schema
    queries: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    """The parameters of each GET, by a pattern of its path; values are text, or numbers where the schema says so."""


def fields(required: str, **properties: Schema) -> Schema:
    """Return the schema of an object with these fields and no others; `required` names some of them."""
    names = required.split()
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def several(items: Schema, most: int | None = None, least: int = 0) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, "minItems": least, **({"maxItems": most} if most is not None else {})}


def at_most(number: int, least: int = 0) -> Schema:
    """Return the schema of a number."""
    return {"type": "integer", "minimum": least, "maximum": number}


_PERSON = fields("email", email=WORDS, name=TEXT)
TAG: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,256}$"}
TRACKING: Schema = {"enum": ["account_default", "disabled", "enabled"]}
_FLAG_OF = fields("", enable=FLAG)

POSTMARK = Description(
    sources=("ActiveCampaign/postmark-python@09dc6e0 postmark/models/messages/schemas.py, outbound/manager.py (MIT)",),
    path="/email/batch",
    body=several(
        fields(
            "From To",
            **dict.fromkeys(
                ["From", "To", "Cc", "Bcc", "Subject", "Tag", "HtmlBody", "TextBody", "ReplyTo", "MessageStream"], TEXT
            ),
            Headers=several(fields("Name Value", Name=WORDS, Value=TEXT)),
            TrackOpens=FLAG,
            TrackLinks={"enum": ["None", "HtmlAndText", "HtmlOnly", "TextOnly"]},
            Metadata=TEXTS,
        ),
        most=500,
        least=1,
    ),
    queries={
        "/messages/outbound": {
            "count": at_most(500),
            "offset": at_most(10_000),
            "messagestream": TEXT,
            "metadata_batch": TEXT,
        },
        "/message-streams/[^/]+/suppressions/dump": {},
    },
)
RESEND = Description(
    sources=("resend/resend-openapi@00e47ec resend.yaml, SendEmailRequest, Tag (MIT)",),
    path="/emails/batch",
    body=several(
        fields(
            "from to subject",
            **{"from": WORDS, "to": several(WORDS, 50, 1)},
            **dict.fromkeys(("subject", "html", "text", "reply_to", "topic_id"), TEXT),
            headers={"type": "object"},
            tags=several(fields("", name=TAG, value=TAG)),
        ),
        most=100,  # https://resend.com/docs/api-reference/emails/send-batch-emails
        least=1,
    ),
)
SENDGRID = Description(
    sources=(
        "twilio/sendgrid-oai@2a6ae18 spec/yaml/tsg_mail_v3.yaml (MIT)",
        "twilio/sendgrid-oai@380cb65 spec/yaml/tsg_email_activity_v3.yaml (MIT)",
        "https://www.twilio.com/docs/sendgrid/api-reference/bounces-api/retrieve-all-bounces",
    ),
    path="/v3/mail/send",
    body=fields(
        "personalizations from subject content",
        **{"from": _PERSON},
        reply_to=_PERSON,
        subject=WORDS,
        content=several(fields("type value", type=WORDS, value=WORDS), least=1),
        categories=several({"type": "string", "maxLength": 255}, 10),
        personalizations=several(
            fields(
                "to",
                to=several(_PERSON, 1000, 1),
                subject=WORDS,
                headers={
                    "type": "object",
                    "propertyNames": {
                        "not": {
                            "pattern": r"(?i)^(x-sg-e?id|received|dkim-signature|content-type|content-transfer-encoding"
                            r"|to|from|subject|reply-to|b?cc)$"
                        }
                    },
                },
                substitutions={**TEXTS, "maxProperties": 10_000},
                custom_args={"type": "object", "maxProperties": 10_000},
            ),
            most=1000,
            least=1,
        ),
        tracking_settings=fields(
            "", **dict.fromkeys(("click_tracking", "open_tracking", "subscription_tracking"), _FLAG_OF)
        ),
    ),
    queries={
        "/v3/messages": {"query": WORDS, "limit": at_most(1000, 1)},
        "/v3/suppression/(bounces|invalid_emails|spam_reports|unsubscribes)": {
            "limit": at_most(500, 1),
            "offset": NUMBER,
        },
    },
)
MAILGUN = Description(
    sources=(
        "mailgun/documentation@047a03d source/api-events.rst, @04b10ed source/api-suppressions.rst",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending",
    ),
    path="/v3/news.example.com/messages",
    body={
        "type": "object",
        "properties": dict.fromkeys(("from", "to", "subject", "html", "text", "recipient-variables"), TEXT),
        "patternProperties": {r"^[ohvt]:[\w-]+$": TEXT},
        "required": ["from", "to", "subject", "recipient-variables"],
        "additionalProperties": False,
    },
    queries={
        "/v3/[^/]+/events": {
            **dict.fromkeys(("event", "tags", "recipient", "severity", "to", "from", "subject"), TEXT),
            "begin": NUMBER,
            "end": NUMBER,
            "ascending": {"enum": ["yes", "no"]},
            # 100 in the older documentation; 300 in https://documentation.mailgun.com/docs/mailgun/api-reference/.
            "limit": at_most(300, 1),
        },
        "/v3/[^/]+/(bounces|complaints|unsubscribes)": {"limit": at_most(1000, 1)},
    },
)
BREVO = Description(
    sources=(
        "getbrevo/brevo-python@50fa619 src/brevo/transactional_emails/types/, made from Brevo's definition (MIT)",
        "anymail/django-anymail@671f6e8 anymail/backends/brevo.py: `headers` of a version, which the definition lacks",
        "https://developers.brevo.com/docs/batch-send-transactional-emails",
    ),
    path="/v3/smtp/email",
    body=fields(
        "sender messageVersions",
        sender=_PERSON,
        replyTo=_PERSON,
        headers={"type": "object"},
        tags=several(TEXT),
        **dict.fromkeys(("subject", "htmlContent", "textContent", "scheduledAt", "batchId"), TEXT),
        messageVersions=several(
            fields(
                "to",
                to=several(_PERSON, 99, 1),
                params={"type": "object"},
                headers={"type": "object", "additionalProperties": {"type": "string", "pattern": r"^[ -~]*$"}},
                **dict.fromkeys(("subject", "htmlContent", "textContent"), TEXT),
            ),
            most=1000,
            least=1,
        ),
    ),
    queries={"/v3/smtp/blockedContacts": {"limit": at_most(100, 1), "offset": NUMBER}},
)
MAILJET = Description(
    sources=(
        "mailjet/mailjet-apiv3-go mailjet_resources.go, InfoMessagesV31 (MIT)",
        "https://dev.mailjet.com/reference/email/send-emails/",
        "mailgun/mailjet-mcp-server@1a6082a src/openapi-mailjet.yaml, /v3/REST/message and messageinformation",
    ),
    path="/v3.1/send",
    body=fields(
        "Messages",
        Messages=several(
            fields(
                "From To",
                **dict.fromkeys(("From", "Sender", "ReplyTo"), fields("Email", Email=WORDS, Name=TEXT)),
                **dict.fromkeys(("To", "Cc", "Bcc"), several(fields("Email", Email=WORDS, Name=TEXT), 50)),
                **dict.fromkeys(
                    ["Subject", "TextPart", "HTMLPart", "CustomCampaign", "CustomID", "EventPayload"], TEXT
                ),
                TrackOpens=TRACKING,
                TrackClicks=TRACKING,
                DeduplicateCampaign=FLAG,
                Headers=TEXTS,
            ),
            most=50,
            least=1,
        ),
    ),
    queries={
        "/v3/REST/messageinformation": {"CustomCampaign": TEXT, "Limit": at_most(1000, 1)},
        "/v3/REST/message": {
            "Campaign": NUMBER,
            "CustomID": TEXT,
            "FromTS": TEXT,
            "ShowCustomID": {"enum": ["true", "false"]},
            "Limit": at_most(1000, 1),
        },
    },
)
SPARKPOST = Description(
    sources=(
        "SparkPost/developers.sparkpost.com@03da936 content/api/transmissions.apib",
        "SparkPost/developers.sparkpost.com@21c063b content/api/recipient-lists.apib",
        "https://developers.sparkpost.com/api/events/",
        "https://developers.sparkpost.com/api/suppression-list/",
    ),
    path="/api/v1/transmissions",
    body=fields(
        "recipients content",
        options=fields("", **dict.fromkeys(("transactional", "open_tracking", "click_tracking", "inline_css"), FLAG)),
        campaign_id={"type": "string", "maxLength": 64},
        content=fields(
            "from subject",
            **{"from": _PERSON},
            **dict.fromkeys(("subject", "html", "text", "reply_to"), TEXT),
            headers={
                "type": "object",
                "propertyNames": {
                    "not": {"pattern": r"(?i)^(subject|from|to|reply-to|content-(type|transfer-encoding))$"}
                },
            },
        ),
        recipients=several(
            fields(
                "address",
                address=fields("email", email=WORDS, name=TEXT, header_to=TEXT),
                metadata={"type": "object"},
                substitution_data={"type": "object"},
                tags=several(TEXT, 10),
            ),
            least=1,
        ),
    ),
    queries={
        "/api/v1/events/message": {
            **dict.fromkeys(("events", "campaigns", "from", "to", "cursor"), TEXT),
            "per_page": at_most(10_000, 1),
        },
        "/api/v1/suppression-list": {"cursor": TEXT, "per_page": at_most(10_000, 1)},
    },
)
DESCRIPTIONS: Mapping[str, Description] = {
    "postmark": POSTMARK,
    "resend": RESEND,
    "sendgrid": SENDGRID,
    "mailgun": MAILGUN,
    "brevo": BREVO,
    "mailjet": MAILJET,
    "sparkpost": SPARKPOST,
}
