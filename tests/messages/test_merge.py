"""Merging: the place of a merge tag decides how its value is escaped."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import IssueError, NewsletterError
from tests.support.writing import built, message_for

ADDRESS = "https://ok.example/?a=b&c=d e"


def with_fields(folder: Path, body: str) -> Path:
    settings = folder / "newsletter.toml"
    settings.write_text(settings.read_text() + '[fields]\nsite = "text"\npath = "text"\n')
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "{{ site }}",
        "{% if site %}{{ site }}{% else %}https://example.com/{% endif %}",
        "{% if not site %}https://example.com/{% else %}{{ site }}{% endif %}",
        "{% if path %}{% if site %}{{ site }}{% endif %}{% else %}{{ site }}{% endif %}",
    ],
)
def test_a_value_that_is_the_whole_address_stays_an_address(publication_folder: Path, url: str) -> None:
    folder = with_fields(publication_folder, url)
    message = message_for(built(folder, f"[a]({url})"), site=ADDRESS, path="x")
    assert 'href="https://ok.example/?a=b&amp;c=d%20e"' in message.html
    assert "a <https://ok.example/?a=b&c=d%20e>" in message.text
    hostile = message_for(built(folder, f"[a]({url})"), site="javascript:alert(1)", path="x")
    assert "javascript" not in hostile.html + hostile.text


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/{{ path }}",
        "https://example.com/{% if path %}{{ path }}{% endif %}",
        "{% if site %}https://a.example/{% else %}https://b.example/{% endif %}{{ path }}",
    ],
)
def test_a_value_that_is_a_part_of_an_address_cannot_leave_it(publication_folder: Path, url: str) -> None:
    folder = with_fields(publication_folder, url)
    message = message_for(built(folder, f"[a]({url})"), path='../x?y=1" onclick="z')
    assert "..%2Fx%3Fy%3D1%22%20onclick%3D%22z" in message.html
    assert "..%2Fx%3Fy%3D1%22%20onclick%3D%22z>" in message.text


def test_conditions_nest_but_not_for_ever(publication_folder: Path) -> None:
    deep = "{% if first_name %}" * 20 + "x" + "{% endif %}" * 20
    assert "x" in message_for(built(publication_folder, deep), first_name="Ada").text
    for body in (
        "{% if first_name %}" * 300 + "x" + "{% endif %}" * 300,
        "{% if first_name %}\n" * 200 + "x\n" + "{% endif %}\n" * 200,
    ):
        with pytest.raises(IssueError, match="more than 20 deep"):
            built(publication_folder, body)


def test_an_issue_has_a_bounded_number_of_merge_tags(publication_folder: Path) -> None:
    with pytest.raises(IssueError, match="more than 2,000 merge tags"):
        built(publication_folder, "{{ email }} " * 2001)


def test_a_template_may_only_ask_for_fields_that_exist(publication_folder: Path) -> None:
    blocks = publication_folder / "templates" / "blocks"
    blocks.mkdir(parents=True)
    (blocks / "note.mjml").write_text(
        '<mj-section><mj-column><mj-text>{{ tag("first_nmae") }}</mj-text></mj-column></mj-section>'
    )
    with pytest.raises(NewsletterError, match='no field is named "first_nmae"'):
        built(publication_folder, ":::note\nx\n:::")


def test_the_lists_id_stands_as_it_is_whatever_the_lists_title(publication_folder: Path) -> None:
    settings = publication_folder / "newsletter.toml"
    for title, header in (
        ("أخبار", "=?utf-8?b?2KPYrtio2KfYsQ==?= <daily.news.example.com>"),
        ("Fun, daily", '"Fun, daily" <daily.news.example.com>'),
    ):
        settings.write_text(settings.read_text().replace("title = ", f'title = "{title}" # '))
        assert message_for(built(publication_folder, "x")).headers["List-Id"] == header
