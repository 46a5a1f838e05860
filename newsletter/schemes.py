"""Day and night of built HTML, whatever the viewer's own screen is set to.

Only the conditions of style sheets are written over; the cascade stays the browser's.
"""

from __future__ import annotations

import re
from typing import Literal

Scheme = Literal["light", "dark"]
_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL | re.IGNORECASE)
_MEDIA = re.compile(r"(\smedia=[\"'])([^\"']*)([\"'])", re.IGNORECASE)
_FEATURE = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*(light|dark)\s*)?\)", re.IGNORECASE)
_SAID = re.compile(r"((?:^|[\s;{])(?:supported-)?color-schemes?\s*:)[^;}\"]*", re.IGNORECASE)
_META = re.compile(r"(<meta\b[^>]*\bname=\"(?:supported-)?color-schemes?\"[^>]*\bcontent=\")[^\"]*", re.IGNORECASE)
_TRUE, _FALSE = "(min-width:0)", "(max-width:0)"


def by_day(page: str) -> str:
    """The email where the mail client is light."""
    return _fixed(page, "light")


def by_night(page: str) -> str:
    """The email where the mail client is dark and asks the email for its own dark colours, as Apple Mail does."""
    return _fixed(page, "dark")


def _fixed(page: str, scheme: Scheme) -> str:
    def of_sheet(found: re.Match[str]) -> str:
        return found[1] + _SAID.sub(rf"\1 {scheme}", _decided(found[2], scheme)) + found[3]

    def of_media(found: re.Match[str]) -> str:
        return found[1] + _decided(found[2], scheme) + found[3]

    return _META.sub(rf"\g<1>{scheme}", _MEDIA.sub(of_media, _SHEET.sub(of_sheet, page)))


def _decided(conditions: str, scheme: Scheme) -> str:
    return _FEATURE.sub(lambda found: _TRUE if (found[1] or scheme).lower() == scheme else _FALSE, conditions)
