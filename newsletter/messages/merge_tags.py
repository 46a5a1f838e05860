"""Find the merge tags of an author's text, hide them as tokens, and put them back.

A tag travels through Markdown, MJML and CSS inlining as a token of ASCII letters and
digits, which nothing on the way encodes, splits or drops. expressions.py evaluates a tag;
merge.py puts the value into a reader's copy.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_STRING = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'"
_VALUE = re.compile(rf"\{{\{{(?:{_STRING}|[^\"'\n{{}}]|[{{}}](?![{{}}]))*?\}}\}}")
_STATEMENT = re.compile(rf"\{{%(?:{_STRING}|[^\"'\n%]|%(?!\}}))*?%\}}")
_OPENING = re.compile(r"\\\\(?=[\\{])|\\?\{\{|\\?\{%")
LITERALS = ("{{", "{%")
MOST_TAGS = 2_000
"""Merge tags of an issue, at most: each takes about a millisecond to compile, and a token has five digits."""


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A merge tag as its author wrote it, with its line and column in the file."""

    source: str
    line: int
    column: int

    @property
    def is_statement(self) -> bool:
        """True for `{% ... %}`, False for `{{ ... }}`."""
        return self.source.startswith("{%")

    @property
    def inner(self) -> str:
        """The text between the braces, without Jinja's white-space dashes."""
        return self.source[2:-2].strip().strip("-").strip()

    @property
    def canonical(self) -> str:
        """The tag in the spelling that a compiled message has."""
        return f"{{% {self.inner} %}}" if self.is_statement else f"{{{{ {self.inner} }}}}"


@dataclass(kw_only=True)
class TagStore:
    """The merge tags of an issue, each behind a token. A build adds the tags of templates."""

    base: str = "NL"
    tags: list[Tag] = field(default_factory=list)
    unclosed: list[Tag] = field(default_factory=list)
    """Opening braces without closing ones on their line."""
    code: Container[int] = frozenset()
    """Where braces stand in the text (offsets) that are no tags: Markdown reads them as code or as a comment."""
    _widths: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _shifts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def for_text(cls, text: str) -> TagStore:
        """Return an empty store whose tokens do not occur in `text`."""
        base = "NL"
        # An author may write `NLM00000xNL`; then every token gets a longer prefix.
        while re.search(base + r"[A-Z]\d{5}xNL", text):
            base += "Q"
        return cls(base=base)

    @property
    def token(self) -> re.Pattern[str]:
        """The pattern of the tokens; group 1 is the index of the tag."""
        return re.compile(rf"{self.base}M(\d{{5}})xNL")

    def add(self, source: str, *, line: int = 1, column: int = 1) -> str:
        """Add a tag and return its token."""
        self.tags.append(Tag(source=source, line=line, column=column))
        return f"{self.base}M{len(self.tags) - 1:05d}xNL"

    def own(self, expression: str) -> str:
        """Return the token of a template's own merge tag; equal tags share a token."""
        source = f"{{{{ {expression} }}}}"
        known = next((index for index, tag in enumerate(self.tags) if tag.source == source), None)
        return self.add(source) if known is None else f"{self.base}M{known:05d}xNL"

    def hide(self, text: str) -> str:
        """Return a whole file with tokens in place of its tags. Lines stay; `column` restores columns."""
        out: list[str] = []
        last = 0
        for place in tag_places(text, self.code):
            out += [text[last : place.start], self._hidden(text[place.start : place.end], place.line, place.column)]
            last = place.end
        return "".join(out) + text[last:]

    def _hidden(self, source: str, line: int, column: int) -> str:
        is_literal = source[0] == "\\"
        if len(source) == len(LITERALS[0]):
            self.unclosed.append(Tag(source=source, line=line, column=column))
            return source
        token = (
            f"{self.base}L{LITERALS.index(source[1:]):05d}xNL"
            if is_literal
            else self.add(source, line=line, column=column)
        )
        self._widths.setdefault(line, []).append((len(token), len(source)))
        return token

    def column(self, hidden_line: str, line: int, column: int) -> int:
        """Return the author's column for a column (from 1) in the line with tokens."""
        if line not in self._widths:
            return column
        if line not in self._shifts:
            self._shifts[line] = list(self._shifts_of(hidden_line, line))
        passed = bisect_left(self._shifts[line], column - 1, key=lambda pair: pair[0])
        return column + (self._shifts[line][passed - 1][1] if passed else 0)

    def _shifts_of(self, hidden_line: str, line: int) -> Iterator[tuple[int, int]]:
        """Yield the start of each token of a line, and the shift of what follows it in the author's line."""
        shift = 0
        tokens = re.finditer(rf"{self.base}[ML]\d{{5}}xNL", hidden_line)
        for token, (width, source) in zip(tokens, self._widths[line], strict=False):
            shift += source - width
            yield token.start(), shift

    def literal(self, text: str) -> str:
        """Return a text with the `{{` and `{%` that its author escaped."""
        return re.sub(rf"{self.base}L(\d{{5}})xNL", lambda token: LITERALS[int(token[1])], text)

    def restore(self, text: str, spell: Callable[[str], str] = str) -> str:
        """Return a text as its author wrote it; `spell` escapes the tags for their place."""
        opened = self.token.sub(lambda token: spell(self.tags[int(token[1])].source), text)
        return self.literal(opened)

    def within(self, text: str) -> Iterator[tuple[int, Tag]]:
        """Yield index and tag of each token of a text, in order."""
        for token in self.token.finditer(text):
            yield int(token[1]), self.tags[int(token[1])]


