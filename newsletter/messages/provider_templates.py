"""Templates for providers that fill in slots themselves: one template, and a column of readers' values per slot.

Equal slots share a column, and a condition is rendered here into one value. Text that the provider would take
for a slot of its own is changed until it does not, in the author's words and in readers' values.

Most values are names and addresses that need no escaping: one look at a whole column, joined, costs a tenth
of a look at each value. A column that fails this look is rendered reader by reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from newsletter.characters import one_line
from newsletter.messages.escapes import as_text, as_token, in_html
from newsletter.messages.expressions import Fields, simple
from newsletter.messages.fragments import (
    ConditionalSlot,
    Fragment,
    ValueSlot,
    html_fragment,
    text_fragment,
    with_addresses,
)
from newsletter.messages.merge import Render, renderer
from newsletter.messages.types import CompiledMessage, Syntax

WORD_JOINER = "\u2060"
"""An invisible character that ends what would be the name of a slot."""
UNSUBSCRIBE = ValueSlot(expression="unsubscribe_url", escape=as_text)


class Substitution:
    """A message as a template in a provider's syntax; the columns are in the order of the slots' numbers."""

    def __init__(self, message: CompiledMessage, syntax: Syntax, addresses: Mapping[str, str]) -> None:
        """Write the template; `addresses` are those of the Mailing."""
        self._syntax = syntax
        self._columns: list[Column] = []
        self._numbers: dict[tuple[str, ValueSlot | ConditionalSlot], int] = {}
        header, subject, text, html = (
            with_addresses(tree, addresses)
            for tree in (
                (UNSUBSCRIBE,),
                text_fragment(message.subject, message),
                text_fragment(message.text, message),
                html_fragment(message.html, message),
            )
        )
        self.unsubscribe_url = self._spelled("header", header, lambda text: text)
        """The address of List-Unsubscribe: a slot, or an address with the slot of the token."""
        self.subject = self._spelled("subject", subject, self._in_text)
        self.text = self._spelled("text", text, self._in_text)
        self.html = self._spelled("html", html, self._in_html)

    def columns(self, everyone: Sequence[Fields]) -> list[Sequence[str]]:
        """Return each slot's values for readers with these present fields."""
        raw: dict[Known, list[object]] = {}
        return [column.values(everyone, raw) for column in self._columns]

    def _spelled(self, place: str, tree: Fragment, vary: Vary) -> str:
        return "".join(vary(part) if isinstance(part, str) else self._slot(place, part, vary) for part in tree)

    def _slot(self, place: str, part: ValueSlot | ConditionalSlot, vary: Vary) -> str:
        """Return the slot in the provider's syntax; a reader's token is the same in every place and has one slot."""
        is_token = isinstance(part, ValueSlot) and part.escape is as_token
        slot = ("" if is_token else place, part)
        if slot not in self._numbers:
            self._numbers[slot] = len(self._columns)
            self._columns.append(Column(part, vary=vary, mark=self._syntax.mark, is_line=place == "subject"))
        return self._syntax.slot.format(self._numbers[slot])

    def _in_html(self, text: str) -> str:
        return self._varied(text, f"&#{ord(self._syntax.mark)};")

    def _in_text(self, text: str) -> str:
        return self._varied(text, self._syntax.mark + WORD_JOINER)

    def _varied(self, text: str, instead: str) -> str:
        return self._syntax.literal.sub(instead, text)


BAR = "|"
"""Separates the values of a joined column; a column with it in a value is rendered reader by reader."""

Vary = Callable[[str], str]
Known = tuple[str, object]
"""A field and the default of its expression."""


class Column:
    """A slot of a template, with the values of its readers."""

    def __init__(self, part: ValueSlot | ConditionalSlot, *, vary: Vary, mark: str, is_line: bool) -> None:
        """Prepare a slot: `vary` changes texts with the character `mark`; with `is_line` the slot is in a header."""
        self._escape = part.escape if isinstance(part, ValueSlot) else None
        self._mark, self._is_line = mark, is_line
        is_simple = isinstance(part, ValueSlot) and part.escape in (in_html, as_text)
        self._known = simple(part.expression) if isinstance(part, ValueSlot) and is_simple else None
        render = renderer(part)
        self._render = render if self._escape is as_token else _whole(render, vary, mark, is_line=is_line)

    def values(self, everyone: Sequence[Fields], raw: dict[Known, list[object]]) -> Sequence[str]:
        """Return the values for readers with these present fields; `raw` caches those of equal expressions."""
        if self._known:
            name, default = self._known
            if self._known not in raw:
                raw[self._known] = [fields.get(name, default) for fields in everyone]
            if (values := self._at_once(raw[self._known])) is not None:
                return values
        return [*map(self._render, everyone)]

    def _at_once(self, values: Sequence[object]) -> Sequence[str] | None:
        """Escape all values at once; return None when they must be looked at one by one."""
        try:
            text = BAR.join(values)  # type: ignore[arg-type]
        except TypeError:  # a number among them
            return None
        # A bar inside a value would shift every value after it.
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
