"""Find probable typing mistakes in the domain of an address: `gmial.com` for `gmail.com`.

Pure, without DNS: the domain is compared with those that most readers have. The result is a question to the reader
("did you mean ...?"); the address is never changed.
"""

from __future__ import annotations

from functools import lru_cache

COMMON = (
    *("gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "hotmail.com", "outlook.com", "live.com", "msn.com"),
    *("icloud.com", "me.com", "mac.com", "aol.com", "protonmail.com", "proton.me", "fastmail.com", "zoho.com"),
    *("yahoo.co.uk", "hotmail.co.uk", "btinternet.com", "yahoo.co.in", "rediffmail.com", "comcast.net", "verizon.net"),
    *("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "outlook.de", "hotmail.de"),
    *("yahoo.de", "yahoo.fr", "hotmail.fr", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr"),
    *(
        "outlook.fr",
        "yahoo.es",
        "hotmail.es",
        "libero.it",
        "virgilio.it",
        "yahoo.it",
        "uol.com.br",
        "bol.com.br",
        "terra.com.br",
    ),
    *("yandex.ru", "mail.ru", "qq.com", "163.com", "126.com", "naver.com", "daum.net"),
)
"""The domains of the large mailbox providers."""
REAL = (
    *("mail.com", "email.com", "gmx.com", "live.de", "live.fr", "live.nl", "live.it", "web.com", "free.com", "sfr.com"),
    *("mail.de", "me.net", "mc.com", "aon.at", "zoho.eu", "zoho.in", "yandex.com", "ya.ru", "proton.ch", "pm.me"),
)
"""Real domains that are one typing mistake away from a common one, and so are not questioned."""
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "ent": "net"}
"""Mistyped top-level domains that do not exist, and the ones that were meant."""


def suggestion(address: str) -> str:
    """Return the address that was probably meant, or an empty string."""
    local, _, domain = address.rpartition("@")  # a quoted local part may have an @
    meant = _meant(domain.lower())
    return f"{local}@{meant}" if meant else ""


@lru_cache(maxsize=4096)
def _meant(domain: str) -> str:
    if domain in COMMON or domain in REAL:
        return ""
    near = next((known for known in COMMON if is_one_slip(domain, known)), "")
    rest, _, ending = domain.rpartition(".")
    return near or (f"{rest}.{_ENDINGS[ending]}" if ending in _ENDINGS else "")


def is_one_slip(text: str, known: str) -> bool:
    """Tell whether the texts differ by one letter added, left out or wrong, or by two swapped neighbours."""
    if text == known or abs(len(text) - len(known)) > 1:
        return False
    differs_at = (index for index, (a, b) in enumerate(zip(text, known, strict=False)) if a != b)
    first = next(differs_at, min(len(text), len(known)))
    left, right = text[first:], known[first:]
    swapped = len(left) > 1 and len(right) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
