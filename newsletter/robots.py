"""Who asks: a person's mail program, or a program that looks at every message by itself.

Pure. Tells by what a request says of itself, by how soon after the hand-over it comes, and by how
many links are followed at once. What is left counts as a person's; nobody can know.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta

IMMEDIATE = timedelta(seconds=10)
"""Who follows a link sooner after the hand-over is a scanner at the door: the reader has not seen it yet."""
BURST = timedelta(seconds=5)
"""Within which a person follows one link, perhaps two."""
BURST_LINKS = 3
_PROXIES = (
    ("gmail", re.compile(r"GoogleImageProxy|\(via ggpht\.com|Edge/12\.246 Mozilla/5\.0$")),
    ("yahoo", re.compile(r"YahooMailProxy")),
    ("apple", re.compile(r"^Mozilla/5\.0$")),  # Mail Privacy Protection says that and no more
)
"""Privacy proxies, which load pictures for everybody, looked at or not."""
_PROGRAM = re.compile(
    r"(?<!cu)bot\b|crawl|spider|scan|preview|prefetch|monitor|checker|validator|headless|phantom|selenium|puppeteer|"
    r"curl|wget|python|java/|okhttp|go-http-client|libwww|perl|ruby|axios|node-fetch|httpclient|facebookexternalhit|"
    r"whatsapp|slack|skypeuri|embedly|barracuda|mimecast|proofpoint|forcepoint|symantec|sophos|trendmicro|fireeye|"
    r"ironport|safelinks|urldefense|cloudmark|messagelabs",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
_PURPOSES = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def betrayed(headers: Mapping[str, str]) -> str:
    """What the headers of a request (names in lower case) say of a program; empty when they look like a person's."""
    if any(_AHEAD.search(headers.get(name, "")) for name in _PURPOSES):
        return "prefetch"
    agent = headers.get("user-agent", "").strip()
    if not agent:
        return "nameless"
    proxy = next((name for name, pattern in _PROXIES if pattern.search(agent)), "")
    return f"proxy {proxy}" if proxy else "program" if _PROGRAM.search(agent) else ""


def is_immediate(waited: timedelta) -> bool:
    """So soon after the hand-over that nobody can have read it."""
    return waited < IMMEDIATE


def is_burst(links: Collection[object], there_are: int) -> bool:
    """Whether one reader's links, all followed within BURST, are too many for a person: three, or all of several."""
    return len(links) >= min(BURST_LINKS, max(there_are, 2))
