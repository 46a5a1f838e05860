"""The rule about mail clients: what an issue or a template uses, and the program's own theme does not, must be shown.

Which client supports what is caniemail's finding, in data/caniemail.json (its date is in there); which of it an
email uses, `features` says. `tools/caniemail.py` brings both files of data up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import found_at
from newsletter.checks.context.rule import WARNING, Example, Finding, Rule, Scope
from newsletter.checks.html.features import FeatureUse
from newsletter.config import Publication
from newsletter.errors import ConfigError, suggestion

DATA = Path(__file__).parent.parent / "data"
_ELSEWHERE = frozenset(("html-form", "html-object", "html-script", "html-iframe"))
"""What NL309 reports."""
INLINE = frozenset(
    ("css-display-flex", "css-display-grid", "css-variables", "css-unit-calc", "css-modern-color", "css-position")
)
"""What NL308 reports in style attributes."""
_LOCAL = frozenset(("image-svg", "image-webp"))
"""What NL408 reports of pictures of the publication."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What caniemail found."""

    date: str
    """`2026-05-13`: when it was last brought up to date."""
    clients: Mapping[str, str]
    """Names by id: `gmail.android` is `Gmail (Android)`."""
    features: Mapping[str, Sequence[str]]
    """By id: the name, and a letter for each client: y, n, a (partly), u (unknown)."""
    baseline: frozenset[str]
    """What the program's own theme uses; it was looked at in these clients."""

    def lacking(self, slug: str, targets: Sequence[str]) -> list[str]:
        """The targets that do not show a feature."""
        letters = self.features[slug][1] if slug in self.features else ""
        told = dict(zip(self.clients, letters, strict=False))
        return [client for client in targets if told.get(client) == "n"]


@cache
def table() -> Table:
    """From the files in the package."""
    raw = json.loads((DATA / "caniemail.json").read_text(encoding="utf-8"))
    baseline = frozenset((DATA / "baseline.txt").read_text(encoding="utf-8").split())
    return Table(date=raw["date"], clients=raw["clients"], features=raw["features"], baseline=baseline)


def targets(publication: Publication) -> list[str]:
    """The ids of the clients that `[check] targets` means. Raises ConfigError for one that nobody knows."""
    known = table().clients
    found: list[str] = []
    for word in publication.config.check.targets:
        meant = [client for client in known if word in (client, client.partition(".")[0])]
        if not meant:
            hint = suggestion(word, {client.partition(".")[0] for client in known} | set(known), "Clients")
            place = publication.place("check", "targets")
            raise ConfigError(f'[check] targets: no mail client is named "{word}"', place=place, hint=hint)
        found.extend(meant)
    return list(dict.fromkeys(found))


def _unsupported(context: Context) -> Iterator[Finding]:
    wanted = targets(context.publication)
    seen: set[tuple[str, int]] = set()
    for use in context.uses:
        lacking = [] if _is_known(context, use) else table().lacking(use.slug, wanted)
        place = (use.slug, context.line_of(use.element) if use.element is not None else 0)
        if lacking and place not in seen:
            seen.add(place)
            message = f"{table().features[use.slug][0]}: not supported by {_named(lacking)}"
            yield found_at(context, use.element, message, use.written)


def _is_known(context: Context, use: FeatureUse) -> bool:
    """Whether the theme uses it too, or another rule reports it."""
    if use.slug in table().baseline or use.slug in _ELSEWHERE or (use.is_inline and use.slug in INLINE):
        return True
    return use.slug in _LOCAL and use.written.startswith(f"{context.config.publication.url}/images/")


def _named(clients: Sequence[str]) -> str:
    """`Gmail (Android, iOS), Outlook (Windows)`."""
    platforms: dict[str, list[str]] = {}
    for client in clients:
        family, _, platform = table().clients[client].partition(" (")
        platforms.setdefault(family, []).append(platform.rstrip(")"))
    return ", ".join(f"{family} ({', '.join(found)})" for family, found in platforms.items())


_TEXT = "templates/blocks/text.mjml"
_BLOCK = '<mj-section><mj-column><mj-text><div style="%s">{{ body }}</div></mj-text></mj-column></mj-section>\n'

RULES = (
    Rule(
        id="NL301",
        severity=WARNING,
        scope=Scope.HTML,
        summary="A mail client you write for does not support a feature that the program's own theme does without.",
        why="It looks broken there, or is not there at all (caniemail.com, which tests mail clients).",
        fix="Do without, or take the client out of [check] targets if your readers do not use it.",
        fires=Example(
            files={_TEXT: _BLOCK % "box-shadow: 0 1px 4px #999999"},
            shown='<div style="box-shadow: 0 1px 4px #999999"> in a template',
        ),
        passes=Example(
            files={_TEXT: _BLOCK % "border: 1px solid #999999"},
            shown='<div style="border: 1px solid #999999"> in a template',
        ),
        find=_unsupported,
    ),
)
