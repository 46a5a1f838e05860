"""The API describes itself: an OpenAPI document that is valid, and a page that needs nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Browser

from newsletter.web.api.app import OPERATIONS
from newsletter.web.api.problems import KINDS
from tests import ROOT
from tests.web.api.serving import ServedApi


def test_every_operation_is_in_the_document_with_its_scope(api: ServedApi) -> None:
    answer = requests.get(f"{api.url}/api/v1/openapi.json", timeout=60)

    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    described = {
        (path.removeprefix("/api/v1"), method.upper()): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(described) == {(operation.path, operation.method) for operation in OPERATIONS}
    for operation in OPERATIONS:
        one = described[operation.path, operation.method]
        assert one["operationId"] == operation.name
        assert one["security"] == [{"key": [str(operation.scope)]}]
        has_key = any(parameter["name"] == "Idempotency-Key" for parameter in one["parameters"])
        assert has_key is operation.writes


def test_every_reference_in_the_document_leads_somewhere(api: ServedApi) -> None:
    text = requests.get(f"{api.url}/api/v1/openapi.json", timeout=60).text
    names = set(re.findall(r"#/components/schemas/(\w+)", text))

    assert names <= set(requests.get(f"{api.url}/api/v1/openapi.json", timeout=60).json()["components"]["schemas"])


def test_what_the_types_say_of_their_fields_is_in_the_document(api: ServedApi) -> None:
    schemas = requests.get(f"{api.url}/api/v1/openapi.json", timeout=60).json()["components"]["schemas"]

    assert schemas["CampaignPage"]["description"] == "A page of campaigns, the latest first."
    assert schemas["CampaignDetail"]["properties"]["reason"]["description"] == "Why it is paused."
    assert schemas["NewCampaign"]["properties"]["list"]["description"] == "Without it, the issue's list."


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_the_page_names_every_operation_and_problem_and_loads_nothing(api: ServedApi, path: str) -> None:
    answer = requests.get(f"{api.url}{path}", timeout=60)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.text
    assert all(f'id="{operation.name}"' in page for operation in OPERATIONS)
    assert all(f'id="{kind}"' in page for kind in KINDS)
    assert not re.findall(r"<(?:script|link|img|iframe)\b", page)


def test_the_page_is_shown_in_its_style_and_its_links_lead_to_its_parts(api: ServedApi, browser: Browser) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{api.url}/api/v1/")

    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"
    ids = set(page.eval_on_selector_all("[id]", "all => all.map(each => '#' + each.id)"))
    links = set(page.eval_on_selector_all("a[href^='#']", "all => all.map(each => each.getAttribute('href'))"))
    assert links <= ids
    assert not complaints
    page.close()


def test_every_operation_is_in_the_docs_beside_its_command() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    for operation in OPERATIONS:
        assert f"`{operation.method} {operation.path}`" in page, operation.name
