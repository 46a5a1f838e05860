"""Guess the encoding of text that declares none, or a wrong one, with charset-normalizer."""

from __future__ import annotations

import re

_LARGEST_SAMPLE = 64 * 1024
_MOSTLY_UTF8 = 0.6
"""The share of characters outside ASCII from which broken UTF-8 is still taken for UTF-8."""
_OLD_WEB = (
    *("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "koi8_r", "iso8859_2"),
    *("cp932", "euc_jp", "cp949", "gb18030", "big5"),
)
"""The encodings that pages had before UTF-8, Western ones first (https://encoding.spec.whatwg.org/#names-and-labels)."""
_WEB_NAMES = {"cp932": "shift_jis", "cp949": "euc-kr", "iso8859_2": "iso-8859-2"}
_TAGS = re.compile(rb"<[^<>]*>")


def guess_encoding(content: bytes) -> str:
    """Return the encoding that bytes most probably have, by a name that web pages use: `windows-1251`.

    Text of a few words can be in several; where nothing speaks for one, it is the most common.
    """
    if _is_nearly_utf8(content):
        return "utf-8"
    import charset_normalizer  # 50 ms: only where nothing else tells

    # The tags are ASCII, and would outweigh the words.
    sample = _TAGS.sub(b" ", content[: 4 * _LARGEST_SAMPLE])[:_LARGEST_SAMPLE]
    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_OLD_WEB))
    ranked = sorted(matches, key=lambda match: (match.chaos, -match.coherence, _OLD_WEB.index(match.encoding)))
    name = ranked[0].encoding if ranked else "cp1252"
    return _WEB_NAMES.get(name, name.replace("cp125", "windows-125").replace("_", "-"))


def _is_nearly_utf8(content: bytes) -> bool:
    """Tell whether a text is UTF-8 but for a few bytes, such as a character that was cut in two."""
    text = content.decode("utf-8", "replace")
    lost, foreign = text.count("\ufffd"), sum(not character.isascii() for character in text)
    return foreign > lost and foreign - lost >= _MOSTLY_UTF8 * foreign
