"""Add tracking to a message: links that lead through our server, and a picture that reports an open.

Off unless a publication asks for it. A compiled message is rewritten once per campaign. At `individual` it gains one
slot, filled with the reader's token like any other; at `aggregate` it gets the campaign's token, which names no reader.
The server looks a link's target up in the frozen message, by number; it never takes an address from a request.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from enum import StrEnum

from newsletter.messages.types import CompiledMessage
from newsletter.signed_links import Links, Purpose

FIELD = "_track"
"""The merge field with a reader's token; no publication can have a field of this name."""
KEY_SIZE = 8
"""Characters of a campaign's key in a token."""
_LINK = re.compile(r"(<a\b[^>]*?\shref=)(?:\"([^\"]*)\"|'([^']*)')")
_PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'


class Level(StrEnum):
    """The levels of tracking."""

    NONE = "none"
    AGGREGATE = "aggregate"
    """Counts opens and clicks of a campaign as a whole."""
    INDIVIDUAL = "individual"
    """Counts opens and clicks by reader."""


def tracked(
    message: CompiledMessage, level: Level, links: Links, campaign_id: int, campaign_key: str = ""
) -> CompiledMessage:
    """Return the message as it is sent at this level, unchanged at `none`. The text part is never changed."""
    if level is Level.NONE:
        return message
    if level is Level.INDIVIDUAL:
        token = f"{message.prefix}{len(message.tags):05d}xNL"
        message = replace(message, tags=(*message.tags, f"{{{{ {FIELD} }}}}"))
    else:
        token = track_token(links, 0, campaign_id, campaign_key=campaign_key)
    numbers = {url: number for number, url in targets(message, links).items()}

    def through_us(link: re.Match[str]) -> str:
        number = numbers.get(html.unescape(link[2] or link[3] or ""))
        return link[0] if number is None else f'{link[1]}"{links.click_url(token, number)}"'

    page = _LINK.sub(through_us, message.html)
    before, closing, after = page.rpartition("</body>")
    pixel = _PIXEL.format(links.open_url(token))
    return replace(message, html=f"{before}{pixel}{closing}{after}" if closing else page + pixel)


def track_token(links: Links, subscriber_id: int, campaign_id: int, key: str = "", campaign_key: str = "") -> str:
    """Make the token of tracked links: it names the campaign and its reader (0 for none), and gives no access.

    `key` is the key of the reader's links. A restored database gives a campaign's number out again, too: the token
    holds the beginning of the campaign's key; none in tokens of earlier versions.
    """
    return links.token(Purpose.TRACK, subscriber_id, campaign_id, campaign_key[:KEY_SIZE], key)


def is_tracked(message: CompiledMessage, url: str, links: Links) -> bool:
    """Tell whether a link is tracked: a web address without slots, and not one of our own pages."""
    if not url.lower().startswith(("http://", "https://")) or message.token.search(url):
        return False
    return not links.is_ours(url)


def targets(message: CompiledMessage, links: Links) -> dict[int, str]:
    """Return the targets of the tracked links by number: the link's place in the message, which never changes."""
    return {number: url for number, url in enumerate(message.links) if is_tracked(message, url, links)}
