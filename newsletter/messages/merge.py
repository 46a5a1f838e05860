"""Merge a compiled text with readers' fields: segments that are encoded once and joined per reader.

A text is cut once at its slots (fragments.py), and the fixed parts are encoded once. Per reader only the
slots' values are computed, escaped for their places (escapes.py), and joined.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from newsletter.characters import one_line
from newsletter.messages.escapes import Escape, clean
from newsletter.messages.expressions import EvaluationError, Fields, compile_expression, simple, truth
from newsletter.messages.fragments import TOKEN, TOKEN_SLOT, ConditionalSlot, Fragment, ValueSlot

Render = Callable[[Fields], str]


def renderer(part: ValueSlot | ConditionalSlot) -> Render:
    """Return a slot as a function of a reader's present fields; a value that fails counts as missing."""
    if isinstance(part, ConditionalSlot):
        return _conditional_renderer(part)
    # A token of ours needs no escape.
    if part is TOKEN_SLOT:
        return itemgetter(TOKEN)
    if field := simple(part.expression):
        return _simple_renderer(*field, part.escape)
    evaluate, escape = compile_expression(part.expression), part.escape

    def render(fields: Fields) -> str:
        try:
            return escape(clean(evaluate(fields)))
        except EvaluationError:
            return ""

    return render


def _simple_renderer(name: str, default: object, escape: Escape) -> Render:
    """Return a function that takes one call instead of three, for the slots that nearly all messages have."""

    def render(fields: Fields) -> str:
        value = fields.get(name, default)
        return escape(value if type(value) is str and value.isprintable() else clean(value))

    return render


def _conditional_renderer(slot: ConditionalSlot) -> Render:
    branches = [(condition_test(condition), joined(branch)) for condition, branch in slot.branches]

    def render(fields: Fields) -> str:
        return next((content(fields) for holds, content in branches if holds(fields)), "")

    return render


def condition_test(source: str) -> Callable[[Fields], bool]:
    """Return the test of a condition: an empty one holds for every reader, one that fails for none."""
    if not source:
        return lambda fields: True
    holds = truth(source)

    def safely(fields: Fields) -> bool:
        try:
            return holds(fields)
        except EvaluationError:
            return False

    return safely


def joined(tree: Fragment) -> Render:
    """Return a whole tree as a function of a reader's fields; equal slots are computed once."""
    if all(isinstance(part, str) for part in tree):
        whole = "".join(part for part in tree if isinstance(part, str))
        return lambda fields: whole
    # Templates repeat slots such as the unsubscribe address.
    slots = [*dict.fromkeys(part for part in tree if not isinstance(part, str))]
    renders = [renderer(part) for part in slots]
    places = [(part, -1) if isinstance(part, str) else ("", slots.index(part)) for part in tree]

    def render(fields: Fields) -> str:
        values = [render(fields) for render in renders]
        return "".join([part if index < 0 else values[index] for part, index in places])

    return render


class Segments:
    """A fragment cut into fixed and open parts, the fixed ones encoded; equal slots are computed once."""

    def __init__(
        self, tree: Fragment, encode: Callable[[str], bytes], encode_value: Callable[[str], bytes], seam: bytes = b""
    ) -> None:
        """Encode the fixed parts with `encode`; open ones are encoded with `encode_value`, `seam` goes between them."""
        self._template: list[bytes] = [b""]
        self._order: list[int] = []
        self._renders: list[Render] = []
        self._encode = encode_value
        self._index: dict[ValueSlot | ConditionalSlot, int] = {}
        for part in tree:
            if isinstance(part, str):
                self._template[-1] += encode(part) + seam
            else:
                self._open(part, seam)

    def _open(self, part: ValueSlot | ConditionalSlot, seam: bytes) -> None:
        if part not in self._index:
            self._index[part] = len(self._renders)
            self._renders.append(renderer(part))
        self._order.append(self._index[part])
        self._template += [b"", seam]

    def parts(self, fields: Fields) -> list[bytes]:
        """Return the bytes of a reader's copy in pieces, to be joined with the rest of the message."""
        encode = self._encode
        values = [encode(render(fields)) for render in self._renders]
        out = self._template.copy()
        out[1::2] = [values[index] for index in self._order]
        return out


def subject_line(tree: Fragment) -> Render:
    """Return the subject as a function of a reader's fields, always on one line."""
    render = joined(tree)
    return lambda fields: one_line(render(fields))
