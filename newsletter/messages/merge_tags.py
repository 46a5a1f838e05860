"""Merge tags in an author's text: found, hidden as tokens, and put back.

A tag travels through Markdown, MJML and CSS inlining as a token of ASCII letters and
digits, which nothing on the way encodes, splits or drops. What a tag means is not
decided here but in `expressions`; what it becomes for a reader, in `merge`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_STRING = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'"
_VALUE = re.compile(rf"\{{\{{(?:{_STRING}|[^\"'\n{{}}]|[{{}}](?![{{}}]))*?\}}\}}")
_STATEMENT = re.compile(rf"\{{%(?:{_STRING}|[^\"'\n%]|%(?!\}}))*?%\}}")
_OPENING = re.compile(r"<!--|\\?\{\{|\\?\{%")
LITERALS = ("{{", "{%")
MOST_TAGS = 2_000
"""Of one issue, about a millisecond each to compile; a token has room for five digits."""


@dataclass(frozen=True, kw_only=True)
class Tag:
    """One merge tag as its author wrote it."""

    source: str
    line: int
    column: int

    @property
    def is_statement(self) -> bool:
        """`{% ... %}` and not `{{ ... }}`."""
        return self.source.startswith("{%")

    @property
    def inner(self) -> str:
        """What stands between the braces, without Jinja's white-space dashes."""
        return self.source[2:-2].strip().strip("-").strip()

    @property
    def canonical(self) -> str:
        """The tag in the one spelling that a compiled message keeps."""
        return f"{{% {self.inner} %}}" if self.is_statement else f"{{{{ {self.inner} }}}}"


@dataclass(kw_only=True)
class TagStore:
    """The tags of one issue, each behind a token. Grows while the issue is built."""

    base: str = "NL"
    tags: list[Tag] = field(default_factory=list)
    unclosed: list[Tag] = field(default_factory=list)
    """Opening braces without closing ones on their line."""
    _widths: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _shifts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def for_text(cls, text: str) -> TagStore:
        """An empty vault whose tokens cannot be mistaken for anything in `text`."""
        base = "NL"
        while re.search(base + r"[A-Z]\d{5}xNL", text):
            base += "Q"
        return cls(base=base)

    @property
    def token(self) -> re.Pattern[str]:
        """Finds the tokens of tags; group 1 is the index."""
        return re.compile(rf"{self.base}M(\d{{5}})xNL")

    def add(self, source: str, *, line: int = 1, column: int = 1) -> str:
        """Hide one tag; returns its token."""
        self.tags.append(Tag(source=source, line=line, column=column))
        return f"{self.base}M{len(self.tags) - 1:05d}xNL"

    def own(self, expression: str) -> str:
        """The token of a template's own merge tag; the same tag again is the same token."""
        source = f"{{{{ {expression} }}}}"
        known = next((index for index, tag in enumerate(self.tags) if tag.source == source), None)
        return self.add(source) if known is None else f"{self.base}M{known:05d}xNL"

    def hide(self, text: str) -> str:
        """The whole file with tokens for its tags. Lines stay; `column` gives columns back."""
        out: list[str] = []
        last = 0
        for start, end, line, column in _finds(text):
            token = self._hidden(text[start:end], line, column)
            out += [text[last:start], token]
            last = end
        return "".join(out) + text[last:]

    def _hidden(self, found: str, line: int, column: int) -> str:
        if not found.endswith(("}}", "%}")) and found[0] != "\\":
            self.unclosed.append(Tag(source=found, line=line, column=column))
            return found
        is_literal = found[0] == "\\"
        token = (
            f"{self.base}L{LITERALS.index(found[1:]):05d}xNL"
            if is_literal
            else self.add(found, line=line, column=column)
        )
        self._widths.setdefault(line, []).append((len(token), len(found)))
        return token

    def column(self, hidden_line: str, line: int, column: int) -> int:
        """The column in the author's line for a column (from 1) in the line with tokens."""
        if line not in self._widths:
            return column
        if line not in self._shifts:
            self._shifts[line] = list(self._shifts_of(hidden_line, line))
        passed = bisect_left(self._shifts[line], column - 1, key=lambda pair: pair[0])
        return column + (self._shifts[line][passed - 1][1] if passed else 0)

    def _shifts_of(self, hidden_line: str, line: int) -> Iterator[tuple[int, int]]:
        """Where each token of a line begins, and by how much what follows it is further right in the author's line."""
        shift = 0
        found = re.finditer(rf"{self.base}[ML]\d{{5}}xNL", hidden_line)
        for token, (width, source) in zip(found, self._widths[line], strict=False):
            shift += source - width
            yield token.start(), shift

    def literal(self, text: str) -> str:
        """The text with `{{` and `{%` where the author escaped them."""
        return re.sub(rf"{self.base}L(\d{{5}})xNL", lambda found: LITERALS[int(found[1])], text)

    def restore(self, text: str, spell: Callable[[str], str] = str) -> str:
        """The text as its author wrote it; `spell` says how a tag is written there."""
        opened = self.token.sub(lambda found: spell(self.tags[int(found[1])].source), text)
        return self.literal(opened)

    def within(self, text: str) -> Iterator[tuple[int, Tag]]:
        """The tags in a text with tokens, in order, with their indexes."""
        for found in self.token.finditer(text):
            yield int(found[1]), self.tags[int(found[1])]


def _finds(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Start, end, line and column of every tag, escaped brace and unclosed brace; none in comments.

    Every character is looked at a fixed number of times: of a line with an unclosed brace the rest is passed over.
    """
    at, line, line_start, comments = 0, 1, 0, True
    while opening := _OPENING.search(text, at):
        start = opening.start()
        line, line_start = line + text.count("\n", at, start), max(line_start, text.rfind("\n", at, start) + 1)
        end = _end(text, opening, comments)
        if opening[0] == "<!--":
            comments = comments and end > opening.end()
        else:
            yield start, end or opening.end(), line, start - line_start + 1
            end = end or _line_end(text, start)
        line, line_start = line + text.count("\n", start, end), max(line_start, text.rfind("\n", start, end) + 1)
        at = end


def _end(text: str, opening: re.Match[str], comments: bool) -> int:
    """Where what begins here ends; 0 for a brace that is not closed on its line."""
    start, end = opening.span()
    if opening[0] == "<!--":
        closing = text.find("-->", end) if comments else -1
        return closing + 3 if closing >= 0 else end
    if opening[0].startswith("\\"):
        return end
    strict = (_VALUE if opening[0] == "{{" else _STATEMENT).match(text, start)
    if strict:
        return strict.end()
    closing = text.find("}}" if opening[0] == "{{" else "%}", end, _line_end(text, start))
    return closing + 2 if closing >= 0 else 0


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return found if found >= 0 else len(text)
