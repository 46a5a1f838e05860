"""Views of an email as mail clients show it: light, dark, inverted, without pictures, in Word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.preview.dark_mode import by_day, by_night, inverted, inverted_by_outlook
from newsletter.preview.images_off import without_pictures
from newsletter.preview.outlook import branches, holds, in_outlook
from newsletter.preview.views import RENDERED, VIEWS, WRITTEN, rendered, written
from newsletter.rendering.build import Built, build, sample_recipient
from tests.support.writing import built

SHEET = """<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) { .card { background: #111111 !important; } }
@media (prefers-color-scheme: light) and (max-width: 480px) { .card { color: #222222; } }
</style>"""


def traced(folder: Path, body: str) -> Built:
    plain = built(folder, body)
    return build(plain.issue, plain.theme, traced=True)


def page(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>{body}</body></html>"


def test_by_day_the_dark_rules_never_count_and_the_light_ones_always_do() -> None:
    shown = by_day(page("", SHEET))

    assert "prefers-color-scheme" not in shown
    assert "@media (max-width:0) { .card { background: #111111" in shown
    assert "@media (min-width:0) and (max-width: 480px)" in shown
    assert ":root { color-scheme: light; supported-color-schemes: light; }" in shown


def test_by_night_the_dark_rules_always_count() -> None:
    shown = by_night(page("", SHEET))

    assert "@media (min-width:0) { .card { background: #111111" in shown
    assert "@media (max-width:0) and (max-width: 480px)" in shown
    assert ":root { color-scheme: dark; supported-color-schemes: dark; }" in shown


def test_night_is_decided_in_media_attributes_and_metas_too() -> None:
    head = '<meta name="color-scheme" content="light dark"><style media="(prefers-color-scheme: dark)">p{}</style>'

    shown = by_night(page('<source media="(prefers-color-scheme: dark)" srcset="night.png">', head))

    assert '<meta name="color-scheme" content="dark">' in shown
    assert '<style media="(min-width:0)">' in shown
    assert '<source media="(min-width:0)"' in shown


def test_words_about_colour_schemes_in_the_text_are_left_alone() -> None:
    words = "<p>Write @media (prefers-color-scheme: dark), then color-scheme: light dark;</p>"

    assert words in by_night(page(words))


def test_turned_around_white_is_black_and_pictures_stay() -> None:
    body = (
        '<table bgcolor="#FFFFFF"><tr><td style="color:#000000;border:1px solid rgb(255,255,255)">'
        '<img src="a.png" style="background:url(b.png) white"></td></tr></table>'
    )

    shown = inverted(page(body))

    assert 'bgcolor="#000000"' in shown
    assert "color:#FFFFFF;border:1px solid #000000" in shown
    assert '<img src="a.png" style="background:url(b.png) #000000;">' in shown


def test_turned_around_the_emails_own_dark_colours_are_not_asked_for() -> None:
    shown = inverted(page("", SHEET))

    assert "prefers-color-scheme" not in shown
    assert ".card { color: #DDDDDD; }" in shown


def test_outlook_marks_what_it_turned_and_leaves_the_emails_answer_as_it_is() -> None:
    head = "<style>[data-ogsc] .ink { color: #EEEEEE !important; }</style>"

    shown = inverted_by_outlook(page('<p class="ink" style="color:#111111">Words</p>', head))

    assert "[data-ogsc] .ink { color: #EEEEEE !important; }" in shown
    assert re.search(r'<p class="ink" style="color:#EEEEEE;" data-ogsc="">', shown)


def test_without_pictures_the_alt_text_stands_in_a_frame_of_their_width() -> None:
    shown = without_pictures(page('<img src="a.png" alt="A wafer" width="552" style="color:#5E6470">after'))

    assert "<img" not in shown
    assert re.search(r'<span class="nl-no-picture" style="color:#5E6470;[^"]*width:552px;[^"]*">A wafer</span>', shown)
    assert "</span>after" in shown


def test_without_pictures_a_ground_of_pictures_is_gone_too() -> None:
    head = "<style>.a { background: url('x.png') #FFFFFF; }</style>"

    shown = without_pictures(page('<table background="x.png" style="background-image:url(x.png)"></table>', head))

    assert "x.png" not in shown


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ("mso", True),
        ("mso | IE", True),
        ("IE", False),
        ("!mso", False),
        ("gte mso 9", True),
        ("lte mso 11", False),
        ("(gte mso 9)|(IE)", True),
        ("(mso)&(!IE)", True),
        ("mso 16", True),
        ("mso 15", False),
        ("vml", False),
        ("", False),
        ("lt", False),
    ],
)
def test_conditions_hold_as_they_do_in_outlook(condition: str, is_true: bool) -> None:
    assert holds(condition) is is_true


@given(st.text(alphabet="mso ie()|&!gtel 0123456789.vx", max_size=40))
def test_no_condition_is_too_strange(condition: str) -> None:
    assert holds(condition) in (True, False)


def test_outlooks_branches_are_shown_and_the_others_are_not() -> None:
    html = "<!--[if mso]><b>Word</b><![endif]--><!--[if !mso]><!--><i>Others</i><!--<![endif]--><!-- kept -->"

    assert branches(html) == "<b>Word</b><!-- kept -->"


def test_in_outlook_what_word_does_not_know_is_gone() -> None:
    body = (
        '<div style="max-width:600px;padding:8px;color:#111111;border-radius:8px">Words</div>'
        '<table><tr><td style="padding:8px;display:inline-block;background-color:#EEEEEE">Cell</td></tr></table>'
    )
    head = "<style>@media (max-width:480px) { p { color: red } } .a > b { color: red } .c { color: blue }</style>"

    shown = in_outlook(page(body, head))

    assert '<div style="color:#111111;">Words' in shown
    assert '<td style="padding:8px;background-color:#EEEEEE;">' in shown
    assert "@media" not in shown
    assert ".a > b" not in shown
    assert ".c { color: blue ;}" in shown


def test_in_outlook_words_own_properties_count() -> None:
    body = '<table><tr><td style="mso-padding-alt:12px 28px"><a style="padding:12px 28px">Read</a></td></tr></table>'

    shown = in_outlook(page(body + '<p style="mso-hide:all">Preheader</p>'))

    assert '<td style="padding:12px 28px;"><a style="">Read' in shown
    assert '<p style="display:none;">Preheader' in shown


def test_every_view_keeps_the_words_and_the_marks_of_the_blocks(publication_folder: Path) -> None:
    issue = traced(
        publication_folder, 'Dear {{ first_name | default("reader") }}.\n\n:::note title="A note"\nWords.\n:::'
    )
    reader = sample_recipient(issue.theme.publication, issue.issue.slug)

    for view in RENDERED:
        shown = rendered(issue, reader, view, ())

        assert "Dear reader." in shown, view
        assert "<!--nl-block 1-->" in shown, view
        assert "data-nl-line=" in shown, view


def test_what_is_read_is_what_would_be_sent(publication_folder: Path) -> None:
    issue = built(publication_folder, "Words.")
    reader = sample_recipient(issue.theme.publication, issue.issue.slug)

    read = {view: written(issue, reader, view) for view in WRITTEN}

    assert (*RENDERED, *WRITTEN) == VIEWS
    assert "nl-block" not in read["source"]
    assert read["text"].startswith("Daily Inference\n")
    assert "\nSubject: Hello\n" in read["headers"]
    assert "List-Unsubscribe-Post" in read["headers"]
    assert "Words." not in read["headers"]
    assert read["raw"].startswith(read["headers"])
