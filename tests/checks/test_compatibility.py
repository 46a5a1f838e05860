"""NL301: features that mail clients do not support, beyond those of the theme, per client."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from newsletter.checks.context.rule import Example
from newsletter.checks.html.features import uses
from newsletter.checks.rules.compatibility import DATA, table, targets
from newsletter.config import load_publication
from newsletter.errors import ConfigError, Problem
from tests import ROOT
from tests.checks.publications import check, make

TEXT = "templates/blocks/text.mjml"
BLOCK = '<mj-section><mj-column><mj-text>\n<div style="%s">{{ body }}</div>\n</mj-text></mj-column></mj-section>\n'


def unsupported(folder: Path, example: Example) -> list[Problem]:
    return [problem for problem in check(folder, example) if problem.rule == "NL301"]


def tool() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "caniemail.py"))


def test_the_baseline_is_what_the_theme_uses() -> None:
    assert tool()["theme_features"]() == table().baseline, "run `python tools/caniemail.py --baseline`"


def test_the_facts_are_small_dated_and_have_their_notices_beside_them() -> None:
    size = sum(file.stat().st_size for file in DATA.iterdir())
    notices = (DATA / "caniemail.LICENSE").read_text(encoding="utf-8")

    assert size < 60 * 1024
    assert table().date >= "2026-05-13"
    assert table().date in notices
    assert "Rémi Parmentier" in notices
    assert "Permission is hereby granted" in notices


def test_the_table_holds_the_latest_status_of_each_client() -> None:
    entry: dict[str, Any] = {"slug": "css-gap", "title": "gap"}
    stats = {
        "gmail": {"ios": {"2024-02": "y #1", "2019-10": "n"}},
        "outlook": {"macos": {"2019-10": "n", "16.80": "a #2"}, "windows": {"2019": "y", "2016": "n"}},
    }
    names = {
        "family": {"gmail": "Gmail", "outlook": "Outlook"},
        "platform": {"ios": "iOS", "macos": "macOS", "windows": "Windows"},
    }
    package = {"last_update_date": "2026-05-13 14:45", "nicenames": names, "data": [{**entry, "stats": stats}]}

    compiled = tool()["table"](package, "2.0.2")

    assert list(compiled["clients"]) == ["gmail.ios", "outlook.macos", "outlook.windows"]
    assert compiled["features"] == {"css-gap": ["gap", "yay"]}


def test_what_a_template_adds_is_reported_at_its_line_in_the_template(tmp_path: Path) -> None:
    problems = unsupported(tmp_path, Example(files={TEXT: BLOCK % "box-shadow: 0 1px 4px #999999"}))

    assert [(problem.path, problem.line, problem.column) for problem in problems] == [(TEXT, 2, 13)]
    assert problems[0].message.startswith("box-shadow: not supported by ")
    assert "Outlook (Windows" in problems[0].message


def test_a_picture_of_a_kind_that_a_client_does_not_show_is_reported_at_its_line(tmp_path: Path) -> None:
    problems = unsupported(tmp_path, Example(body="Words.\n\n![Exports by year](https://example.com/a.avif)"))

    assert [(problem.line, problem.message) for problem in problems] == [
        (7, "AVIF image format: not supported by Outlook (Windows)")
    ]


def test_only_the_clients_that_a_publication_names_count(tmp_path: Path) -> None:
    files = {TEXT: BLOCK % "box-shadow: 0 1px 4px #999999"}

    problems = unsupported(
        tmp_path, Example(files=files, settings='[check]\ntargets = ["apple-mail", "outlook.ios"]\n')
    )

    assert not any("Outlook (Windows" in problem.message for problem in problems)


def test_a_family_of_clients_means_all_of_it(tmp_path: Path) -> None:
    issue = make(tmp_path, Example(settings='[check]\ntargets = ["apple-mail", "gmail.ios"]\n'))

    clients = targets(load_publication(issue.parent.parent / "newsletter.toml"))

    assert clients == ["apple-mail.ios", "apple-mail.macos", "gmail.ios"]


def test_an_unknown_client_is_answered_with_the_nearest_and_its_line(tmp_path: Path) -> None:
    example = Example(settings='[check]\ntargets = ["outlok.windows"]\n')

    with pytest.raises(ConfigError, match="no mail client is named") as caught:
        check(tmp_path, example)

    assert caught.value.hint.startswith('Did you mean "outlook.windows"?')
    assert caught.value.place.endswith("newsletter.toml:17")


@pytest.mark.parametrize(
    ("page", "slug"),
    [
        ('<p style="display: inline-flex">', "css-display-flex"),
        ('<p style="color: color-mix(in srgb, red, blue)">', "css-modern-color"),
        ('<p style="width: calc(100% - 2rem)">', "css-unit-rem"),
        ('<p style="margin-left: 1vw">', "css-margin"),
        ('<p style="margin-inline: 0">', "css-margin-inline-block"),
        ('<p style="border-top-left-radius: 4px">', "css-border-radius"),
        ('<p style="--x: 1; background: linear-gradient(red, blue)">', "css-linear-gradient"),
        ('<p style="--x: 1">', "css-variables"),
        ('<p style="font-family: system-ui">', "css-sytem-ui"),
        ("<style>@media (hover: hover) { a:hover { color: red } }</style>", "css-at-media-hover"),
        ("<style>@font-face { font-family: x }</style>", "css-at-font-face"),
        ("<style>p:before { content: '' }</style>", "css-pseudo-element-before"),
        ("<style>p + p { margin: 0 }</style>", "css-selector-adjacent-sibling"),
        ("<video src=a.mp4></video>", "html-video"),
        ("<input type=email>", "html-input-text"),
        ("<section></section>", "html-semantics"),
        ('<a href="#top">Up</a>', "html-anchor-links"),
        ('<img src="a.jpeg?x=1" loading=lazy>', "image-jpg"),
        ('<img src="a.jpeg?x=1" loading=lazy>', "html-loading-attribute"),
    ],
)
def test_features_go_by_the_names_that_the_table_has(page: str, slug: str) -> None:
    tree = html.document_fromstring(f"<html><head></head><body>{page}</body></html>")

    assert slug in {use.slug for use in uses(tree)} & set(table().features)
