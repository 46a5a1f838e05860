"""The providers' own clients send what we send, and understand the servers that stand for the providers.

Amazon's client checks every call against Amazon's model of its API.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formataddr
from typing import Any

import pytest
from botocore.session import get_session
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mailersend import MailerSendClient
from mailersend.models.email import EmailRequest
from mailjet_rest import Client as MailjetClient
from mailjet_rest import ValidationError as MailjetRefusal
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import Content, CustomArg, Email, Header, Mail, Personalization, Substitution, To
from sparkpost.transmissions import Transmissions

from newsletter.providers import sendgrid
from newsletter.providers.base import Batch, ListedAddress
from newsletter.providers.dispatch import hand_over, prepare
from newsletter.providers.transport import exchange
from newsletter.providers.webhooks import UnverifiedError, WebhookCall
from tests.providers.test_apis import RECORDS, settings
from tests.providers.test_postmark import batch as batch_of
from tests.providers.test_postmark import recipient
from tests.support.api_servers import MailerSend, Mailjet, SendGrid, SparkPost
from tests.support.provider_server import KEY, ProviderServer
from tests.support.ses_server import Ses

BATCH = replace(batch_of(recipient(1, "Zoë Łukasz"), recipient(2)), tag="0123456789abcdef-7")


def ours(server: ProviderServer, batch: Batch = BATCH) -> Any:
    """The body that we send."""
    make = RECORDS[server.dialect].request
    assert make
    return json.loads(bytes(make(batch, settings(server)).body))


def has_the_same(server: ProviderServer, send: Callable[[], object]) -> None:
    """Both calls made every reader the same message, whoever made them."""
    hand_over(prepare(RECORDS[server.dialect], BATCH, settings(server)))
    by_us, accepted = dict(server.rendered), [*server.accepted]
    assert len(accepted) == 2
    server.rendered.clear()
    server.accepted.clear()
    send()
    assert server.rendered == by_us
    assert server.accepted == accepted


def amazon(server: Ses) -> Any:
    session = get_session()
    session.set_credentials(KEY, KEY)
    return session.create_client("sesv2", region_name="eu-central-1", endpoint_url=server.url)


def test_amazon_s_client_takes_our_call_for_one_of_its_api_and_reads_every_result() -> None:
    with Ses() as server:
        call = ours(server)

        has_the_same(server, lambda: amazon(server).send_bulk_email(**call))
        server.bad = {"r2@example.com"}
        answer = amazon(server).send_bulk_email(**call)

    assert answer["BulkEmailEntryResults"] == [
        {"Status": "SUCCESS", "MessageId": "ses-3"},
        {"Status": "INVALID_PARAMETER", "Error": "Refused."},
    ]


@pytest.mark.parametrize("setting", ["configuration_set", "session_token"])
def test_what_a_setting_adds_to_a_call_is_in_amazon_s_model_too(setting: str) -> None:
    with Ses() as server:
        make = RECORDS["ses"].request
        assert make
        call = json.loads(bytes(make(BATCH, {**settings(server), setting: "news"}).body))

        assert len(amazon(server).send_bulk_email(**call)["BulkEmailEntryResults"]) == 2


def test_amazon_s_client_knows_the_errors_that_we_read() -> None:
    with Ses() as server:
        client = amazon(server)
        server.faults = ["not accepted: no credits"]

        with pytest.raises(client.exceptions.AccountSuspendedException, match="Suspended"):
            client.send_bulk_email(**ours(server))


def test_amazon_s_client_reads_the_same_suppression_list_as_we_do() -> None:
    with Ses() as server:
        server.suppressed = [(f"b{number}@example.com", "BOUNCE") for number in range(5)]
        pages: list[list[str]] = []
        token: dict[str, str] = {}
        while len(pages) < 10:
            page = amazon(server).list_suppressed_destinations(PageSize=1000, **token)
            pages.append([each["EmailAddress"] for each in page["SuppressedDestinationSummaries"]])
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        read = suppressions_of(server)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each.address for each in read] == [address for page in pages for address in page]
    assert {each.at for each in read} == {datetime(2025, 1, 17, 17, 0, 0, 500_000, UTC)}


def suppressions_of(server: ProviderServer) -> list[ListedAddress]:
    """Everyone on the provider's list, by our requests."""
    suppressions, known = RECORDS[server.dialect].suppressions, settings(server)
    assert suppressions
    waiting = [*suppressions.requests(known)]
    addresses: list[ListedAddress] = []
    while waiting:
        request = waiting.pop(0)
        page = suppressions.page(request, exchange(request), known)
        assert page
        addresses += page.addresses
        waiting += [page.more] if page.more else []
    return addresses


