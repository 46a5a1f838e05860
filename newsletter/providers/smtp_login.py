"""Log in to a mail server: AUTH PLAIN, LOGIN and CRAM-MD5, with any characters in name and password.

Python's smtplib encodes both as ASCII. PLAIN has UTF-8 (RFC 4616 section 2); the others name no encoding, and servers
read UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import smtplib
from collections.abc import Callable

GOES_ON, DONE = 334, (235, 503)
"""Codes of a challenge, and of a login that worked; 503 says that the connection is logged in already (RFC 4954)."""

Answer = Callable[[bytes, str, str], bytes]
"""Answers a challenge, with name and password."""


def _plain(_challenge: bytes, user: str, password: str) -> bytes:
    return b"\0" + _bytes(user) + b"\0" + _bytes(password)


def _cram_md5(challenge: bytes, user: str, password: str) -> bytes:
    """Return the answer of RFC 2195: the name, and the challenge signed with the password."""
    return _bytes(f"{user} {hmac.new(_bytes(password), challenge, 'md5').hexdigest()}")


_MECHANISMS: dict[str, tuple[Answer, ...]] = {
    "CRAM-MD5": (_cram_md5,),
    "PLAIN": (_plain,),
    "LOGIN": (lambda _challenge, user, _: _bytes(user), lambda _challenge, _, password: _bytes(password)),
}
"""The answers to a server's challenges, by mechanism; the first that it offers and takes is used."""


def log_in(session: smtplib.SMTP, user: str, password: str) -> None:
    """Log in by the first mechanism that works.

    Raises SMTPAuthenticationError with the server's answer, and SMTPNotSupportedError when it offers none of ours.
    """
    offered = session.esmtp_features.get("auth", "").upper().split()
    usable = [name for name in _MECHANISMS if name in offered]
    if not usable:
        raise smtplib.SMTPNotSupportedError(_what_is_offered(offered))
    refused: tuple[int, bytes] = (0, b"")
    for name in usable:
        code, said = _try(session, name, user, password)
        if code in DONE:
            return
        refused = code, said
        if code == 421:
            break
    raise smtplib.SMTPAuthenticationError(*refused)


def _try(session: smtplib.SMTP, name: str, user: str, password: str) -> tuple[int, bytes]:
    """Log in by one mechanism; return the server's last answer."""
    answers = _MECHANISMS[name]
    if name == "PLAIN":  # has no challenge: it goes with the command (RFC 4954 section 4)
        return session.docmd("AUTH", f"PLAIN {_encoded(_plain(b'', user, password))}")
    code, said = session.docmd("AUTH", name)
    for answer in answers:
        if code != GOES_ON:
            break
        code, said = session.docmd(_encoded(answer(_decoded(said), user, password)))
    if code == GOES_ON:  # a challenge too many; `*` ends the exchange
        code, said = session.docmd("*")
    return code, said


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a variable that is not UTF-8 keeps its bytes


def _encoded(answer: bytes) -> str:
    return base64.b64encode(answer).decode()


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge)
    except binascii.Error:  # LOGIN's challenges are only for people
        return challenge


def _what_is_offered(offered: list[str]) -> str:
    if not offered:
        return 'it offers no login: leave out username, or set security = "starttls" if it offers one only then'
    return f"it offers no login but {', '.join(offered)}; this program knows {', '.join(_MECHANISMS)}"
