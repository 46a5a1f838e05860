"""Slips in addresses: `gmial.com` is nobody's domain, and somebody's mistake.

Pure, without DNS: the domains that most readers have, and those one slip away from them that are
not some other real provider's. Only ever a question to the reader, never an answer.
"""

from __future__ import annotations

from functools import lru_cache

COMMON = (
    *("gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "hotmail.com", "outlook.com", "live.com", "msn.com"),
    *("icloud.com", "me.com", "mac.com", "aol.com", "protonmail.com", "proton.me", "fastmail.com", "zoho.com"),
    *("yahoo.co.uk", "hotmail.co.uk", "btinternet.com", "yahoo.co.in", "rediffmail.com", "comcast.net", "verizon.net"),
    *("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "outlook.de", "hotmail.de"),
    *(
        "yahoo.de",
        "yahoo.fr",
        "hotmail.fr",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "sfr.fr",
        "outlook.fr",
    ),
    *("yahoo.es", "hotmail.es", "libero.it", "virgilio.it", "yahoo.it", "uol.com.br", "bol.com.br", "terra.com.br"),
    *("yandex.ru", "mail.ru", "qq.com", "163.com", "126.com", "naver.com", "daum.net"),
)
"""Where most people have their mail."""
REAL = (
    *("mail.com", "email.com", "gmx.com", "live.de", "live.fr", "live.nl", "live.it", "web.com", "free.com", "sfr.com"),
    *("mail.de", "me.net", "mc.com", "aon.at", "zoho.eu", "zoho.in", "yandex.com", "ya.ru", "proton.ch", "pm.me"),
)
"""One slip away from those, and somebody's all the same."""
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "ent": "net"}
"""Last parts that no domain has."""


def suggestion(address: str) -> str:
    """The address that was probably meant, or an empty string."""
    local, _, domain = address.rpartition("@")
    meant = _meant(domain.lower())
    return f"{local}@{meant}" if meant else ""


@lru_cache(maxsize=4096)
def _meant(domain: str) -> str:
    if domain in COMMON or domain in REAL:
        return ""
    near = next((known for known in COMMON if is_one_slip(domain, known)), "")
    rest, _, ending = domain.rpartition(".")
    return near or (f"{rest}.{_ENDINGS[ending]}" if ending in _ENDINGS else "")


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter too many, too few, wrong, or two swapped make one of the other."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    at = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    left, right = one[at:], other[at:]
    swapped = len(left) > 1 and len(right) > 1 and left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
