"""axe-core finds no barrier in sample issues, as email and as web page, by day and in dark mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from newsletter.config import load_publication
from newsletter.issues.issue import find_issue
from newsletter.rendering.build import build_issue
from tests import ROOT
from tests.support.programs import chromium
from tests.support.rendered_email import Scheme, Studio

SAMPLES = ("chip-rules", "sanctions-so-far", "zero-sum")
SEVERE = ("serious", "critical")
LOOK = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
BROKEN = (
    '<html lang="en"><head><title>x</title></head><body><main><img src="a.png"><p style="color:#aaa">Pale</p></main>'
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Both renderings of each sample issue."""
    folder = tmp_path_factory.mktemp("axe")
    publication = load_publication(ROOT / "newsletter.toml")
    for slug in SAMPLES:
        built = build_issue(publication, find_issue(publication, slug))
        _write(folder / f"{slug}-email" / "message.html", built.message.open(built.message.html))
        _write(folder / f"{slug}-page" / "message.html", built.page.html)
    _write(folder / "broken" / "message.html", BROKEN)
    with chromium() as browser:
        yield Studio(browser=browser, folder=folder)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")


def violations(studio: Studio, slug: str, scheme: Scheme) -> list[str]:
    """`serious color-contrast: <a href=...>`, for each element of each serious or critical violation."""
    with studio.page(slug, width=600, scheme=scheme) as page:
        page.evaluate(AXE_SCRIPT)
        violations_found: list[dict[str, Any]] = page.evaluate(LOOK)
    return [
        f"{violation['impact']} {violation['id']}: {node['html']}"
        for violation in violations_found
        if violation["impact"] in SEVERE
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("medium", ["email", "page"])
def test_no_sample_issue_has_a_serious_barrier(studio: Studio, medium: str, scheme: Scheme) -> None:
    for slug in SAMPLES:
        assert violations(studio, f"{slug}-{medium}", scheme) == []


def test_a_barrier_is_found(studio: Studio) -> None:
    barriers = violations(studio, "broken", "light")

    assert [violation.partition(":")[0] for violation in barriers] == ["serious color-contrast", "critical image-alt"]
