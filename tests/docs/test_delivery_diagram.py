"""The diagram of a delivery in docs/sending.md has every state, and a sentence for every arrow."""

from __future__ import annotations

import re

from tests import ROOT
from tests.docs.test_glossary import DELIVERY_STATES

SECTION = (ROOT / "docs" / "sending.md").read_text(encoding="utf-8").partition("\n## Deliveries\n")[2]
TEXT = SECTION.partition("\n## ")[0]
ARROWS = re.findall(r"^ +(\S+) --> (\S+): (.+)$", TEXT, re.MULTILINE)


def test_every_state_is_in_the_table_and_in_the_diagram() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == DELIVERY_STATES
    assert {after for _, after, _ in ARROWS} == set(DELIVERY_STATES)


def test_every_arrow_has_a_sentence() -> None:
    assert {verb for _, _, verb in ARROWS} == set(re.findall(r"^- \*\*(.+)\*\*: .+\.$", TEXT, re.MULTILINE))
