"""Rules that ask the network, with `check --online`: do links and pictures answer.

What to ask is collected here, from all issues at once; asking is `probe`'s, and an answer
comes back in `Context.verdicts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.checks.context.context import Context
from newsletter.checks.context.link_status import LinkState, Target
from newsletter.checks.context.places import Spot
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Rule, Scope
from newsletter.checks.rules.links import is_own, wrong_address

_LEAVES = re.compile(r"unsubscribe|opt-?out|list-manage|/preferences/|/confirm/", re.IGNORECASE)
"""Addresses that do something when they are asked."""


def targets(context: Context) -> Iterator[tuple[Target, Spot]]:
    """What to ask about an issue: absolute web addresses, without merge tags, that do nothing when asked."""
    found = [(Target(url=link.url), link.address or link.spot) for link in context.links]
    found += [
        (Target(url=picture.src, is_picture=True), picture.address or picture.spot) for picture in context.pictures
    ]
    for target, spot in found:
        if _may_be_asked(context, target.url):
            yield target, spot


def _may_be_asked(context: Context, url: str) -> bool:
    if not url.lower().startswith(("http://", "https://")) or context.issue.tag_store.token.search(url):
        return False
    if _LEAVES.search(url) or (wrong_address(context, url) and not is_own(context, url)):
        return False
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return not any(host == skipped or host.endswith(f".{skipped}") for skipped in context.config.check.skip_hosts)


def _does_not_answer(context: Context) -> Iterator[Finding]:
    for target, spot in targets(context):
        verdict = (context.verdicts or {}).get(target)
        if verdict is None or verdict.state is LinkState.GOOD:
            continue
        certain = verdict.state is LinkState.DEAD
        message = f'"{target.url}" is dead' if certain else f'"{target.url}" could not be verified'
        yield Finding(
            message=f"{message}: {verdict.reason}",
            line=spot.line,
            column=spot.column,
            width=spot.width,
            severity=ERROR if certain else WARNING,
            hint="" if certain else "Open it in a browser.",
        )


RULES = (
    Rule(
        id="NL403",
        severity=ERROR,
        scope=Scope.NETWORK,
        summary="A link or a picture does not answer (only with --online).",
        why="Readers meet a page that is not there, and a sent link cannot be mended.",
        fix="Mend the address, or link to something else.",
        fires=Example(body="The [report on exports](https://example.com/gone) is out."),
        passes=Example(body="The [report on exports](https://example.com/exports) is out."),
        find=_does_not_answer,
    ),
)
