"""The catalogue: every rule, by id. Imported only by what checks issues; a family is added here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from newsletter.checks import (
    compatibility,
    contrast,
    frame,
    headers,
    layout,
    legibility,
    links,
    marks,
    online,
    parsing,
    pictures,
    size,
    source,
    spam,
    structure,
    subject,
    tags,
)
from newsletter.checks.rule import Rule

FAMILIES: Sequence[Sequence[Rule]] = (
    parsing.RULES,
    tags.RULES,
    marks.RULES,
    source.RULES,
    size.RULES,
    pictures.RULES,
    structure.RULES,
    contrast.RULES,
    legibility.RULES,
    frame.RULES,
    layout.RULES,
    compatibility.RULES,
    links.RULES,
    online.RULES,
    headers.RULES,
    subject.RULES,
    spam.RULES,
)

RULES: Mapping[str, Rule] = {rule.id: rule for rule in sorted((r for f in FAMILIES for r in f), key=lambda r: r.id)}
"""Every rule in the order of ids."""
