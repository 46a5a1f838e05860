"""The catalogue: every rule, by id. Imported only by what checks issues; a family is added here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from newsletter.checks.context.rule import Rule
from newsletter.checks.rules import (
    compatibility,
    contrast,
    document,
    headers,
    ignore_comments,
    images,
    legibility,
    links,
    merge_tags,
    online,
    outlook,
    parsing,
    size,
    source,
    spam,
    structure,
    subject,
)

FAMILIES: Sequence[Sequence[Rule]] = (
    parsing.RULES,
    merge_tags.RULES,
    ignore_comments.RULES,
    source.RULES,
    size.RULES,
    images.RULES,
    structure.RULES,
    contrast.RULES,
    legibility.RULES,
    document.RULES,
    outlook.RULES,
    compatibility.RULES,
    links.RULES,
    online.RULES,
    headers.RULES,
    subject.RULES,
    spam.RULES,
)

RULES: Mapping[str, Rule] = {rule.id: rule for rule in sorted((r for f in FAMILIES for r in f), key=lambda r: r.id)}
"""Every rule in the order of ids."""
