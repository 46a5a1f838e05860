"""The rule that needs the network (`check --online`): links and pictures must answer.

`targets` collects the addresses of an issue, `link_probe` requests them, and `Context.verdicts` has the results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.checks.context.context import Context
from newsletter.checks.context.link_status import LinkState, Target
from newsletter.checks.context.places import Spot
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.checks.rules.links import is_own, wrong_address

_LEAVES = re.compile(r"unsubscribe|opt-?out|list-manage|/preferences/|/confirm/", re.IGNORECASE)
"""Addresses that change something when they are requested."""


def targets(context: Context) -> Iterator[tuple[Target, Spot]]:
    """Yield the addresses to request: whole web addresses without merge tags, which change nothing when requested."""
    addresses = [(Target(url=link.url), link.address_spot) for link in context.links]
    addresses += [(Target(url=picture.src, is_picture=True), picture.address_spot) for picture in context.pictures]
    for target, spot in addresses:
        if _may_be_requested(context, target.url):
            yield target, spot


def _may_be_requested(context: Context, url: str) -> bool:
    if not url.lower().startswith(("http://", "https://")) or context.issue.tag_store.token.search(url):
        return False
    if _LEAVES.search(url) or (wrong_address(context, url) and not is_own(context, url)):
        return False
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return not any(host == skipped or host.endswith(f".{skipped}") for skipped in context.config.check.skip_hosts)


@rule(
    "NL403",
    ERROR,
    Scope.NETWORK,
    summary="A link or a picture does not answer (only with --online).",
    why="Readers would find no page, and a sent link cannot be corrected.",
    fix="Correct the address, or link to another page.",
    fires=Example(body="The [report on exports](https://example.com/gone) is out."),
    passes=Example(body="The [report on exports](https://example.com/exports) is out."),
)
def _unanswered(context: Context) -> Iterator[Finding]:
    for target, spot in targets(context):
        verdict = (context.verdicts or {}).get(target)
        if verdict is None or verdict.state is LinkState.GOOD:
            continue
        certain = verdict.state is LinkState.DEAD
        message = f'"{target.url}" is dead' if certain else f'"{target.url}" could not be verified'
        hint = "" if certain else "Open it in a browser."
        severity = ERROR if certain else WARNING
        yield Finding.at(spot, f"{message}: {verdict.reason}", hint=hint, severity=severity)
