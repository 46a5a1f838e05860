"""What providers report, in the form of their documentation, read into our words."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.providers import PROVIDERS, find_provider
from newsletter.providers.webhooks import Report, ReportKind, UnreadableError, Webhook
from tests.support.sending import settings

AT = datetime(2025, 1, 17, 13, 0, tzinfo=UTC)
UNIX = int(AT.timestamp())
KEY = "0123456789abcdef"
TAG = f"{KEY}-7"
K = ReportKind


@dataclass(frozen=True)
class Expected:
    kind: ReportKind
    link: str = ""
    machine: bool = False


def ses(kind: str, **detail: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html."""
    name = {"Send": "send", "DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    mail = {
        "timestamp": "2025-01-17T12:59:00.000Z",
        "messageId": "ses-1",
        "destination": ["r5@example.com"],
        "tags": {"delivery_id": ["1-5"], "batch": [TAG], "ses:source-ip": ["192.0.2.0"]},
    }
    event = {"eventType": kind, "mail": mail, name: {"timestamp": "2025-01-17T13:00:00.000Z", **detail}}
    return {"Type": "Notification", "MessageId": "m", "Message": json.dumps(event), "TopicArn": "arn:aws:sns:x:1:t"}


def bounced(kind: str, subkind: str, words: str) -> dict[str, Any]:
    recipients = [{"emailAddress": "r5@example.com", "action": "failed", "diagnosticCode": words}]
    return {"bounceType": kind, "bounceSubType": subkind, "bouncedRecipients": recipients}


def sendgrid(event: str, **more: Any) -> list[dict[str, Any]]:
    """https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event."""
    own = {"email": "r5@example.com", "timestamp": UNIX, "event": event, "sg_event_id": "e", "sg_message_id": "m.1"}
    return [{**own, "delivery_id": "1.5", "batch": TAG, "smtp-id": "<1@x>", **more}]


def brevo(event: str, **more: Any) -> dict[str, Any]:
    """https://developers.brevo.com/docs/transactional-webhooks."""
    own = {"event": event, "email": "r5@example.com", "id": 1, "date": "2025-01-17 14:00:00", "ts": 1, "ts_event": 1}
    return {**own, "ts_epoch": UNIX * 1000, "message-id": "<m@x>", "X-Mailin-custom": "1.5", "tags": [TAG], **more}


def mailjet(event: str, **more: Any) -> dict[str, Any]:
    """https://dev.mailjet.com/email/guides/webhooks/."""
    own = {"event": event, "time": UNIX, "MessageID": 19421777835146490, "email": "r5@example.com", "mj_campaign_id": 7}
    return {**own, "customcampaign": KEY, "CustomID": "1.5", "Payload": TAG, **more}


def mailersend(kind: str, **more: Any) -> dict[str, Any]:
    """https://developers.mailersend.com/api/v1/webhooks.html."""
    data = {"id": "a1", "type": kind, "message_id": "m", "recipient": "r5@example.com", "tags": ["1.5", TAG], **more}
    return {"type": f"activity.{kind}", "created_at": "2025-01-17T13:00:00.000000Z", "webhook_id": "w", "data": data}


def mailersend_1(kind: str, **more: Any) -> dict[str, Any]:
    """The older form of the same."""
    email = {"object": "email", "tags": ["1.5", TAG], "recipient": {"email": "r5@example.com"}, "message": {"id": "m"}}
    data = {
        "id": "a1",
        "type": kind,
        "created_at": "2025-01-17T13:00:00.000000Z",
        "email": email,
        "morph": None,
        **more,
    }
    return {"type": f"activity.{kind}", "created_at": "2025-01-17T13:00:01.000000Z", "data": data}


def sparkpost(kind: str, group: str = "message_event", **more: Any) -> list[dict[str, Any]]:
    """https://developers.sparkpost.com/api/webhooks/."""
    own = {"type": kind, "event_id": f"9-{kind}", "timestamp": str(UNIX), "raw_rcpt_to": "r5@example.com"}
    ours = {"rcpt_meta": {"delivery_id": "1.5"}, "campaign_id": TAG, "transmission_id": "t"}
    return [{"msys": {group: {**own, **ours, **more}}}]