def test_sendgrid_s_client_sends_the_same_as_we_do() -> None:
    with SendGrid() as server:
        call = ours(server)
        mail = Mail(from_email=Email(call["from"]["email"], call["from"]["name"]), subject=call["subject"])
        mail.reply_to = call["reply_to"]["email"]
        for part in call["content"]:
            mail.add_content(Content(part["type"], part["value"]))
        for place, person in enumerate(call["personalizations"]):
            mail.add_personalization(_personalization(person), place)
        client = SendGridAPIClient(KEY, host=server.url)

        has_the_same(server, lambda: client.send(mail))

    assert mail.get()["personalizations"] == call["personalizations"]


def _personalization(person: dict[str, Any]) -> Personalization:
    made = Personalization()
    made.add_to(To(person["to"][0]["email"], person["to"][0].get("name")))
    for name, value in person["headers"].items():
        made.add_header(Header(name, value))
    for key, value in person["substitutions"].items():
        made.add_substitution(Substitution(key, value))
    for key, value in person["custom_args"].items():
        made.add_custom_arg(CustomArg(key, value))
    return made


@pytest.mark.parametrize("is_changed", [False, True])
def test_sendgrid_s_client_believes_a_webhook_when_we_do(is_changed: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    at, body = "1737115200", '[{"email":"r1@example.com","event":"delivered","timestamp":1737115200}]\r\n'
    signature = base64.b64encode(key.sign((at + body).encode(), ec.ECDSA(hashes.SHA256()))).decode()
    arrived = body.replace("r1", "r2") if is_changed else body
    theirs = EventWebhook()
    headers = {
        "x-twilio-email-event-webhook-timestamp": at,
        "x-twilio-email-event-webhook-signature": signature,
    }
    call = WebhookCall(headers=headers, body=arrived.encode(), at=datetime.fromtimestamp(int(at), UTC))

    def we_believe() -> bool:
        try:
            sendgrid.verify(call, {"webhook_secret": public}, lambda url: b"")
        except UnverifiedError:
            return False
        return True

    known = theirs.convert_public_key_to_ecdsa(public)
    assert theirs.verify_signature(arrived, signature, at, known) == we_believe() == (not is_changed)


def test_mailjet_s_client_sends_the_same_as_we_do_and_reads_what_was_refused() -> None:
    with Mailjet() as server, MailjetClient(auth=(KEY, KEY), version="v3.1", api_url=f"{server.url}/") as client:
        call = ours(server)

        has_the_same(server, lambda: client.send.create(data=call))
        server.bad = {"r2@example.com"}
        with pytest.raises(MailjetRefusal, match=r"success.*mj-0013"):
            client.send.create(data=call)


def test_mailersend_s_client_sends_the_same_as_we_do() -> None:
    """But for `list_unsubscribe`, which it does not know."""
    with MailerSend() as server:
        call = ours(server)
        addresses = [message.pop("list_unsubscribe") for message in call]
        emails = [EmailRequest.model_validate(message) for message in call]
        client = MailerSendClient(KEY, base_url=f"{server.url}/v1/")

        answer = client.emails.send_bulk(emails)

    assert all("/unsubscribe/" in address for address in addresses)
    assert [email.model_dump(by_alias=True, exclude_none=True) for email in emails] == call
    assert answer.data["bulk_email_id"] == "ms-1"
    assert [id for _, id, _ in server.accepted] == ["1.1", "1.2"]


def test_mailersend_s_client_reads_the_same_suppression_list_as_we_do() -> None:
    with MailerSend() as server:
        server.suppressed = [("b1@example.com", "hard-bounces"), ("c1@example.com", "spam-complaints")]
        lists = MailerSendClient(KEY, base_url=f"{server.url}/v1/").recipients
        theirs = [*lists.list_hard_bounces().data["data"], *lists.list_spam_complaints().data["data"]]
        ours = suppressions_of(server)

    assert [each.address for each in ours] == [each["recipient"]["email"] for each in theirs]
    assert {each.at for each in ours} == {datetime(2025, 1, 17, 17, 0, tzinfo=UTC)}


def test_sparkpost_s_client_sends_the_same_as_we_do_and_reads_the_numbers() -> None:
    with SparkPost() as server:
        call = ours(server)
        content, client = call["content"], Transmissions(f"{server.url}/api/v1", KEY)
        model = {
            "from_email": formataddr((content["from"]["name"], content["from"]["email"]), charset="utf-8"),
            "subject": content["subject"],
            "html": content["html"],
            "text": content["text"],
            "reply_to": content["reply_to"],
            "custom_headers": content["headers"],
            "recipients": call["recipients"],
            "campaign": call["campaign_id"],
            "transactional": True,
            "track_opens": False,
            "track_clicks": False,
        }

        has_the_same(server, lambda: client.send(**model))
        assert client.send(**model)["total_accepted_recipients"] == 2
