"""One compiled message for providers that fill in slots by themselves: the template, and each reader's values.

Equal slots share a variable, a condition is rendered here as a whole. What the provider
would take for a slot of its own in an author's or a reader's text is varied until it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from newsletter.expressions import Fields, simple
from newsletter.merge import (
    Choice,
    Fragment,
    Render,
    Value,
    are_plain,
    as_text,
    as_token,
    html_fragment,
    in_html,
    renderer,
    text_fragment,
    with_addresses,
)
from newsletter.messages import CompiledMessage, Syntax
from newsletter.mime import one_line

WORD_JOINER = "\u2060"
"""Shows nothing and breaks nothing, but ends what would be the name of a slot."""

Vary = Callable[[str], str]
LEAVE = Value(expression="unsubscribe_url", escape=as_text)


class Substitution:
    """A message in one provider's syntax. `values` are in the order of the slots' numbers."""

    def __init__(self, message: CompiledMessage, syntax: Syntax, addresses: Mapping[str, str]) -> None:
        """`addresses` as for a `Mailing`."""
        self._syntax = syntax
        self._renders: list[Render] = []
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
        self.subject = self._spelled("subject", subject, self._in_text, one_line)
        self.text = self._spelled("text", text, self._in_text)
        self.html = self._spelled("html", html, self._in_html)
        self._quick = self._quickly()

    def values(self, fields: Fields) -> Sequence[str]:
        """For a reader with these present fields."""
        return self._quick(fields) or [render(fields) for render in self._renders]

    def _quickly(self) -> Callable[[Fields], Sequence[str] | None]:
        """The same at once for readers whose values are safe anywhere: nearly all are. None: not this one's."""
        simply = {
            number: simple(part.expression)
            for (_, part), number in self._numbers.items()
            if isinstance(part, Value) and part.escape in (in_html, as_text)
        }
        plain = {number: found for number, found in simply.items() if found}
        others = [number for number in range(len(self._renders)) if number not in plain]
        names, defaults = [name for name, _ in plain.values()], [default for _, default in plain.values()]
        renders, numbers, mark = [self._renders[number] for number in others], [*plain, *others], self._syntax.mark
        in_order = _picker([numbers.index(number) for number in range(len(numbers))])

        def values(fields: Fields) -> Sequence[str] | None:
            found = [*map(fields.get, names, defaults)]
            return in_order([*found, *[render(fields) for render in renders]]) if are_plain(found, mark) else None

        return values

    def _spelled(self, place: str, tree: Fragment, vary: Vary, finish: Vary | None = None) -> str:
        return "".join(vary(part) if isinstance(part, str) else self._slot(place, part, vary, finish) for part in tree)

    def _slot(self, place: str, part: Value | Choice, vary: Vary, finish: Vary | None) -> str:
        is_token = isinstance(part, Value) and part.escape is as_token
        slot = ("" if is_token else place, part)
        if slot not in self._numbers:
            self._numbers[slot] = len(self._renders)
            self._renders.append(renderer(part) if is_token else self._varied_later(renderer(part), vary, finish))
        return self._syntax.slot.format(self._numbers[slot])

    def _varied_later(self, render: Render, vary: Vary, finish: Vary | None) -> Render:
        """Every reader's value goes through here: `vary` is asked only where there is something for it."""
        mark = self._syntax.mark
        finished = (lambda fields: finish(render(fields))) if finish else render

        def value(fields: Fields) -> str:
            text = finished(fields)
            return vary(text) if mark in text else text

        return value

    def _in_html(self, text: str) -> str:
        return self._varied(text, f"&#{ord(self._syntax.mark)};")

    def _in_text(self, text: str) -> str:
        return self._varied(text, self._syntax.mark + WORD_JOINER)

    def _varied(self, text: str, instead: str) -> str:
        return self._syntax.literal.sub(instead, text)


def _picker(order: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """`itemgetter`, with a sequence for any number of items."""
    return itemgetter(*order) if len(order) > 1 else lambda values: values
