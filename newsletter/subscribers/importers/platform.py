"""The record of facts about one platform's export.

Names of columns are in lower case with underscores, as `subscribers/csv.py` returns them. A column that is not listed
becomes a field, or is read as `consent_columns.py` understands its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.subscribers.importers.answers import ConsentAnswer, Reading

SKIP = "skip"
"""The target of a column that is bookkeeping of the platform."""
FULL_NAME = "full_name"
"""The target of a column with first and last name."""
JSON_FIELDS = "json_fields"
"""The target of a column with a JSON object, whose entries become fields."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform, and the facts about its export files."""

    name: str
    """As `--from` has it."""
    title: str
    known_by: tuple[frozenset[str], ...] = ()
    """Sets of columns; a file with all of one set is this platform's."""
    never_with: frozenset[str] = frozenset()
    """Columns that this platform's files never have."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The target of columns: `email`, a built-in field, `tags`, FULL_NAME, JSON_FIELDS, SKIP or a field's name."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Columns that are kept with the evidence of consent, each with its name there."""
    consent: Mapping[str, Reading] = field(default_factory=dict)
    file_answers: Mapping[str, ConsentAnswer] = field(default_factory=dict)
    """Regular expressions of file names whose rows all say the same."""
    without_header: tuple[str, ...] = ()
    """The first columns of a file without a header, if the platform writes such files."""
    needs_answer: str = ""
    """What to do when neither a column nor the file's name says who may be mailed; empty where that cannot be."""
    caution: str = ""
    """What the export leaves out that matters, for the person who imports it."""


PLAIN = Platform(name="csv", title="a CSV file")
"""Any other file."""


def columns(*names: str) -> frozenset[str]:
    """Return a set of columns by which a file is known."""
    return frozenset(names)


def skipped(names: str) -> dict[str, str]:
    """Return the columns, separated by spaces, with the target SKIP."""
    return dict.fromkeys(names.split(), SKIP)
