"""The diagrams of docs/sending.md are the tables the program goes by."""

from __future__ import annotations

import re

import pytest

from newsletter.campaigns import batch_states
from newsletter.campaigns.campaign import CAMPAIGN_ARROWS
from tests import ROOT

TEXT = (ROOT / "docs" / "sending.md").read_text(encoding="utf-8")
CAMPAIGN = {(f, t, verb) for verb, arrows in CAMPAIGN_ARROWS.items() for f, t in arrows.items()}
BATCH = {(f, t, verb) for verb, arrows in batch_states.ARROWS.items() for f, ends in arrows.items() for t in ends}


def drawn(heading: str) -> tuple[set[tuple[str, str, str]], str]:
    """The arrows of the diagram under a heading, and the text beside it."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    diagram, text = re.findall(r"```mermaid\n(.*?)```(.*)", section, re.DOTALL)[0]
    return set(re.findall(r"^ +(\S+) --> (\S+): (.+)$", diagram, re.MULTILINE)), text


@pytest.mark.parametrize(
    ("heading", "arrows", "first"),
    [("Campaigns", CAMPAIGN, ("[*]", "draft", "approve")), ("Batches", BATCH, ("[*]", "queued", "enqueue"))],
)
def test_every_arrow_is_drawn_explained_and_in_the_program(
    heading: str, arrows: set[tuple[str, str, str]], first: tuple[str, str, str]
) -> None:
    found, text = drawn(heading)

    assert found == arrows | {first}
    for verb in {verb for _, _, verb in found}:
        assert re.search(rf"^- \*\*{verb}\*\*: ", text, re.MULTILINE), f"{verb} has no sentence"
