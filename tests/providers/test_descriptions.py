"""Every call that we make is one of the provider's own description of its API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from jsonschema import Draft202012Validator
from mailersend.models.email import EmailRequest

from newsletter.providers import PROVIDERS, provider_record
from newsletter.providers.base import Request, Search
from tests.providers.descriptions import DESCRIPTIONS, Description
from tests.providers.test_postmark import batch as batch_of
from tests.providers.test_postmark import recipient

BATCH = replace(batch_of(recipient(1, "Zoë, “अमित” 李"), recipient(2)), tag="0123456789abcdef-7")
BASE = "https://api.example.com"
SEARCH = Search(
    tag="0123456789abcdef-7",
    handed_at=datetime(2025, 1, 17, 12, tzinfo=UTC),
    readers={"r1@example.com": "1.1", "r2@example.com": "1.2"},
)
OTHERWISE_DESCRIBED = {"ses", "mailersend"}
"""Whose descriptions come with a package."""
WITHOUT_HTTP = {"outbox", "smtp"}


def settings(name: str) -> dict[str, str]:
    given = {"domain": "news.example.com", "region": "eu-central-1", "base_url": BASE}
    known = {setting.name: setting.default or "" for setting in provider_record(name).settings}
    return {**known, **{key: "key" for key, value in known.items() if not value}, **given}


def sent(name: str) -> Request:
    make = provider_record(name).request
    assert make
    return make(BATCH, settings(name))


def asked(name: str) -> list[Request]:
    """Every GET that we make of this provider: its search, page after page, and its lists."""
    record, known = provider_record(name), settings(name)
    searches = [SEARCH, replace(SEARCH, readers={})]
    pages = [replace(each, page="77/1") for each in searches if name == "mailjet"]
    looks = [record.lookup.request(each, known) for each in [*searches, *pages[:1]]] if record.lookup else []
    if name == "mailjet" and record.lookup:
        looks.append(record.lookup.request(replace(SEARCH, readers={}, page="77/0"), known))
    return [*looks, *(record.suppressions.requests(known) if record.suppressions else ())]


def body(request: Request) -> Any:
    raw = bytes(request.body)
    if "json" in request.headers["Content-Type"]:
        return json.loads(raw)
    message = BytesParser().parsebytes(b"Content-Type: " + request.headers["Content-Type"].encode() + b"\r\n\r\n" + raw)
    parts: list[Any] = [*message.walk()][1:]
    names = (str(part.get_param("name", header="Content-Disposition")) for part in parts)
    return {name: part.get_payload(decode=True).decode() for name, part in zip(names, parts, strict=True)}


def faults(schema: Mapping[str, Any], value: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


def query_faults(description: Description, request: Request) -> list[str]:
    url = urlsplit(request.url)
    known = next((each for path, each in description.queries.items() if re.fullmatch(path, url.path)), None)
    if known is None:
        return [f"{url.path} is not described"]
    schema = {"type": "object", "properties": known, "additionalProperties": False}
    return faults(schema, {key: int(value) if value.isdigit() else value for key, value in parse_qsl(url.query)})


def test_every_provider_that_speaks_http_is_described() -> None:
    assert DESCRIPTIONS.keys() | OTHERWISE_DESCRIBED | WITHOUT_HTTP == PROVIDERS.keys()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_what_we_send_is_in_the_provider_s_description(name: str) -> None:
    request = sent(name)

    assert urlsplit(request.url).path == DESCRIPTIONS[name].path
    assert faults(DESCRIPTIONS[name].body, body(request)) == []


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_what_we_ask_is_in_the_provider_s_description(name: str) -> None:
    assert [fault for request in asked(name) for fault in query_faults(DESCRIPTIONS[name], request)] == []


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_whole_batch_is_no_larger_than_the_description_allows(name: str) -> None:
    size = provider_record(name).batch_size
    whole = replace(BATCH, recipients=tuple(recipient(number) for number in range(1, size + 1)))
    make = provider_record(name).request
    assert make

    assert faults(DESCRIPTIONS[name].body, body(make(whole, settings(name)))) == []


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_field_that_is_not_described_would_be_seen(name: str) -> None:
    call = body(sent(name))
    first = call[0] if isinstance(call, list) else call
    first["Misspelt"] = "x"

    assert faults(DESCRIPTIONS[name].body, call) != []


def test_sparkpost_s_metadata_fits() -> None:
    people = body(sent("sparkpost"))["recipients"]

    assert all(len(json.dumps(person["metadata"])) <= 1000 for person in people)


def test_amazon_s_model_knows_what_we_send_and_what_we_ask() -> None:
    model = get_session().get_service_model("sesv2")

    def report(operation: str, call: Mapping[str, Any]) -> str:
        return str(ParamValidator().validate(call, model.operation_model(operation).input_shape).generate_report())

    [listed] = asked("ses")
    pages = {key: int(value) for key, value in parse_qsl(urlsplit(listed.url).query)}

    assert report("SendBulkEmail", body(sent("ses"))) == ""
    assert report("ListSuppressedDestinations", pages) == ""
    assert "Unknown parameter" in report("SendBulkEmail", {**body(sent("ses")), "Misspelt": 1})


def test_mailersend_s_own_model_has_every_field_that_we_send_but_the_unsubscribe_address() -> None:
    """`list_unsubscribe`: https://www.mailersend.com/help/custom-headers."""
    described = set(EmailRequest.model_json_schema(by_alias=True)["properties"])

    assert {name for message in body(sent("mailersend")) for name in message} - described == {"list_unsubscribe"}
