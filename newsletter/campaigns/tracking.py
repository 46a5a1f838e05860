"""Tracking: links that lead through us, and a picture that says it was opened. Off unless a publication asks.

A compiled message is rewritten once per campaign: what it gains is one more open slot, filled with
the reader's token like any other (`individual`), or nothing open at all (`aggregate`: the token is
the campaign's, and no reader is in it). Where a link leads is looked up in the frozen message, by
number; an address is never taken from a request.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from enum import StrEnum

from newsletter.messages.types import CompiledMessage
from newsletter.signed_links import Links, Purpose

FIELD = "_track"
"""The merge field with a reader's token; no publication can have one of this name."""
_LINK = re.compile(r"(<a\b[^>]*?\shref=)(?:\"([^\"]*)\"|'([^']*)')")
_PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'


class Level(StrEnum):
    """How much of what readers do is seen."""

    NONE = "none"
    AGGREGATE = "aggregate"
    """How often, of a campaign as a whole."""
    INDIVIDUAL = "individual"
    """By whom."""


def tracked(message: CompiledMessage, level: Level, links: Links, campaign_id: int) -> CompiledMessage:
    """The message as it is sent at this level; at `none` it is the same. The text part stays as it was written."""
    if level is Level.NONE:
        return message
    if level is Level.INDIVIDUAL:
        token = f"{message.prefix}{len(message.tags):05d}xNL"
        message = replace(message, tags=(*message.tags, f"{{{{ {FIELD} }}}}"))
    else:
        token = track_token(links, 0, campaign_id)
    numbers = {url: number for number, url in targets(message, links).items()}

    def through_us(found: re.Match[str]) -> str:
        number = numbers.get(html.unescape(found[2] or found[3] or ""))
        return found[0] if number is None else f'{found[1]}"{links.click_url(token, number)}"'

    page = _LINK.sub(through_us, message.html)
    before, closing, after = page.rpartition("</body>")
    pixel = _PIXEL.format(links.open_url(token))
    return replace(message, html=f"{before}{pixel}{closing}{after}" if closing else page + pixel)


def track_token(links: Links, subscriber_id: int, campaign_id: int) -> str:
    """What a tracked link knows: the campaign, and its reader; 0 for nobody. It opens nothing that is the reader's."""
    return links.token(Purpose.TRACK, subscriber_id, campaign_id, "")


def is_tracked(message: CompiledMessage, url: str, links: Links) -> bool:
    """A web address that is the same for all, and not of our own pages: those must work without a detour."""
    if not url.lower().startswith(("http://", "https://")) or message.token.search(url):
        return False
    return not links.is_ours(url)


def targets(message: CompiledMessage, links: Links) -> dict[int, str]:
    """Where the tracked links lead, by number: their place among all links of the message, which never changes."""
    return {number: url for number, url in enumerate(message.links) if is_tracked(message, url, links)}
