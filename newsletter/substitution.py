"""One compiled message for providers that fill in slots by themselves: the template, and the readers' values.

Equal slots share a variable, a condition is rendered here as a whole. What the provider
would take for a slot of its own in an author's or a reader's text is varied until it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from newsletter.columns import Column, Known, Vary
from newsletter.escapes import as_text, as_token
from newsletter.expressions import Fields
from newsletter.fragments import Choice, Fragment, Value, html_fragment, text_fragment, with_addresses
from newsletter.messages import CompiledMessage, Syntax

WORD_JOINER = "\u2060"
"""Shows nothing and breaks nothing, but ends what would be the name of a slot."""
LEAVE = Value(expression="unsubscribe_url", escape=as_text)


class Substitution:
    """A message in one provider's syntax. `columns` are in the order of the slots' numbers."""

    def __init__(self, message: CompiledMessage, syntax: Syntax, addresses: Mapping[str, str]) -> None:
        """`addresses` as for a `Mailing`."""
        self._syntax = syntax
        self._columns: list[Column] = []
        self._numbers: dict[tuple[str, Value | Choice], int] = {}
        header, subject, text, html = (
            with_addresses(tree, addresses)
            for tree in (
                (LEAVE,),
                text_fragment(message.subject, message),
                text_fragment(message.text, message),
                html_fragment(message.html, message),
            )
        )
        self.unsubscribe_url = self._spelled("header", header, lambda text: text)
        """Its slot, for a header."""
        self.subject = self._spelled("subject", subject, self._in_text)
        self.text = self._spelled("text", text, self._in_text)
        self.html = self._spelled("html", html, self._in_html)

    def columns(self, everyone: Sequence[Fields]) -> list[Sequence[str]]:
        """Each slot's values for readers with these present fields."""
        raw: dict[Known, list[object]] = {}
        return [column.values(everyone, raw) for column in self._columns]

    def _spelled(self, place: str, tree: Fragment, vary: Vary) -> str:
        return "".join(vary(part) if isinstance(part, str) else self._slot(place, part, vary) for part in tree)

    def _slot(self, place: str, part: Value | Choice, vary: Vary) -> str:
        """A token stands everywhere alike: it is one slot."""
        is_token = isinstance(part, Value) and part.escape is as_token
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