class TagPlace(NamedTuple):
    """A merge tag, escaped brace or unclosed brace of a text: offsets, and line and column from 1."""

    start: int
    end: int
    """The offset behind it; of an unclosed brace, behind the brace."""
    line: int
    column: int
    is_closed: bool


def tag_places(
    text: str, code: Container[int] = frozenset(), cuts: re.Pattern[str] | None = None
) -> Iterator[TagPlace]:
    """Yield the place of every tag, escaped brace and unclosed brace, except those that begin at an offset in `code`.

    Of a tag that has a match of `cuts` in it, its first braces alone are the place.
    """
    at, line, line_start, seen = 0, 1, 0, 0
    closings = {"{{": _Closing("}}"), "{%": _Closing("%}")}
    while opening := _OPENING.search(text, at):
        start, at = opening.span()
        # A backslash that is escaped itself escapes no brace.
        if opening[0] == "\\\\" or start in code:
            continue
        line, line_start = line + text.count("\n", seen, start), max(line_start, text.rfind("\n", seen, start) + 1)
        seen, end = start, at
        if not opening[0].startswith("\\"):
            end = tag_end(text, start, closings[opening[0]].after(text, at))
            at = end if end and not (cuts and cuts.search(text, at, end)) else at
        yield TagPlace(start, at, line, start - line_start + 1, end > 0)


def tag_end(text: str, start: int, closing: int) -> int:
    """Return the end of the tag whose braces begin at `start`; `closing` is the first end that it may have.

    A quoted string may hold closing braces. 0 stands for a tag without an end.
    """
    strict = (_VALUE if text.startswith("{{", start) else _STATEMENT).match(text, start) if closing else None
    return strict.end() if strict else closing


@dataclass
class _Closing:
    """The next closing braces, remembered so that many unclosed ones cost one search."""

    braces: str
    at: int = -1
    line_start: int = 0
    """The offset at which the line with them begins."""

    def after(self, text: str, start: int) -> int:
        """Return the offset behind the next closing braces of the line; 0 when there are none."""
        if self.at < start:
            place = text.find(self.braces, start)
            self.at = place if place >= 0 else len(text)
            self.line_start = text.rfind("\n", start, self.at) + 1
        return self.at + 2 if self.line_start <= start and self.at < len(text) else 0
