"""The numbers of an approved message's links stand in its `<a>`s, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from newsletter.preview.numbered_links import with_numbers
from tests.support.sending import MESSAGE


def numbered(html: str, *links: str) -> str:
    return with_numbers(replace(MESSAGE, html=html, links=links)).html


def test_a_link_that_stands_twice_has_one_number_and_an_escaped_address_is_known() -> None:
    html = '<a href="https://a.example">1</a><a class="x" href="https://b.example?x=1&amp;y=2">2</a><a href=\'https://a.example\'>3</a>'

    marked = numbered(html, "https://a.example", "https://b.example?x=1&y=2")

    assert marked == (
        '<a data-nl-link="0" href="https://a.example">1</a>'
        '<a data-nl-link="1" class="x" href="https://b.example?x=1&amp;y=2">2</a>'
        "<a data-nl-link=\"0\" href='https://a.example'>3</a>"
    )


def test_links_that_are_not_counted_and_other_elements_stay_as_they_are() -> None:
    html = '<abbr href="https://a.example">1</abbr><a name="x">2</a><a href="NLM00001xNL">leave</a>'

    assert numbered(html, "https://a.example") == html


def test_a_link_whose_address_holds_a_merge_tag_is_numbered_by_its_place() -> None:
    html = '<a href="https://a.example/NLM00000xNL">1</a>'

    assert 'data-nl-link="0"' in numbered(html, "https://a.example/NLM00000xNL")
