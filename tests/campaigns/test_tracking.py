"""Tracking adds to an email what its level says, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.campaigns.tracking import FIELD, Level, targets, track_token, tracked
from newsletter.config import PublicationSettings
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient, Syntax
from newsletter.signed_links import Links, Purpose
from tests.support.sending import settings
from tests.support.writing import built

pytestmark = pytest.mark.usefixtures("each_database")

STORY = "https://example.com/story?a=1&b=2"
MESSAGE = CompiledMessage(
    slug="hello",
    subject="Hello",
    preheader="",
    html=f'<html><body><p>Hi</p><a class="x" href="{STORY.replace("&", "&amp;")}">read</a>'
    "<a href='https://example.com/two'>two</a><a href=\"mailto:a@example.com\">mail</a>"
    '<a href="NLM00000xNL">leave</a><a href="https://example.com/?e=NLM00001xNL">you</a>'
    '<a href="https://news.example.com/subscribe">join</a><a href="#top">up</a></body></html>',
    text=f"Read <{STORY}>, leave <NLM00000xNL>",
    tags=("{{ unsubscribe_url }}", "{{ email }}"),
    links=(
        STORY,
        "https://example.com/two",
        "mailto:a@example.com",
        "NLM00000xNL",
        "https://example.com/?e=NLM00001xNL",
        "https://news.example.com/subscribe",
        "#top",
    ),
)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path)


@pytest.fixture
def links(publication: PublicationSettings) -> Links:
    return Links(publication)


def hrefs(html: str) -> list[str]:
    return re.findall(r"href=[\"']([^\"']*)", html)


def sent(publication: PublicationSettings, message: CompiledMessage, links: Links, subscriber_id: int) -> str:
    """One reader's HTML."""
    mailing = Mailing(message, envelope(publication, "daily", datetime(2025, 1, 17, tzinfo=UTC), "key"))
    fields = {"email": f"r{subscriber_id}@example.com", "unsubscribe_url": "https://news.example.com/unsubscribe/x"}
    own = {**fields, FIELD: track_token(links, subscriber_id, 7)}
    return mailing.message(Recipient(delivery_id="7.1", email="r@example.com", fields=own)).html


def test_without_tracking_the_message_is_the_very_same(links: Links) -> None:
    assert tracked(MESSAGE, Level.NONE, links, 7) is MESSAGE


def test_only_web_addresses_of_others_that_are_the_same_for_all_lead_through_us(
    publication: PublicationSettings, links: Links
) -> None:
    html = sent(publication, tracked(MESSAGE, Level.INDIVIDUAL, links, 7), links, 3)

    token = track_token(links, 3, 7)
    first, second, *others = hrefs(html)
    assert first == f"https://news.example.com/c/{token}.0"
    assert second == f"https://news.example.com/c/{token}.1"
    assert others == [
        "mailto:a@example.com",
        "https://news.example.com/unsubscribe/x",
        "https://example.com/?e=r3%40example.com",
        "https://news.example.com/subscribe",
        "#top",
    ]
    assert f'<img src="https://news.example.com/o/{token}" width="1" height="1" alt=""' in html
    assert html.endswith("</body></html>")


def test_in_aggregate_everybody_gets_the_same_bytes_and_no_reader_is_in_them(
    publication: PublicationSettings, links: Links
) -> None:
    message = tracked(MESSAGE, Level.AGGREGATE, links, 7)

    assert message.tags == MESSAGE.tags
    token = hrefs(message.html)[0].rpartition("/")[2].rpartition(".")[0]
    claims = links.read(token, Purpose.TRACK)
    assert claims
    assert (claims.subscriber_id, claims.campaign_id, claims.list) == (0, 7, "")


def test_a_provider_that_fills_in_by_itself_gets_the_token_as_one_more_variable(
    publication: PublicationSettings, links: Links
) -> None:
    message = tracked(MESSAGE, Level.INDIVIDUAL, links, 7)
    mailing = Mailing(message, envelope(publication, "daily", datetime(2025, 1, 17, tzinfo=UTC), "key"))
    token = track_token(links, 3, 7)
    fields = {"email": "r@example.com", "unsubscribe_url": "https://news.example.com/unsubscribe/x", FIELD: token}
    syntax = Syntax(slot="<<{}>>", literal=re.compile("<(?=<)"), mark="<")

    values = mailing.variables([Recipient(delivery_id="7.3", email="r@example.com", fields=fields)], syntax)

    slots = set(re.findall(r"/[co]/<<(\d+)>>", mailing.template(syntax).html))
    assert [values[int(slot)] for slot in slots] == [[token]]


def test_the_text_part_stays_as_it_was_written(links: Links) -> None:
    assert tracked(MESSAGE, Level.INDIVIDUAL, links, 7).text == MESSAGE.text


def test_a_link_leads_where_the_frozen_message_says_and_its_number_is_its_place_among_all(links: Links) -> None:
    moved = replace(MESSAGE, links=("mailto:x@example.com", *MESSAGE.links))

    assert targets(MESSAGE, links) == {0: STORY, 1: "https://example.com/two"}
    assert targets(moved, links) == {1: STORY, 2: "https://example.com/two"}


def test_a_tracking_token_opens_nothing_else_and_nothing_else_opens_it(links: Links) -> None:
    assert links.read(track_token(links, 3, 7), Purpose.READER) is None
    assert links.read(links.token(Purpose.READER, 3, 7, "daily"), Purpose.TRACK) is None


def test_a_built_issue_keeps_its_size_within_what_check_allows_for(
    publication_folder: Path, publication: PublicationSettings, links: Links
) -> None:
    body = "\n\n".join(f"[Story {n}](https://example.com/{n})" for n in range(20))
    message = built(publication_folder, body).message

    longer = len(tracked(message, Level.AGGREGATE, links, 1_000).html) - len(message.html)

    allowance = publication.config.check.link_allowance
    assert longer < allowance * 21, "20 links and the picture"