def postmark(record: str, **more: Any) -> dict[str, Any]:
    """https://postmarkapp.com/developer/webhooks/webhooks-overview."""
    ours = {"RecordType": record, "MessageID": "m", "Metadata": {"delivery_id": "1.5", "batch": TAG}}
    return {**ours, "ServerID": 1, "MessageStream": "broadcast", **more}


def mailgun(event: str, **more: Any) -> dict[str, Any]:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads."""
    own = {"event": event, "timestamp": float(UNIX), "id": "e", "recipient": "r5@example.com", "tags": [TAG]}
    ours = {"user-variables": {"delivery_id": "1.5"}, "message": {"headers": {"message-id": "m"}}}
    return {"signature": {}, "event-data": {**own, **ours, **more}}


def resend(kind: str, **more: Any) -> dict[str, Any]:
    """https://resend.com/docs/dashboard/webhooks/event-types."""
    tags = {"delivery_id": "1-5", "batch": TAG}
    data = {"email_id": "m", "to": ["r5@example.com"], "from": "News <news@example.com>", "tags": tags, **more}
    return {"type": f"email.{kind}", "created_at": "2025-01-17T13:00:00.000Z", "data": data}


GONE, POLICY = "smtp; 550 5.1.1 user unknown", "smtp; 550 5.7.1 rejected by policy"
LINK = "https://example.com/a"
PM_AT = "2025-01-17T13:00:00Z"
CASES: list[tuple[str, object, Expected | None]] = [
    ("ses", ses("Send"), Expected(K.TAKEN)),
    ("ses", ses("Delivery", recipients=["r5@example.com"]), Expected(K.DELIVERED)),
    ("ses", ses("Bounce", **bounced("Permanent", "General", GONE)), Expected(K.HARD_BOUNCE)),
    ("ses", ses("Bounce", **bounced("Permanent", "General", POLICY)), Expected(K.BLOCKED)),
    ("ses", ses("Bounce", **bounced("Transient", "MailboxFull", "smtp; 552")), Expected(K.SOFT_BOUNCE)),
    ("ses", ses("Bounce", **bounced("Undetermined", "Undetermined", "")), Expected(K.SOFT_BOUNCE)),
    ("ses", ses("Complaint", complaintFeedbackType="abuse"), Expected(K.COMPLAINED)),
    ("ses", ses("DeliveryDelay", delayType="MailboxFull"), Expected(K.DEFERRED)),
    ("ses", ses("Reject", reason="Bad content"), Expected(K.BLOCKED)),
    ("ses", ses("Subscription", source="UnsubscribeHeader"), Expected(K.UNSUBSCRIBED)),
    ("ses", ses("Open", userAgent="x"), Expected(K.OPENED)),
    ("ses", ses("Click", link=LINK), Expected(K.CLICKED, LINK)),
    ("ses", {"Type": "Notification", "Message": "Successfully validated SNS topic."}, None),
    ("ses", {"Type": "SubscriptionConfirmation", "Message": "You have chosen", "SubscribeURL": "https://x"}, None),
    ("sendgrid", sendgrid("processed"), Expected(K.TAKEN)),
    ("sendgrid", sendgrid("delivered", response="250 OK"), Expected(K.DELIVERED)),
    ("sendgrid", sendgrid("bounce", type="bounce", reason=GONE, status="5.1.1"), Expected(K.HARD_BOUNCE)),
    ("sendgrid", sendgrid("bounce", type="bounce", reason=POLICY, status="5.7.1"), Expected(K.BLOCKED)),
    ("sendgrid", sendgrid("bounce", type="blocked", reason="421 later", status="4.0.0"), Expected(K.BLOCKED)),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), Expected(K.HARD_BOUNCE)),
    ("sendgrid", sendgrid("dropped", reason="Spam Reporting Address"), Expected(K.COMPLAINED)),
    ("sendgrid", sendgrid("dropped", reason="Unsubscribed Address"), Expected(K.UNSUBSCRIBED)),
    ("sendgrid", sendgrid("dropped", reason="Spam Content (if spam checker app enabled)"), Expected(K.BLOCKED)),
    ("sendgrid", sendgrid("deferred", response="400 later", attempt="5"), Expected(K.DEFERRED)),
    ("sendgrid", sendgrid("spamreport"), Expected(K.COMPLAINED)),
    ("sendgrid", sendgrid("group_unsubscribe", asm_group_id=10), Expected(K.UNSUBSCRIBED)),
    ("sendgrid", sendgrid("open", sg_machine_open=True), Expected(K.OPENED, machine=True)),
    ("sendgrid", sendgrid("click", url=LINK), Expected(K.CLICKED, LINK)),
    ("sendgrid", sendgrid("account_status_change", type="compliance_suspend"), None),
    ("brevo", brevo("request"), Expected(K.TAKEN)),
    ("brevo", brevo("delivered"), Expected(K.DELIVERED)),
    ("brevo", brevo("hard_bounce", reason=GONE), Expected(K.HARD_BOUNCE)),
    ("brevo", brevo("hard_bounce", reason=POLICY), Expected(K.BLOCKED)),
    ("brevo", brevo("invalid_email"), Expected(K.HARD_BOUNCE)),
    ("brevo", brevo("soft_bounce", reason="mailbox full"), Expected(K.SOFT_BOUNCE)),
    ("brevo", brevo("deferred"), Expected(K.DEFERRED)),
    ("brevo", brevo("blocked"), Expected(K.BLOCKED)),
    ("brevo", brevo("spam"), Expected(K.COMPLAINED)),
    ("brevo", brevo("unsubscribe"), Expected(K.UNSUBSCRIBED)),
    ("brevo", brevo("unique_proxy_open"), Expected(K.OPENED, machine=True)),
    ("brevo", [brevo("click", link=LINK)], Expected(K.CLICKED, LINK)),
    ("brevo", brevo("list_addition"), None),
    ("mailjet", mailjet("sent", smtp_reply="250"), Expected(K.DELIVERED)),
    ("mailjet", mailjet("bounce", hard_bounce=True, error="user unknown"), Expected(K.HARD_BOUNCE)),
    ("mailjet", mailjet("bounce", hard_bounce=False, error="quota exceeded"), Expected(K.SOFT_BOUNCE)),
    ("mailjet", mailjet("bounce", hard_bounce=False, error="greylisted"), Expected(K.DEFERRED)),
    ("mailjet", mailjet("bounce", hard_bounce=True, error="policy issue"), Expected(K.BLOCKED)),
    ("mailjet", mailjet("blocked", error="content blocked"), Expected(K.BLOCKED)),
    ("mailjet", mailjet("blocked", error="duplicate in campaign"), Expected(K.TAKEN)),
    ("mailjet", mailjet("spam", source="JMRPP"), Expected(K.COMPLAINED)),
    ("mailjet", mailjet("unsub", mj_list_id="1"), Expected(K.UNSUBSCRIBED)),
    ("mailjet", [mailjet("click", url=LINK)], Expected(K.CLICKED, LINK)),
    ("mailersend", mailersend("sent"), Expected(K.TAKEN)),
    ("mailersend", mailersend("delivered"), Expected(K.DELIVERED)),
    ("mailersend", mailersend("hard_bounced", meta={"bounce_reason": GONE}), Expected(K.HARD_BOUNCE)),
    ("mailersend", mailersend("hard_bounced", meta={"bounce_reason": POLICY}), Expected(K.BLOCKED)),
    ("mailersend", mailersend_1("soft_bounced", morph={"reason": "mailbox full"}), Expected(K.SOFT_BOUNCE)),
    ("mailersend", mailersend_1("spam_complaint", morph={"object": "spam_complaint"}), Expected(K.COMPLAINED)),
    ("mailersend", mailersend("unsubscribed", meta=[]), Expected(K.UNSUBSCRIBED)),
    ("mailersend", mailersend("clicked", meta={"url": LINK}), Expected(K.CLICKED, LINK)),
    ("mailersend", mailersend("clicked_unique", meta={"url": LINK}), Expected(K.CLICKED, LINK)),
    ("mailersend", mailersend("opened_unique"), Expected(K.OPENED)),
    ("mailersend", {"type": "webhook.test", "created_at": "2025-01-17T13:00:00Z", "data": []}, None),
    ("sparkpost", sparkpost("injection"), Expected(K.TAKEN)),
    ("sparkpost", sparkpost("delivery"), Expected(K.DELIVERED)),
    ("sparkpost", sparkpost("bounce", bounce_class="10", raw_reason=GONE), Expected(K.HARD_BOUNCE)),
    ("sparkpost", sparkpost("bounce", bounce_class="22", raw_reason="full"), Expected(K.SOFT_BOUNCE)),
    ("sparkpost", sparkpost("bounce", bounce_class="51", raw_reason="spam"), Expected(K.BLOCKED)),
    ("sparkpost", sparkpost("out_of_band", bounce_class="90"), Expected(K.UNSUBSCRIBED)),
    ("sparkpost", sparkpost("bounce", bounce_class="60"), None),
    ("sparkpost", sparkpost("delay", bounce_class="21"), Expected(K.DEFERRED)),
    ("sparkpost", sparkpost("spam_complaint", fbtype="abuse"), Expected(K.COMPLAINED)),
    ("sparkpost", sparkpost("list_unsubscribe", "unsubscribe_event"), Expected(K.UNSUBSCRIBED)),
    ("sparkpost", sparkpost("click", "track_event", target_link_url=LINK), Expected(K.CLICKED, LINK)),
    ("sparkpost", [{"msys": {}}], None),
    ("postmark", postmark("Delivery", Recipient="r5@example.com", DeliveredAt=PM_AT), Expected(K.DELIVERED)),
    (
        "postmark",
        postmark("Bounce", Type="HardBounce", Email="r5@example.com", BouncedAt=PM_AT),
        Expected(K.HARD_BOUNCE),
    ),
    (
        "postmark",
        postmark("Bounce", Type="Transient", Email="r5@example.com", BouncedAt=PM_AT),
        Expected(K.SOFT_BOUNCE),
    ),
    ("postmark", postmark("Bounce", Type="Blocked", Email="r5@example.com", BouncedAt=PM_AT), Expected(K.BLOCKED)),
    ("postmark", postmark("Bounce", Type="SMTPApiError", Email="r5@example.com", BouncedAt=PM_AT), Expected(K.BLOCKED)),
    (
        "postmark",
        postmark("Bounce", Type="Unsubscribe", Email="r5@example.com", BouncedAt=PM_AT),
        Expected(K.UNSUBSCRIBED),
    ),
    (
        "postmark",
        postmark("Bounce", Type="SpamComplaint", Email="r5@example.com", BouncedAt=PM_AT),
        Expected(K.COMPLAINED),
    ),
    ("postmark", postmark("Bounce", Type="AutoResponder", Email="r5@example.com", BouncedAt=PM_AT), None),
    ("postmark", postmark("SpamComplaint", Email="r5@example.com", BouncedAt=PM_AT), Expected(K.COMPLAINED)),
    (
        "postmark",
        postmark(
            "SubscriptionChange",
            Recipient="r5@example.com",
            ChangedAt=PM_AT,
            SuppressSending=True,
            SuppressionReason="ManualSuppression",
        ),
        Expected(K.UNSUBSCRIBED),
    ),
    (
        "postmark",
        postmark("SubscriptionChange", Recipient="r5@example.com", ChangedAt=PM_AT, SuppressSending=False),
        None,
    ),
    (
        "postmark",
        postmark("Click", Recipient="r5@example.com", ReceivedAt=PM_AT, OriginalLink=LINK),
        Expected(K.CLICKED, LINK),
    ),
    ("mailgun", mailgun("accepted"), Expected(K.TAKEN)),
    ("mailgun", mailgun("delivered"), Expected(K.DELIVERED)),
    ("mailgun", mailgun("failed", severity="temporary", reason="generic"), Expected(K.DEFERRED)),
    (
        "mailgun",
        mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": {"message": GONE, "code": 550}}),
        Expected(K.HARD_BOUNCE),
    ),
    (
        "mailgun",
        mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": {"message": POLICY}}),
        Expected(K.BLOCKED),
    ),
    ("mailgun", mailgun("failed", severity="permanent", reason="suppress-complaint"), Expected(K.COMPLAINED)),
    ("mailgun", mailgun("unsubscribed"), Expected(K.UNSUBSCRIBED)),
    ("mailgun", mailgun("clicked", url=LINK), Expected(K.CLICKED, LINK)),
    ("mailgun", mailgun("list_member_uploaded"), None),
    ("resend", resend("sent"), Expected(K.TAKEN)),
    ("resend", resend("delivered"), Expected(K.DELIVERED)),
    ("resend", resend("bounced", bounce={"type": "Permanent", "subType": "General"}), Expected(K.HARD_BOUNCE)),
    ("resend", resend("bounced", bounce={"type": "Permanent", "subType": "Suppressed"}), Expected(K.BLOCKED)),
    ("resend", resend("bounced", bounce={"type": "Transient", "subType": "MailboxFull"}), Expected(K.SOFT_BOUNCE)),
    ("resend", resend("complained"), Expected(K.COMPLAINED)),
    ("resend", resend("delivery_delayed"), Expected(K.DEFERRED)),
    (
        "resend",
        resend(
            "clicked",
            click={"link": LINK},
            tags=[{"name": "delivery_id", "value": "1-5"}, {"name": "batch", "value": TAG}],
        ),
        Expected(K.CLICKED, LINK),
    ),
    (
        "resend",
        {"type": "contact.created", "created_at": "2025-01-17T13:00:00Z", "data": {"email": "a@example.com"}},
        None,
    ),
]


