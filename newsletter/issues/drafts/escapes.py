"""Write words into an issue file so that readers see them as they are: no block, merge tag, link or HTML."""

from __future__ import annotations

import json
import re


def yaml_text(text: str) -> str:
    """Return the inside of a double-quoted string of YAML, which reads JSON's strings."""
    return _braces(json.dumps(text, ensure_ascii=False)[1:-1])


def field_value(name: str, value: str) -> str:
    """Return the value of a block's field; an address from `story.link_of` needs no quotes."""
    if name == "url":
        return value
    return '"' + _braces(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def plain_words(text: str) -> str:
    """Return Markdown that shows words as they are, inside a line."""
    # A `_` inside a word is no emphasis in CommonMark and needs no backslash.
    return _braces(re.sub(r"[\\`*\[\]<>~|]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w)", r"\\\g<0>", text))


def line_start(text: str) -> str:
    """Return Markdown that shows words as they are at the start of a line, where numbers and signs open lists."""
    return paragraph_start(plain_words(text))


def paragraph_start(markdown: str) -> str:
    """Return a line of Markdown that opens no list, heading or block, with its first sign escaped where it would."""
    if re.match(r"[#+=:-]", markdown):
        return "\\" + markdown
    return re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", markdown)


def _braces(text: str) -> str:
    return re.sub(r"\{[{%]", r"\\\g<0>", text)
