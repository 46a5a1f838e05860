"""Encode headers and bodies: encoded words, folding, quoted-printable.

RFC 5322 (headers), 2047 (encoded words), 2045 (quoted-printable). Nothing that is returned can end a
header or a line that the caller did not end.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from newsletter.addresses import Mailbox
from newsletter.characters import one_line

LINE = 76
"""The longest line of quoted-printable, with its `=` (RFC 2045 section 6.7)."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN = re.compile(rb"[A-Za-z0-9 !-<>-~]{0,72}[A-Za-z0-9!-<>-~]|")
_LONGEST = 200
"""Characters of a word that cannot be folded; a line may have 998 (RFC 5322 section 2.1.1)."""
_WORD_BYTES = 45
"""Bytes of UTF-8 that fit into an encoded word of 75 characters in base64."""


@lru_cache(maxsize=4096)
def header_text(text: str) -> bytes:
    """Return the value of an unstructured header (Subject), encoded where it must be, folded at 76."""
    text = one_line(text)
    if all(_is_plain(word) for word in text.split(" ")):
        return _folded(text, 60)
    return b"\r\n ".join(_encoded_words(text, len("Subject: ")))


@lru_cache(maxsize=4096)
def header_mailbox(name: str, address: str) -> bytes:
    """Return the value of an address header: `"A. Lovelace" <ada@example.com>`."""
    name = one_line(name)
    phrase, spec = _phrase(name) if name else b"", address.encode("ascii", "replace")
    if not phrase:
        return spec
    last = len(phrase) - phrase.rfind(b"\n") - 1
    fits = last + len(spec) + 3 <= LINE - len("Reply-To: ")
    return phrase + (b" <" if fits else b"\r\n <") + spec + b">"


def mailbox(value: Mailbox) -> bytes:
    """Return the value of an address header for a mailbox of the settings."""
    return header_mailbox(value.name, value.address)


def header_date(moment: datetime) -> bytes:
    """Return a date as RFC 5322 section 3.3 has it."""
    return format_datetime(moment).encode()


def _is_plain(word: str) -> bool:
    """Tell whether a word needs no encoding: ASCII, nothing like an encoded word, short enough for a line."""
    return word.isascii() and "=?" not in word and len(word) <= _LONGEST


def _folded(text: str, first: int) -> bytes:
    """Break ASCII text before spaces so that no line passes 76; a longer word stays whole."""
    lines: list[str] = []
    room, line = first, ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            room, line = LINE - 1, word
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line]).encode("ascii")


def _phrase(name: str) -> bytes:
    """Return a display name: atoms, a quoted string, or encoded words for what is not ASCII.

    Only the words that need it are encoded, neighbours together with the space between
    them: Python's own reader keeps the white space that RFC 2047 section 6.2 drops.
    """
    if len(name) <= _LONGEST and _is_plain(name):
        return name.encode() if _ATOMS.fullmatch(name) else _quoted(name)
    parts: list[bytes] = []
    for is_plain, words in _runs(name.split(" ")):
        if is_plain and len(" ".join(words)) <= _LONGEST:
            parts.append(" ".join(words).encode() if _ATOMS.fullmatch(" ".join(words)) else _quoted(" ".join(words)))
        else:
            parts.extend(_encoded_words(" ".join(words), 0 if parts else len("Reply-To: ")))
    return b"\r\n ".join(parts)


def _runs(words: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Yield runs of neighbouring words that are all plain ASCII, or all not."""
    run: list[str] = []
    kind = True
    for word in words:
        is_plain = _is_plain(word)
        if run and is_plain is not kind:
            yield kind, run
            run = []
        kind = is_plain
        run.append(word)
    yield kind, run


def _quoted(text: str) -> bytes:
    return b'"' + re.sub(r'([\\"])', r"\\\1", text).encode("ascii") + b'"'


def _encoded_words(text: str, used: int) -> list[bytes]:
    """Return RFC 2047 words that split no character, for lines of at most 76 (section 2), `used` of the first taken."""
    words: list[bytes] = []
    chunk, room = b"", (LINE - 1 - used - len("=?utf-8?b??=")) // 4 * 3
    for character in text:
        raw = character.encode("utf-8", "replace")
        if len(chunk) + len(raw) > room:
            words.append(chunk)
            chunk, room = b"", _WORD_BYTES
        chunk += raw
    return [b"=?utf-8?b?" + base64.b64encode(word) + b"?=" for word in [*words, chunk]]


def quoted_printable(text: str) -> bytes:
    """Return a run of text as quoted-printable, CRLF between its lines, none after the last.

    No line begins with a dot or `From `, so that no transport has to change it.
    """
    raw = text.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    encoded = re.sub(rb"(?<!\r)\n", b"\r\n", binascii.b2a_qp(raw, istext=True))
    return _TO_MEND.sub(_mended, encoded)


_TO_MEND = re.compile(rb"(?m)^(?:\.|From |[^\r\n]{77})[^\r\n]*")
"""Lines that a transport would change, and lines that binascii makes too long: white space at column 76."""


def _mended(match: re.Match[bytes]) -> bytes:
    """Return a line with its first character encoded where it must be, broken again where it is too long."""
    line = match[0]
    if line.startswith((b".", b"From ")):
        line = b"=%02X" % line[0] + line[1:]
    return line if len(line) <= LINE else _broken(line)


def _broken(line: bytes) -> bytes:
    """Break a line that is a little too long in two."""
    cut = LINE - 6
    if b"=" in line[cut - 2 : cut]:  # not inside =XX
        cut = line.rindex(b"=", cut - 2, cut)
    return line[:cut] + b"=\r\n" + line[cut:]


SOFT_BREAK = b"=\r\n"


def quoted_part(text: str) -> bytes:
    """Return a run of text as quoted-printable whose last line has room for a soft break."""
    encoded = quoted_printable(text)
    start = encoded.rfind(b"\n") + 1
    return encoded if len(encoded) - start < LINE else encoded[:start] + _broken(encoded[start:])


def quoted_value(text: str) -> bytes:
    """Return a reader's value as quoted-printable, for lines of its own between soft breaks."""
    raw = text.encode("utf-8", "replace")
    if _PLAIN.fullmatch(raw) and not raw.startswith((b".", b"From ")):
        return raw
    return quoted_part(text)
