"""Variants: the distinct results an issue has over many readers, by what differs in shape.

Two readers have the same variant when every condition takes the same branch for them and the
same fields are missing; that one is called Ada and the other Zoë makes no variant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from newsletter.messages.escapes import clean
from newsletter.messages.expressions import EvaluationError, Fields, compile_expression, names, parse, present, truth
from newsletter.messages.fragments import ConditionalSlot, ValueSlot, html_fragment, text_fragment
from newsletter.messages.types import CompiledMessage, Recipient

_ALWAYS = frozenset(("email", "unsubscribe_url", "preferences_url", "web_url"))
"""Fields that nobody is without."""


@dataclass(frozen=True, kw_only=True, order=True)
class Fact:
    """Something about a reader that changes what the issue says."""

    subject: str
    """A condition (`plan == "pro"`), a field (`first_name`), or an expression that decides by itself."""
    holds: bool
    """Whether the condition is true, the field there."""
    value: str = ""
    """What an expression that decides by itself comes to."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Readers who get the same in shape."""

    facts: tuple[Fact, ...]
    """Those that tell the variants apart; empty when there is only one."""
    readers: int
    example: int
    """Which of the recipients is the first of them, from 0."""


def variants(message: CompiledMessage, recipients: Iterable[Recipient]) -> list[Variant]:
    """The variants of a message over these recipients, the one that most get first."""
    shape = _shape_of(message)
    found: dict[tuple[Fact, ...], list[int]] = {}
    for number, recipient in enumerate(recipients):
        found.setdefault(shape(present(recipient.fields)), []).append(number)
    telling = _telling(found)
    whole = [
        Variant(facts=tuple(fact for fact in facts if fact in telling), readers=len(numbers), example=numbers[0])
        for facts, numbers in found.items()
    ]
    return sorted(whole, key=lambda variant: -variant.readers)


def _telling(shapes: Iterable[Sequence[Fact]]) -> frozenset[Fact]:
    """The facts that are not true of everybody."""
    sets = [frozenset(facts) for facts in shapes]
    return frozenset().union(*sets) - frozenset.intersection(*sets) if sets else frozenset()


Look = Callable[[Fields], Iterator[Fact]]


def _shape_of(message: CompiledMessage) -> Callable[[Fields], tuple[Fact, ...]]:
    """What matters of a reader, as a function of the present fields; equal slots are looked at once."""
    trees = (
        text_fragment(message.subject, message),
        html_fragment(message.html, message),
        text_fragment(message.text, message),
    )
    look = _looks(part for tree in trees for part in tree)
    return lambda fields: tuple(sorted(set(look(fields))))


def _looks(parts: Iterable[str | ValueSlot | ConditionalSlot]) -> Look:
    slots = {_identity(part): part for part in parts if not isinstance(part, str)}
    each = [_choice(slot) if isinstance(slot, ConditionalSlot) else _value(slot.expression) for slot in slots.values()]

    def look(fields: Fields) -> Iterator[Fact]:
        for one in each:
            yield from one(fields)

    return look


def _identity(part: ValueSlot | ConditionalSlot) -> object:
    """Equal for slots that tell the same: the same expression, whatever place it stands in."""
    return part.expression if isinstance(part, ValueSlot) else tuple(_skeleton(part))


def _skeleton(choice: ConditionalSlot) -> Iterator[object]:
    for condition, branch in choice.branches:
        yield condition, tuple(_identity(part) for part in branch if not isinstance(part, str))


def _choice(choice: ConditionalSlot) -> Look:
    """The branch that is taken, and what matters inside it."""
    branches = [(condition, _holder(condition), _looks(branch)) for condition, branch in choice.branches]

    def look(fields: Fields) -> Iterator[Fact]:
        for condition, holds, inside in branches:
            if not condition or holds(fields):
                yield from inside(fields)
                if condition:
                    yield Fact(subject=condition, holds=True)
                return
            yield Fact(subject=condition, holds=False)

    return look


def _holder(condition: str) -> Callable[[Fields], bool]:
    """Whether a condition holds; one that fails for a reader does not, as in `merge`."""
    holds = truth(condition) if condition else bool

    def safely(fields: Fields) -> bool:
        try:
            return holds(fields)
        except EvaluationError:
            return False

    return safely


def _value(expression: str) -> Look:
    """Which of the fields that it reads are there; of one with an `if` inside, what it comes to."""
    read = sorted(names(expression) - _ALWAYS)
    decides = parse(expression).find(nodes.CondExpr) is not None
    evaluate = compile_expression(expression)

    def missing(fields: Fields) -> Iterator[Fact]:
        for name in read:
            yield Fact(subject=name, holds=name in fields)

    def result(fields: Fields) -> Iterator[Fact]:
        try:
            said = clean(evaluate(fields))
        except EvaluationError:
            said = ""
        yield Fact(subject=expression, holds=bool(said), value=_without_own(said, {n: fields.get(n) for n in read}))

    return result if decides else missing


def _without_own(text: str, own: Mapping[str, object]) -> str:
    """The text with the reader's own words as the fields they are from, so that a name makes no variant."""
    for name, value in own.items():
        if isinstance(value, str) and len(value) > 1:
            text = text.replace(value, f"[{name}]")
    return text
