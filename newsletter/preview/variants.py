"""Variants: the different shapes that an issue takes for many readers.

Two readers get one variant when every condition takes the same branch for them and the same fields are missing. The
values of fields make no variant: Ada and Zoë get the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from newsletter.messages.escapes import clean
from newsletter.messages.expressions import EvaluationError, Fields, compile_expression, names, parse, present
from newsletter.messages.fragments import ConditionalSlot, ValueSlot, html_fragment, text_fragment
from newsletter.messages.merge import condition_test
from newsletter.messages.types import CompiledMessage, Recipient

_ALWAYS = frozenset(("email", "unsubscribe_url", "preferences_url", "web_url"))
"""Fields that every reader has."""


@dataclass(frozen=True, kw_only=True, order=True)
class Fact:
    """A condition, field or expression in an issue, and how it comes out for a reader."""

    subject: str
    """A condition (`plan == "pro"`), a field (`first_name`), or an expression with an `if` inside."""
    holds: bool
    """Tells that the condition is true, the field present, or the expression not empty."""
    value: str = ""
    """The value of an expression with an `if` inside."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A shape of an issue, and the readers who get it."""

    facts: tuple[Fact, ...]
    """The facts that tell this variant from others; empty when there is only one variant."""
    readers: int
    """The number of readers who get it."""
    example: int
    """The index of the first recipient who gets it, from 0."""


def variants(message: CompiledMessage, recipients: Iterable[Recipient]) -> list[Variant]:
    """Return the variants of a message for these recipients, the most frequent first."""
    shape = _shape_of(message)
    recipients_of: dict[tuple[Fact, ...], list[int]] = {}
    for number, recipient in enumerate(recipients):
        recipients_of.setdefault(shape(present(recipient.fields)), []).append(number)
    differing = _differing_facts(recipients_of)
    distinct = [
        Variant(facts=tuple(fact for fact in facts if fact in differing), readers=len(numbers), example=numbers[0])
        for facts, numbers in recipients_of.items()
    ]
    return sorted(distinct, key=lambda variant: -variant.readers)


def _differing_facts(shapes: Iterable[Sequence[Fact]]) -> frozenset[Fact]:
    """Return the facts that are not true of all shapes."""
    sets = [frozenset(facts) for facts in shapes]
    return frozenset().union(*sets) - frozenset.intersection(*sets) if sets else frozenset()


FactFinder = Callable[[Fields], Iterator[Fact]]
"""A function that yields the facts of one part of a message, for a reader's present fields."""


def _shape_of(message: CompiledMessage) -> Callable[[Fields], tuple[Fact, ...]]:
    """Return a function from a reader's present fields to the facts of the message."""
    trees = (
        text_fragment(message.subject, message),
        html_fragment(message.html, message),
        text_fragment(message.text, message),
    )
    facts = _facts_of(part for tree in trees for part in tree)
    return lambda fields: tuple(sorted(set(facts(fields))))


def _facts_of(parts: Iterable[str | ValueSlot | ConditionalSlot]) -> FactFinder:
    slots = {_identity(part): part for part in parts if not isinstance(part, str)}  # equal slots count once
    finders = [
        _choice(slot) if isinstance(slot, ConditionalSlot) else _value(slot.expression) for slot in slots.values()
    ]

    def facts(fields: Fields) -> Iterator[Fact]:
        for finder in finders:
            yield from finder(fields)

    return facts


def _identity(part: ValueSlot | ConditionalSlot) -> object:
    """Return a value that is equal for slots with the same expression, wherever they stand."""
    return part.expression if isinstance(part, ValueSlot) else tuple(_skeleton(part))


def _skeleton(choice: ConditionalSlot) -> Iterator[object]:
    for condition, branch in choice.branches:
        yield condition, tuple(_identity(part) for part in branch if not isinstance(part, str))


def _choice(choice: ConditionalSlot) -> FactFinder:
    """Return the finder of the branch that is taken, and of the facts inside it."""
    branches = [(condition, condition_test(condition), _facts_of(branch)) for condition, branch in choice.branches]

    def facts(fields: Fields) -> Iterator[Fact]:
        for condition, holds, inside in branches:
            if not condition or holds(fields):
                yield from inside(fields)
                if condition:
                    yield Fact(subject=condition, holds=True)
                return
            yield Fact(subject=condition, holds=False)

    return facts


def _value(expression: str) -> FactFinder:
    """Return the finder of an expression's fields that are present, or of its value where it has an `if` inside."""
    read = sorted(names(expression) - _ALWAYS)
    decides = parse(expression).find(nodes.CondExpr) is not None
    evaluate = compile_expression(expression)

    def missing(fields: Fields) -> Iterator[Fact]:
        for name in read:
            yield Fact(subject=name, holds=name in fields)

    def result(fields: Fields) -> Iterator[Fact]:
        try:
            text = clean(evaluate(fields))
        except EvaluationError:
            text = ""
        own = {name: fields.get(name) for name in read}
        yield Fact(subject=expression, holds=bool(text), value=_without_own(text, own))

    return result if decides else missing


def _without_own(text: str, own: Mapping[str, object]) -> str:
    """Return the text with the reader's own values replaced by field names, so that a name makes no variant."""
    for name, value in own.items():
        if isinstance(value, str) and len(value) > 1:
            text = text.replace(value, f"[{name}]")
    return text
