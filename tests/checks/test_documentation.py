"""docs/checks.md is up to date with the texts of the rules."""

from __future__ import annotations

import runpy
from typing import Any

from tests import ROOT


def test_the_page_about_the_rules_is_what_the_rules_say() -> None:
    generator: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "rules.py"))

    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == generator["page"](), "run `make rules`"
