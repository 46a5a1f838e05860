"""Every slot is filled for the sample readers: none is left open or encoded twice, and no header breaks."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.checks.context.rule import Example
from newsletter.checks.context.sample_copies import WORST, Copy, copies, copy_of
from newsletter.config import load_publication
from newsletter.rendering.build import build_issue
from tests import ROOT
from tests.checks.publications import check, make

SLOTS = Example(
    front="subject: \"{{ first_name | default('You') }}, the chip rules\"",
    body='Good morning {{ first_name | default("there") }}.\n\n'
    "{% if plan %}Your plan: {{ plan }}.{% endif %}\n\n"
    'Read [your page](https://example.com/read?who={{ first_name | default("x") }}&plan={{ plan | default("y") }}).\n\n'
    ":::article title='For {{ first_name | default(\"you\") }}' url='https://example.com/{{ plan | default(\"z\") }}'\n"
    "Words.\n:::",
)
HEADERS = {
    "to", "subject", "message-id", "list-unsubscribe", "from", "reply-to", "date", "list-id", "list-unsubscribe-post",
}  # fmt: skip
"""All but those of the structure, which `Copy.headers` leaves out."""


def test_the_samples_come_out_whole_for_every_one_of_the_worst_readers() -> None:
    publication = load_publication(ROOT / "newsletter.toml")
    for path in sorted((ROOT / "issues").glob("*.md")):
        for copy in copies(build_issue(publication, path)):
            assert not re.search(r"NL[A-Z]\d{5}xNL", copy.message.html + copy.message.text + copy.message.subject)


@pytest.mark.parametrize("reader", WORST)
def test_a_copy_for_the_worst_reader_is_whole(reader: str, tmp_path: Path) -> None:
    path = make(tmp_path, SLOTS)
    built = build_issue(load_publication(tmp_path / "newsletter.toml"), path)

    copy = next(copy for copy in copies(built) if copy.reader == reader)

    assert {name.lower() for name in copy.headers} == HEADERS
    assert not copy.headers.defects
    assert "\n" not in copy.message.subject
    assert "<script" not in copy.message.html
    assert "&amp;amp;" not in copy.message.html or "&amp;" in copy.value


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Copy]:
    """The copy of a reader whose every field holds a value."""
    folder = tmp_path_factory.mktemp("slots")
    path = make(folder, SLOTS)
    built = build_issue(load_publication(folder / "newsletter.toml"), path)
    return lambda value: copy_of(built, "anybody", value)


@pytest.mark.slow
@example(value="read")  # makes the article's address begin as that of the page
@given(value=st.text(max_size=200))
def test_whatever_a_field_holds_no_header_ends_and_no_address_changes(
    value: str, mailed: Callable[[str], Copy]
) -> None:
    copy = mailed(value)

    assert {name.lower() for name in copy.headers} == HEADERS
    for href in re.findall(r'href="(https://example.com/read\?[^"]*)"', copy.message.html):
        assert re.fullmatch(r"https://example.com/read\?who=[\w.~%-]*&plan=[\w.~%-]*", html.unescape(href))


def test_a_copy_that_comes_out_whole_is_no_problem(tmp_path: Path) -> None:
    assert [problem.rule for problem in check(tmp_path, SLOTS)] == []


@pytest.mark.parametrize("body", [r"Write `\{{ first_name }}` or \{{ *x* }}.", r"[it](https://example.com/\{{x}})"])
def test_braces_that_an_author_escaped_are_meant(body: str, tmp_path: Path) -> None:
    assert "NL010" not in [problem.rule for problem in check(tmp_path, Example(body=body))]
