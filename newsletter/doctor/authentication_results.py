"""Read the Authentication-Results header, in which the receiving mail server says what it found (RFC 8601)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROPERTY = re.compile(r"([A-Za-z0-9_-]+)\s*\.\s*([A-Za-z0-9_-]+)\s*=\s*(\"[^\"]*\"|[^\s;]+)")
_METHOD = re.compile(r"\s*([A-Za-z0-9_-]+)(?:\s*/\s*\d+)?\s*=\s*([A-Za-z0-9_-]+)")


@dataclass(frozen=True, kw_only=True)
class AuthenticationResult:
    """Hold one finding of the receiving server: the method, its result, and what it was about."""

    method: str
    """`spf`, `dkim`, `dmarc`, ..., lower case."""
    result: str
    """`pass`, `fail`, `none`, `softfail`, ..., lower case."""
    properties: dict[str, str]
    """`smtp.mailfrom`, `header.d` and the like, lower case, with their values."""

    @property
    def domain(self) -> str:
        """Return the domain that it was about; empty when the header does not say."""
        for name in ("header.d", "header.i", "smtp.mailfrom", "header.from", "smtp.helo"):
            if value := self.properties.get(name, ""):
                return value.rpartition("@")[2].lower()
        return ""


def read_results(header: str) -> tuple[str, list[AuthenticationResult]]:
    """Return the name of the server that wrote the header, empty when it does not say, and its results.

    Comments are left out.
    """
    first, *rest = _without_comments(header).split(";")
    if _METHOD.match(first):  # Outlook.com begins with its results
        first, rest = "", [first, *rest]
    matches = [(part, match) for part in rest if (match := _METHOD.match(part))]
    results = [
        AuthenticationResult(
            method=match[1].lower(), result=match[2].lower(), properties=_properties(part[match.end() :])
        )
        for part, match in matches
    ]
    return next(iter(first.split()), ""), results


def _properties(text: str) -> dict[str, str]:
    return {f"{kind}.{name}".lower(): value.strip('"') for kind, name, value in _PROPERTY.findall(text)}


def _without_comments(text: str) -> str:
    """Return a header without its comments, which may be nested (RFC 5322 section 3.2.2)."""
    kept, depth, is_quoted, skip = [], 0, False, False
    for letter in text:
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter == '"' and not depth:
            is_quoted = not is_quoted
        elif letter == "(" and not is_quoted:
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(letter)
    return "".join(kept)