def webhook(name: str, folder: Path) -> Webhook:
    keys = {
        "ses": 'access_key_id = "env:A"\nsecret_access_key = "env:A"\nregion = "eu-west-1"',
        "mailgun": 'api_key = "env:A"\ndomain = "news.example.com"',
        "mailjet": 'api_key = "env:A"\napi_secret = "env:A"',
        "postmark": 'token = "env:A"',
    }
    own = keys.get(name, 'api_key = "env:A"')
    webhook = find_provider(settings(folder, f"[providers.{name}]\n{own}\n"), name).webhook
    assert webhook is not None
    return webhook


@pytest.mark.parametrize(("name", "body", "expected"), CASES)
def test_a_report_says_what_happened_to_whom(
    name: str, body: object, expected: Expected | None, tmp_path: Path
) -> None:
    reports = webhook(name, tmp_path).reports(json.dumps(body).encode())

    if expected is None:
        assert reports == []
        return
    [report] = reports
    assert (report.kind, report.link, bool(report.machine)) == (expected.kind, expected.link, expected.machine)
    assert (report.delivery_id, report.tag, report.address, report.at) == ("1.5", TAG, "r5@example.com", AT) or (
        name == "ses" and report.kind is K.TAKEN
    )
    assert report.key


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES}))
def test_every_provider_has_six_kinds_of_reports_and_a_report_has_one_key(name: str, tmp_path: Path) -> None:
    read = webhook(name, tmp_path).reports
    bodies = [json.dumps(body).encode() for case, body, expected in CASES if case == name and expected]

    reports: list[Report] = [report for body in bodies for report in read(body)]

    assert len({report.kind for report in reports}) >= 6
    assert reports == [report for body in bodies for report in read(body)]


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("smtp", "outbox")])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'"text"', b"7", b"[" * 50_000, b'{"event": 7}', b'[{"event": "open"}]', b"null"]
)
def test_garbage_is_unreadable_or_nothing_and_never_an_error_of_ours(name: str, body: bytes, tmp_path: Path) -> None:
    read = webhook(name, tmp_path).reports
    with suppress(UnreadableError):
        assert not any(report.delivery_id for report in read(body))
