"""Columns: one slot's values for many readers, made safe all at once.

Names and addresses are nearly all there is, and in nearly all nothing has to be changed: a look at
all of them joined costs a tenth of a look at each. What cannot be settled by that look is rendered
reader by reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from newsletter.escapes import as_text, as_token, in_html
from newsletter.expressions import Fields, simple
from newsletter.fragments import Choice, Value
from newsletter.merge import Render, renderer
from newsletter.mime import one_line

BAR = "|"
"""Between the values of a joined column; where one has it, each is looked at by itself."""

Vary = Callable[[str], str]
Known = tuple[str, object]
"""A field and its default."""


class Column:
    """A slot of one template."""

    def __init__(self, part: Value | Choice, *, vary: Vary, mark: str, is_line: bool) -> None:
        """`vary` makes a text safe that has the character `mark`; `is_line`: it stands in a header."""
        self._escape = part.escape if isinstance(part, Value) else None
        self._mark, self._is_line = mark, is_line
        is_simple = isinstance(part, Value) and part.escape in (in_html, as_text)
        self._known = simple(part.expression) if isinstance(part, Value) and is_simple else None
        render = renderer(part)
        self._render = render if self._escape is as_token else _whole(render, vary, mark, is_line=is_line)

    def values(self, everyone: Sequence[Fields], raw: dict[Known, list[object]]) -> Sequence[str]:
        """For readers with these present fields; `raw` keeps what equal expressions have in common."""
        if self._known:
            name, default = self._known
            if self._known not in raw:
                raw[self._known] = [fields.get(name, default) for fields in everyone]
            if (found := self._at_once(raw[self._known])) is not None:
                return found
        return [*map(self._render, everyone)]

    def _at_once(self, values: Sequence[object]) -> Sequence[str] | None:
        """All as they should be; None when that cannot be said of all at once."""
        try:
            text = BAR.join(values)  # type: ignore[arg-type]
        except TypeError:  # a number among them
            return None
        if not text.isprintable() or self._mark in text or text.count(BAR) != len(values) - 1:
            return None
        if self._is_line and ("  " in text or f"{BAR} " in text or f" {BAR}" in text or text != text.strip(" ")):
            return None
        safe = in_html(text) if self._escape is in_html else text
        if self._mark in safe:
            return None
        return cast(Sequence[str], values) if safe is text else safe.split(BAR)


def _whole(render: Render, vary: Vary, mark: str, *, is_line: bool) -> Render:
    def value(fields: Fields) -> str:
        text = one_line(render(fields)) if is_line else render(fields)
        return vary(text) if mark in text else text

    return value
