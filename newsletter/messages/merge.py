"""One compiled message for many readers: segments, joined per reader.

A text is cut once at its open slots (`fragments`); what stands between is encoded once. Per reader only
the slots' values are computed, made safe for the place they stand in (`escapes`), and joined.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from newsletter.messages.escapes import Escape, clean
from newsletter.messages.expressions import EvaluationError, Fields, compile_expression, simple, truth
from newsletter.messages.fragments import OF_READER, TOKEN, ConditionalSlot, Fragment, ValueSlot
from newsletter.messages.mime import one_line

Render = Callable[[Fields], str]


def renderer(part: ValueSlot | ConditionalSlot) -> Render:
    """A slot as a function of a reader's present fields; what fails for a reader counts as missing."""
    if isinstance(part, ConditionalSlot):
        return _choice_renderer(part)
    if part is OF_READER:
        return itemgetter(TOKEN)
    if found := simple(part.expression):
        return _simple_renderer(*found, part.escape)
    evaluate, escape = compile_expression(part.expression), part.escape

    def render(fields: Fields) -> str:
        try:
            return escape(clean(evaluate(fields)))
        except EvaluationError:
            return ""

    return render


def _simple_renderer(name: str, default: object, escape: Escape) -> Render:
    """The same in one call instead of three, for what is in every message of every reader."""

    def render(fields: Fields) -> str:
        value = fields.get(name, default)
        return escape(value if type(value) is str and value.isprintable() else clean(value))

    return render


def _choice_renderer(choice: ConditionalSlot) -> Render:
    branches = [(_condition(condition), joined(branch)) for condition, branch in choice.branches]

    def render(fields: Fields) -> str:
        return next((content(fields) for holds, content in branches if holds(fields)), "")

    return render


def _condition(source: str) -> Callable[[Fields], bool]:
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
    """A whole tree as one function of a reader's fields; equal slots are computed once."""
    if all(isinstance(part, str) for part in tree):
        whole = "".join(part for part in tree if isinstance(part, str))
        return lambda fields: whole
    slots = [*dict.fromkeys(part for part in tree if not isinstance(part, str))]
    renders = [renderer(part) for part in slots]
    places = [(part, -1) if isinstance(part, str) else ("", slots.index(part)) for part in tree]

    def render(fields: Fields) -> str:
        values = [one(fields) for one in renders]
        return "".join([part if index < 0 else values[index] for part, index in places])

    return render


class Segments:
    """A fragment cut into what is the same for all and what is not; equal slots are computed once."""

    def __init__(
        self, tree: Fragment, encode: Callable[[str], bytes], encode_value: Callable[[str], bytes], seam: bytes = b""
    ) -> None:
        """`encode` and `encode_value` make bytes of the fixed and the open parts; `seam` goes between them."""
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
        """The bytes of one reader's copy, to be joined with whatever else the message has."""
        encode = self._encode
        values = [encode(render(fields)) for render in self._renders]
        out = self._template.copy()
        out[1::2] = [values[index] for index in self._order]
        return out


def subject_line(tree: Fragment) -> Render:
    """The subject as one function of a reader's fields: always one line."""
    render = joined(tree)
    return lambda fields: one_line(render(fields))
