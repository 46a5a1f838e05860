"""The rule about mail clients: they must support each feature that an issue or a template adds to the theme's own.

data/caniemail.json has caniemail's table of clients and features, and its date; `html.features` finds the features
of an email. `tools/caniemail.py` brings both files of data up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import origin
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.features import FeatureUse
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, suggestion

DATA = Path(__file__).parent.parent / "data"
_ELSEWHERE = frozenset(("html-form", "html-object", "html-script", "html-iframe"))
"""Features that NL309 reports."""
INLINE = frozenset(
    ("css-display-flex", "css-display-grid", "css-variables", "css-unit-calc", "css-modern-color", "css-position")
)
"""Features that NL308 reports in style attributes."""
_LOCAL = frozenset(("image-svg", "image-webp"))
"""Features that NL408 reports, where the picture is a file of the publication."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """caniemail's table: which mail clients support which features."""

    date: str
    """The day of its last update: `2026-05-13`."""
    clients: Mapping[str, str]
    """The clients' names by id: `gmail.android` is `Gmail (Android)`."""
    features: Mapping[str, Sequence[str]]
    """The features by id: the name, and a letter for each client, y, n, a (partly) or u (unknown)."""
    baseline: frozenset[str]
    """Features that the program's own theme uses; it was tried in these clients."""

    def lacking(self, slug: str, targets: Sequence[str]) -> list[str]:
        """Return the targets that do not support a feature."""
        letters = self.features[slug][1] if slug in self.features else ""
        support = dict(zip(self.clients, letters, strict=False))
        return [client for client in targets if support.get(client) == "n"]


@cache
def table() -> Table:
    """Return the table from the files in the package."""
    raw = json.loads((DATA / "caniemail.json").read_text(encoding="utf-8"))
    baseline = frozenset((DATA / "baseline.txt").read_text(encoding="utf-8").split())
    return Table(date=raw["date"], clients=raw["clients"], features=raw["features"], baseline=baseline)


def targets(publication: PublicationSettings) -> list[str]:
    """Return the ids of the clients that `[check] targets` names. Raises ConfigError for an unknown name."""
    known = table().clients
    clients: list[str] = []
    for word in publication.config.check.targets:
        meant = [client for client in known if word in (client, client.partition(".")[0])]
        if not meant:
            hint = suggestion(word, {client.partition(".")[0] for client in known} | set(known), "Clients")
            place = publication.place("check", "targets")
            raise ConfigError(f'[check] targets: no mail client is named "{word}"', place=place, hint=hint)
        clients.extend(meant)
    return list(dict.fromkeys(clients))


_TEXT = "templates/blocks/text.mjml"
_BLOCK = '<mj-section><mj-column><mj-text><div style="%s">{{ body }}</div></mj-text></mj-column></mj-section>\n'


@rule(
    "NL301",
    WARNING,
    Scope.HTML,
    summary="A mail client in [check] targets does not support a feature that the issue or its templates use.",
    why="The feature looks broken there, or is missing (caniemail.com, which tests mail clients).",
    fix="Do without it, or take the client out of [check] targets if your readers do not use it.",
    fires=Example(
        files={_TEXT: _BLOCK % "box-shadow: 0 1px 4px #999999"},
        shown='<div style="box-shadow: 0 1px 4px #999999"> in a template',
    ),
    passes=Example(
        files={_TEXT: _BLOCK % "border: 1px solid #999999"},
        shown='<div style="border: 1px solid #999999"> in a template',
    ),
)
def _unsupported(context: Context) -> Iterator[Finding]:
    wanted = targets(context.publication)
    seen: set[tuple[str, int]] = set()
    for use in context.uses:
        lacking = [] if _is_known(context, use) else table().lacking(use.slug, wanted)
        # A template's loop repeats a feature; one finding for each feature and line is enough.
        place = (use.slug, context.line_of(use.element) if use.element is not None else 0)
        if lacking and place not in seen:
            seen.add(place)
            message = f"{table().features[use.slug][0]}: not supported by {_named(lacking)}"
            yield Finding.at(origin(context, use.element, use.written), message)


def _is_known(context: Context, use: FeatureUse) -> bool:
    """Tell whether the theme uses the feature too, or another rule reports it."""
    if use.slug in table().baseline or use.slug in _ELSEWHERE or (use.is_inline and use.slug in INLINE):
        return True
    return use.slug in _LOCAL and use.written.startswith(f"{context.config.publication.url}/images/")


def _named(clients: Sequence[str]) -> str:
    """Return the clients' names by family: `Gmail (Android, iOS), Outlook (Windows)`."""
    platforms: dict[str, list[str]] = {}
    for client in clients:
        family, _, platform = table().clients[client].partition(" (")
        platforms.setdefault(family, []).append(platform.rstrip(")"))
    return ", ".join(f"{family} ({', '.join(names)})" for family, names in platforms.items())
