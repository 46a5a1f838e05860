"""Write the table in docs/checks.md from the catalogue of rules: `python docs/rules.py`, or `make rules`.

A test fails when the table differs from the rules. The text above the table is written by hand.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import Example, Rule
from newsletter.checks.formats import example_lines

PAGE = Path(__file__).with_name("checks.md")
TABLE = "| rule | | what it reports | fires | does not fire |\n|---|---|---|---|---|\n"


def page() -> str:
    """Return the page: the text as it is, and below it the table made from the rules."""
    words = PAGE.read_text(encoding="utf-8").partition(TABLE)[0]
    return words + TABLE + "".join(f"{_row(rule)}\n" for rule in RULES.values())


def _row(rule: Rule) -> str:
    cells = (f"`{rule.id}`", str(rule.severity), rule.summary, _cell(rule.fires), _cell(rule.passes))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cell(example: Example) -> str:
    return "<br>".join(_code(line) for line in example_lines(example))


def _code(line: str) -> str:
    """Return a line as Markdown code, whatever characters it has."""
    mark = "``" if "`" in line else "`"
    room = " " if "`" in line else ""
    return f"{mark}{room}{line}{room}{mark}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
