"""The glossary has a line for every word that the design agrees on and for every state of the program."""

from __future__ import annotations

import re

import pytest

from newsletter.campaigns.batch_states import BatchState
from newsletter.campaigns.campaign import CampaignState
from newsletter.campaigns.events import EventKind
from newsletter.errors import Severity
from newsletter.providers.base import Outcome
from newsletter.subscribers.writes import Status
from tests import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
LINES = dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", TEXT, re.MULTILINE))
NOUNS = [
    *("publication", "issue", "block", "document", "compiledmessage", "slot", "recipient", "message"),
    *("subscriber", "list", "segment", "campaign", "batch", "delivery", "provider", "event", "suppression"),
]
VERBS = [
    *("parse", "assemble", "compile", "build", "approve", "personalise"),
    *("enqueue", "claim", "hand over", "settle", "recover", "reconcile", "resolve", "retry"),
]
DELIVERY_STATES = ["queued", "handed", "accepted", "rejected", "unknown", "skipped"]


def terms() -> set[str]:
    return {heading.lower() for heading in LINES}


@pytest.mark.parametrize("word", [*NOUNS, *VERBS, "ledger", "lease", "fencing number", "transactional message"])
def test_every_word_of_the_design_has_a_line(word: str) -> None:
    assert word in terms()


@pytest.mark.parametrize("state", sorted({*CampaignState, *BatchState, *DELIVERY_STATES, *Status}))
def test_every_state_has_a_line(state: str) -> None:
    assert state in terms()


@pytest.mark.parametrize("word", [*EventKind, *Outcome, *Severity])
def test_every_event_outcome_and_severity_is_explained(word: str) -> None:
    assert re.search(rf"\b{word}\b", TEXT)


def test_every_line_is_one_sentence_and_every_term_has_one_line() -> None:
    headings = re.findall(r"^- \*\*(.+?)\*\*", TEXT, re.MULTILINE)

    assert len(headings) == len(set(headings)) == len(LINES)
    assert not [heading for heading, words in LINES.items() if not words.endswith(".")]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_front_pages_lead_to_the_glossary(page: str) -> None:
    assert "(docs/glossary.md)" in (ROOT / page).read_text(encoding="utf-8")
