"""The links of an approved message, marked with their numbers, so that a page can lay their clicks over the email."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from newsletter.messages.types import CompiledMessage

NUMBER = "data-nl-link"
"""The attribute that holds a link's place in the message's `links`."""
_LINK = re.compile(r"<a\b(?=[^>]*?\shref=(?:\"([^\"]*)\"|'([^']*)'))")


def with_numbers(message: CompiledMessage) -> CompiledMessage:
    """Return the message with each link's number in its `<a>`; a link that stands twice has one number."""
    numbers = {url: number for number, url in enumerate(message.links)}

    def marked(link: re.Match[str]) -> str:
        number = numbers.get(html.unescape(link[1] or link[2] or ""))
        return link[0] if number is None else f'{link[0]} {NUMBER}="{number}"'

    return replace(message, html=_LINK.sub(marked, message.html))
