"""One compiled message for providers that fill in slots by themselves: the template, and each reader's values.

Equal slots share a variable, a condition is rendered here as a whole. What the provider
would take for a slot of its own in an author's or a reader's text is varied until it does not.
"""

from __future__ import annotations

from collections.abc import Callable

from newsletter.expressions import Fields
from newsletter.merge import Choice, Fragment, Render, Value, html_fragment, renderer, text_fragment
from newsletter.messages import CompiledMessage, Syntax
from newsletter.mime import one_line

WORD_JOINER = "\u2060"
"""Shows nothing and breaks nothing, but ends what would be the name of a slot."""

Vary = Callable[[str], str]


class Substitution:
    """A message in one provider's syntax. `values` are in the order of the slots' numbers."""

    def __init__(self, message: CompiledMessage, syntax: Syntax) -> None:
        self._syntax = syntax
        self._renders: list[Render] = []
        self._numbers: dict[tuple[str, Value | Choice], int] = {}
        self.unsubscribe_url = self._new(lambda fields: str(fields.get("unsubscribe_url", "")))
        """Its slot, for a header."""
        self.subject = self._spelled("subject", text_fragment(message.subject, message), self._in_text, one_line)
        self.text = self._spelled("text", text_fragment(message.text, message), self._in_text)
        self.html = self._spelled("html", html_fragment(message.html, message), self._in_html)

    def values(self, fields: Fields) -> list[str]:
        """For a reader with these present fields."""
        return [render(fields) for render in self._renders]

    def _spelled(self, place: str, tree: Fragment, vary: Vary, finish: Vary | None = None) -> str:
        return "".join(vary(part) if isinstance(part, str) else self._slot(place, part, vary, finish) for part in tree)

    def _slot(self, place: str, part: Value | Choice, vary: Vary, finish: Vary | None) -> str:
        if (place, part) not in self._numbers:
            self._numbers[place, part] = len(self._renders)
            self._new(self._varied_later(renderer(part), vary, finish))
        return self._syntax.slot.format(self._numbers[place, part])

    def _varied_later(self, render: Render, vary: Vary, finish: Vary | None) -> Render:
        """Every reader's value goes through here: `vary` is asked only where there is something for it."""
        mark = self._syntax.mark
        finished = (lambda fields: finish(render(fields))) if finish else render

        def value(fields: Fields) -> str:
            text = finished(fields)
            return vary(text) if mark in text else text

        return value

    def _new(self, render: Render) -> str:
        self._renders.append(render)
        return self._syntax.slot.format(len(self._renders) - 1)

    def _in_html(self, text: str) -> str:
        return self._varied(text, f"&#{ord(self._syntax.mark)};")

    def _in_text(self, text: str) -> str:
        return self._varied(text, self._syntax.mark + WORD_JOINER)

    def _varied(self, text: str, instead: str) -> str:
        return self._syntax.literal.sub(instead, text)
