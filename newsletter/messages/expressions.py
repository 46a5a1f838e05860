"""Expressions of merge tags: Jinja2 expressions over a reader's fields.

Parsed once, evaluated in Jinja's sandbox for each reader. A missing or empty field is
undefined: it prints nothing and gives way to `default(...)`. Values are never parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.config.fields import READER_COLUMNS
from newsletter.errors import suggestion

BUILT_IN = (
    *(name for name, column in READER_COLUMNS.items() if column.in_merge_tags),
    *("name", "unsubscribe_url", "preferences_url", "web_url"),
)
"""Fields that exist for every reader."""

MOST_TEXT, MOST_NUMBER, MOST_POWER = 10_000, 10**18, 64
"""The longest text and the largest number that `*` may make, and the largest exponent."""
Fields = Mapping[str, object]
Expression = Callable[[Fields], object]


class ExpressionError(ValueError):
    """A merge tag that cannot be read; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class _Missing(ChainableUndefined):
    """A field that the reader does not have: it prints nothing, and every comparison with it is false."""

    def __lt__(self, *args: object) -> bool:  # type: ignore[override]
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without its globals and without `random`, and with a bound on `*` and `**`."""

    # `"a" * 10**9` would take all memory of the sender.
    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        most = MOST_TEXT if hasattr(left, "__len__") or hasattr(right, "__len__") else MOST_NUMBER
        if _size(left) * _size(right) > most or (operator == "**" and _size(right) > MOST_POWER):
            raise ValueError(f"{operator} makes too much of it")
        return super().call_binop(context, operator, left, right)


def _size(value: Any) -> int:
    """Return the length of a text or list, or the size of a number: the product bounds what `*` makes."""
    return len(value) if hasattr(value, "__len__") else int(abs(value))


_environment = _Sandbox(undefined=_Missing, autoescape=False)
# range() and lipsum() could make a long text of a short tag.
_environment.globals.clear()
# Two attempts at a message must have equal bytes.
del _environment.filters["random"]


def parse(source: str) -> nodes.Expr:
    """Return the tree of an expression. Raises ExpressionError."""
    if not source.strip():
        raise ExpressionError("the merge tag is empty", "Name a field: {{ first_name }}.")
    try:
        template = _environment.parse("{{ " + source + " }}")
        output = template.body[0]
        if len(template.body) != 1 or not isinstance(output, nodes.Output) or len(output.nodes) != 1:
            raise ExpressionError("the merge tag is not one expression")
        _check_names(output)
        return output.nodes[0]
    except TemplateSyntaxError as error:
        raise ExpressionError(f"the merge tag cannot be read: {error.message}") from error


def names(source: str) -> set[str]:
    """Return the fields that an expression reads. Raises ExpressionError."""
    parse(source)
    return meta.find_undeclared_variables(_environment.parse("{{ " + source + " }}"))


@lru_cache(maxsize=1024)
def compile_expression(source: str) -> Expression:
    """Return a function from a reader's fields (without the empty ones) to a value; undefined becomes ''.

    Names, and names with a constant default, run without Jinja: nearly all expressions are such.
    """
    if (name_and_default := simple(source)) is not None:
        return _field(*name_and_default)
    compiled = _environment.compile_expression(source, undefined_to_none=False)
    return lambda fields: _defined(compiled(**{name: value for name, value in fields.items() if name.isidentifier()}))


def truth(source: str) -> Callable[[Fields], bool]:
    """Return a function from a reader's fields to the truth of an `if`'s condition."""
    evaluate = compile_expression(source)
    return lambda fields: bool(evaluate(fields))


class Present(dict[str, Any]):
    """Fields of which none is empty, so that they need not be filtered again."""


def present(fields: Fields) -> Fields:
    """Return the fields without the empty ones: an empty field counts as missing."""
    if type(fields) is Present:
        return fields
    return Present({name: value for name, value in fields.items() if value is not None and value != ""})


def _field(name: str, default: object) -> Expression:
    return lambda fields: fields.get(name, default)


def simple(source: str) -> tuple[str, object] | None:
    """Return field and default of `name` or `name | default("x")`; None for others. Raises ExpressionError."""
    tree = parse(source)
    return (tree.name, "") if isinstance(tree, nodes.Name) else _name_and_default(tree)


def _name_and_default(tree: nodes.Expr) -> tuple[str, object] | None:
    """Return the parts of `name | default("constant")`; None for any other expression."""
    if not isinstance(tree, nodes.Filter) or tree.name not in ("default", "d") or len(tree.args) != 1 or tree.kwargs:
        return None
    if isinstance(tree.node, nodes.Name) and isinstance(tree.args[0], nodes.Const):
        return tree.node.name, tree.args[0].value
    return None


def _defined(value: Any) -> object:
    return "" if isinstance(value, _Missing) else value


def _check_names(tree: nodes.Node) -> None:
    """Raise ExpressionError for an unknown filter or test, naming the nearest one, and for a private attribute."""
    for private in (node.attr for node in tree.find_all(nodes.Getattr) if node.attr.startswith("_")):
        raise ExpressionError(f'no field is named "{private}"')
    for kind, known, label in (
        (nodes.Filter, _environment.filters, "filter"),
        (nodes.Test, _environment.tests, "test"),
    ):
        for node in tree.find_all(kind):
            if node.name not in known:
                name = str(node.name)
                near = suggestion(name, known, "Filters").split("?")[0]
                raise ExpressionError(f'no {label} is named "{name}"', f"{near}?" if "Did you mean" in near else "")


EvaluationError = (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError)
"""The exceptions that evaluating an expression for a reader may raise."""
