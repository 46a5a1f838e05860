"""The catalogue: every rule by id. A new rule needs no line here, a new family of rules its module in FAMILIES."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.checks.context.rule import REGISTERED, Rule
from newsletter.checks.rules import (
    compatibility,
    contrast,
    document,
    headers,
    ignore_comments,
    images,
    leftovers,
    legibility,
    links,
    logo,
    merge_tags,
    online,
    outlook,
    parsing,
    size,
    source,
    spam,
    starters,
    structure,
    subject,
)

FAMILIES = (
    parsing,
    merge_tags,
    ignore_comments,
    source,
    leftovers,
    starters,
    size,
    images,
    structure,
    contrast,
    legibility,
    logo,
    document,
    outlook,
    compatibility,
    links,
    online,
    headers,
    subject,
    spam,
)
"""The modules with rules; importing one registers its rules."""

RULES: Mapping[str, Rule] = {id: REGISTERED[id] for id in sorted(REGISTERED)}
"""Every rule in the order of ids."""
