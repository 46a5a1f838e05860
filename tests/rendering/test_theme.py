"""The theme in Chromium: built emails measured on phones and desktops, light and dark, without pictures.

Measures what is visible; test_build.py tests what the compilers do to text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.issues.parse import parse_issue
from newsletter.rendering.assemble import assemble
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.theme import Theme
from tests import ROOT
from tests.support.programs import chromium
from tests.support.rendered_email import (
    CONTRASTS,
    Scheme,
    Studio,
    as_word_sees_it,
    box,
    build,
    luminance_of,
    publish,
    rgb,
    style,
)

SAMPLES = ("chip-rules", "sanctions-so-far", "zero-sum")

MARKDOWN = """---
subject: "What Markdown makes"
preheader: "Every kind of text an author may write."
date: 2025-01-17
---
Text with `code`, a [link](https://example.com) and ~~a mistake~~.

## A heading

> A quotation inside the text.

1. one
2. two

| Figure | Change |
|---|---|
| 12 | up |

```
newsletter build
```

:::quote by="Ada"
One sentence.
:::

:::divider /

:::news title="News"
- ![Thumb](images/thumb-camera.png) [A title](https://example.com/a) With a [link](https://example.com/b) in it.
- A bare title
:::

:::sponsor name="Acme" url=https://example.com image=images/acme.png alt="Acme"
Words of a sponsor, with a [link](https://example.com).
:::

:::note
A note.
:::
"""

ARABIC = """---
subject: "قواعد الرقائق"
date: 2025-01-17
---
:::article label="سياسة" title="السباق على الذكاء الاصطناعي" url=https://example.com image=images/chips.png alt="معالج"
فقرة افتتاحية.

- نقطة أولى
:::

:::quote by="من تحليل اليوم"
للسباق فائز واحد.
:::

:::news title="أخبار"
- ![كاميرا](images/thumb-camera.png) [كاميرا تتبع الحركة](https://example.com/b) جملة عن الخبر.
:::
"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    out = tmp_path_factory.mktemp("built")
    build(out, ROOT, *SAMPLES)
    build(out, publish(tmp_path_factory.mktemp("words") / "p", markdown=MARKDOWN), "markdown")
    build(out, publish(tmp_path_factory.mktemp("arabic") / "p", language="ar", arabic=ARABIC), "arabic")
    with chromium() as browser:
        yield Studio(browser=browser, folder=out)


@pytest.mark.parametrize("slug", [*SAMPLES, "markdown", "arabic"])
def test_nothing_scrolls_sideways_on_a_phone(studio: Studio, slug: str) -> None:
    for width in (320, 375):
        with studio.page(slug, width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_email_is_600_pixels_wide_on_a_desktop_and_fills_a_phone(studio: Studio) -> None:
    with studio.page("chip-rules", 1024) as page:
        cards = page.locator(".card").all()
        assert {card.bounding_box()["width"] for card in cards} == {600}  # type: ignore[index]
        assert box(page, ".card")["x"] == 212
    with studio.page("chip-rules", 375) as page:
        assert box(page, ".card")["width"] == 375
        assert box(page, "h1")["x"] == 16


@pytest.mark.parametrize("slug", [*SAMPLES, "markdown"])
def test_no_column_is_wider_than_the_card_in_outlook_for_windows(studio: Studio, slug: str) -> None:
    with studio.page(slug, 1024, change=as_word_sees_it) as page:
        widths = page.eval_on_selector_all("table[width='600']", "tables => tables.map(table => table.offsetWidth)")
    assert set(widths) == {600}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("slug", [*SAMPLES, "markdown"])
def test_every_word_can_be_read_by_day_and_by_night(studio: Studio, slug: str, scheme: Scheme) -> None:
    with studio.page(slug, 375, scheme) as page:
        texts = page.evaluate(CONTRASTS)
    assert len(texts) > 20
    assert [text for text in texts if text[1] < 4.5] == []


def test_the_night_is_the_themes_own_and_not_an_inversion(studio: Studio) -> None:
    with studio.page("zero-sum", 375, "dark") as page:
        assert style(page, "body", "backgroundColor") == rgb("#14161A")
        assert style(page, ".card", "backgroundColor") == rgb("#1D2025")
        assert style(page, "h1 a", "color") == rgb("#E7E5E0")
        assert style(page, ".btn a", "backgroundColor") == rgb("#8AB4FF")
        assert style(page, ".quote table table", "borderLeftColor") == rgb("#8AB4FF")
        assert luminance_of(style(page, ".panel table table", "backgroundColor")) < 60


def test_outlook_com_at_night_gets_the_same_colours(studio: Studio) -> None:
    def marked(html: str) -> str:
        return html.replace("<html ", '<html data-ogsc="" data-ogsb="" ', 1)

    with studio.page("chip-rules", change=marked) as page:
        assert style(page, ".page", "backgroundColor") == rgb("#14161A")
        assert style(page, ".card", "backgroundColor") == rgb("#1D2025")
        assert style(page, "h1 a", "color") == rgb("#E7E5E0")
        assert [text for text in page.evaluate(CONTRASTS) if text[1] < 4.5] == []


def test_an_issue_has_one_main_headline(studio: Studio) -> None:
    with studio.page("sanctions-so-far") as page:
        assert page.locator("h1").all_inner_texts() == [
            "Sanctions slowed China’s AI, and taught it to do more with less"
        ]
        assert page.locator(".head h2").count() == 1
    with studio.page("markdown") as page:
        assert page.locator("h1").all_inner_texts() == ["What Markdown makes"]


@pytest.mark.parametrize("width", [375, 1024])
def test_thumbnails_stay_beside_their_titles(studio: Studio, width: int) -> None:
    with studio.page("chip-rules", width) as page:
        for nth in range(3):
            thumb, title = box(page, ".news .thumb img", nth), box(page, ".news h3", nth)
            assert thumb["x"] + thumb["width"] + 16 == title["x"]
            assert abs(thumb["y"] - title["y"]) < 6
            assert thumb["width"] == (96 if width == 375 else 120)


def test_a_right_to_left_language_mirrors_everything(studio: Studio) -> None:
    with studio.page("arabic", 600) as page:
        assert page.locator("html").get_attribute("dir") == "rtl"
        assert page.locator("body > div").first.get_attribute("dir") == "rtl"
        assert box(page, ".news .thumb img")["x"] > box(page, ".news h3")["x"]
        assert box(page, ".top .ink")["x"] > box(page, ".top .mute")["x"]
        assert style(page, ".quote table table", "borderRightWidth") == "3px"
        assert style(page, ".body ul", "paddingRight") == "24px"
        assert style(page, "h1", "textAlign") == "right"
    with studio.page("arabic", 375, "dark") as page:
        assert style(page, ".quote table table", "borderRightColor") == rgb("#8AB4FF")


def test_without_pictures_their_descriptions_carry_the_story(studio: Studio) -> None:
    with studio.page("zero-sum", 375, pictures=False) as page:
        described = page.locator(".pic img")
        assert described.count() == 2
        assert all(image.get_attribute("alt") for image in described.all())
        assert style(page, ".pic img", "color") == rgb("#5E6470")
        assert style(page, ".pic img", "fontSize") == "16px"
        assert style(page, ".pic a", "textDecorationLine") == "none"
        assert style(page, ".pic img", "fontFamily").startswith("-apple-system")
        assert box(page, ".pic img")["height"] >= 24


def test_a_button_is_easy_to_hit(studio: Studio) -> None:
    with studio.page("chip-rules", 1024) as page:
        assert box(page, ".btn a")["height"] == 48
        assert box(page, ".btn a")["width"] < 300
    with studio.page("chip-rules", 375) as page:
        assert (box(page, ".btn a")["height"], box(page, ".btn a")["width"]) == (48, 343)


def test_the_preheader_is_not_shown_and_nothing_runs_into_it(studio: Studio) -> None:
    with studio.page("chip-rules") as page:
        text = str(page.locator(".page > div").first.text_content())
        assert not page.locator(".page > div").first.is_visible()
    assert text.startswith("What the new US export controls cover")
    assert len(text) > 250


@pytest.mark.parametrize("slug", SAMPLES)
def test_the_html_stays_far_below_what_gmail_clips(studio: Studio, slug: str) -> None:
    html = studio.html(slug)
    sheets = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    assert len(html.encode()) < 60_000
    assert sum(map(len, sheets)) < 8_000
    assert not any(re.search(r"@[^{}]*\{[^{}]*@", sheet) for sheet in sheets), "Gmail drops such a sheet"


@pytest.mark.parametrize("slug", SAMPLES)
def test_screen_readers_meet_text_and_not_layout(studio: Studio, slug: str) -> None:
    with studio.page(slug) as page:
        assert page.locator("table:not([role=presentation]):not(.body table)").count() == 0
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator("img:not([width])").count() == 0
        assert page.locator("html[lang=en][dir=ltr]").count() == 1
        levels = page.eval_on_selector_all("h1,h2,h3", "all => all.map(heading => Number(heading.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_links_in_running_text_are_underlined(studio: Studio) -> None:
    with studio.page("markdown") as page:
        for selector in (".body a", ".news p a", ".ad a", ".foot a"):
            assert style(page, selector, "textDecorationLine") == "underline", selector


def test_a_sponsor_is_labelled_and_may_keep_its_markdown_in_the_settings(studio: Studio) -> None:
    with studio.page("chip-rules") as page:
        assert page.locator(".panel .mute").first.inner_text() == "SPONSORED BY ACME"
        assert page.locator(".ad strong").inner_text() == "Dashboards that answer questions."
        assert page.locator(".ad a").get_attribute("href") == "https://example.com/acme/trial"
    text = (studio.folder / "chip-rules" / "message.txt").read_text(encoding="utf-8")
    assert "Try it free for 30 days <https://example.com/acme/trial>" in text


def test_a_publication_has_its_own_colours_fonts_logo_and_links(tmp_path: Path, studio: Studio) -> None:
    theme = """
accent = "#B3261E"
accent_dark = "#FFB4AB"
page = "#FFFFFF"
card = "#FFF8F2"
card_dark = "#201A18"
heading_font = "Futura, 'Trebuchet MS', sans-serif"
body_font = "Verdana, sans-serif"
logo = "images/acme.png"
logo_alt = "The Daily"
logo_width = 90
[theme.social]
Mastodon = "https://example.com/mastodon"
"""
    build(tmp_path / "out", publish(tmp_path / "p", theme=theme, own=MARKDOWN), "own")
    own = Studio(browser=studio.browser, folder=tmp_path / "out")

    with own.page("own") as page:
        assert style(page, ".body a", "color") == rgb("#B3261E")
        assert style(page, ".card", "backgroundColor") == rgb("#FFF8F2")
        assert "Trebuchet MS" in style(page, "h1", "fontFamily")
        assert style(page, ".body p", "fontFamily").startswith("Verdana")
        assert box(page, ".top img")["width"] == 90
        assert page.locator(".top img").get_attribute("alt") == "The Daily"
        assert page.locator(".foot a", has_text="Mastodon").get_attribute("href") == "https://example.com/mastodon"
    with own.page("own", scheme="dark") as page:
        assert style(page, ".card", "backgroundColor") == rgb("#201A18")
        assert style(page, ".body a", "color") == rgb("#FFB4AB")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_the_web_the_signup_is_a_form_and_no_link_is_personal(studio: Studio, scheme: Scheme) -> None:
    publication = load_publication(ROOT / "newsletter.toml")
    theme = Theme(publication=publication)
    issue = parse_issue(ROOT / "issues/2025-01-17-chip-rules.md", publication, theme.kinds, theme.templates)
    html = compile_mjml(assemble(issue, theme, "web"))

    with studio.page("chip-rules", 375, scheme, change=lambda _: html) as page:
        form = page.locator("form[method=post]")
        assert str(form.get_attribute("action")).startswith("https://news.example.com/subscribe")
        assert box(page, "form input[name=email]")["width"] == box(page, "form button")["width"]
        assert [text for text in page.evaluate(CONTRASTS) if text[1] < 4.5] == []
    assert not re.search("Unsubscribe|Preferences|View in browser", html)
    assert {tag.source for _, tag in issue.tag_store.within(html)} == {'{{ first_name | default("there") }}'}


def test_the_block_that_the_documentation_adds_works(tmp_path: Path, studio: Studio) -> None:
    written = (ROOT / "docs/theme.md").read_text(encoding="utf-8")
    template = re.search(r"^(\{# fields:.*?</mj-section>)$", written, re.MULTILINE | re.DOTALL)
    usage = re.search(r"`(:::figure [^`]+)`", written)
    assert template
    assert usage
    folder = publish(tmp_path / "p", figure=f"---\nsubject: One figure\ndate: 2025-01-17\n---\n{usage[1]}\n")
    (folder / "templates/blocks").mkdir(parents=True)
    (folder / "templates/blocks/figure.mjml").write_text(template[1], encoding="utf-8")

    build(tmp_path / "out", folder, "figure")

    with Studio(browser=studio.browser, folder=tmp_path / "out").page("figure", 375, "dark") as page:
        assert box(page, ".card >> text=80x")["height"] >= 48
        assert style(page, ".card >> text=80x", "color") == rgb("#E7E5E0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024])
def test_the_preview_file_shows_every_picture_from_a_disk_and_loads_nothing(
    studio: Studio, width: int, scheme: Scheme
) -> None:
    file = studio.folder / "chip-rules" / "preview.html"
    page = studio.browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))

    page.goto(file.as_uri())
    shown = page.evaluate("() => [...document.images].map((image) => image.complete && image.naturalWidth > 0)")
    page.close()

    assert shown
    assert all(shown)
    assert [url for url in loaded if not url.startswith("data:")] == [file.as_uri()]
