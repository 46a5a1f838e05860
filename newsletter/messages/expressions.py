"""Expressions of merge tags: Jinja2 expressions over a reader's fields.

Parsed once, evaluated in Jinja's sandbox for each reader. A missing or empty field is
undefined: it prints nothing and gives way to `default(...)`. Values are never parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.config.fields import READER_COLUMNS
from newsletter.errors import suggestion
from newsletter.messages.filters import (
    FILTERS,
    METHODS,
    MOST_RESULT,
    TESTS,
    bounded,
    call_method,
    check_format,
    filter_table,
    size,
)

BUILT_IN = (
    *(name for name, column in READER_COLUMNS.items() if column.in_merge_tags),
    *("name", "unsubscribe_url", "preferences_url", "web_url"),
)
"""Fields that exist for every reader."""

MOST_TEXT, MOST_NUMBER, MOST_POWER = 10_000, 10**18, 64
"""The longest text and the largest number that `*` may make, and the largest exponent."""
MOST_SOURCE, MOST_PARTS, DEEPEST = 10_000, 300, 30
"""The characters of an expression, its operators, names and constants, and how deep they may nest."""
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


class _Generator(CodeGenerator):
    """Writes the code of expressions, with a bound on `~` as the sandbox has on operators."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox without its globals, with the filters, tests and methods of filters.py, and with bounds."""

    code_generator_class = _Generator
    # `"a" * 10**9` would take all memory of the sender.
    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator in ("*", "**"):
            most = MOST_TEXT if hasattr(left, "__len__") or hasattr(right, "__len__") else MOST_NUMBER
            if _size(left) * _size(right) > most or (operator == "**" and _size(right) > MOST_POWER):
                raise ValueError(f"{operator} makes too much of it")
        if operator == "%" and isinstance(left, str):
            check_format(left, bounded(right))
        return bounded(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as Jinja has it
        if isinstance(__obj, _Missing):
            return super().call(__context, __obj, *args, **kwargs)
        return call_method(__obj, args, kwargs)

    def joined(self, parts: tuple[Any, ...]) -> str:
        """Return what `~` makes of its parts. Raises ValueError when it is too long."""
        bounded(parts, MOST_RESULT + len(parts))
        return "".join(map(str, parts))


def _size(value: Any) -> int:
    """Return the size of a text or list, or of a number: the product bounds what `*` makes."""
    return size(value, MOST_TEXT) if hasattr(value, "__len__") else int(abs(value))


# Without the optimizer, which would evaluate constants while an issue is parsed.
_environment = _Sandbox(undefined=_Missing, autoescape=False, optimized=False)
# range() and lipsum() could make a long text of a short tag; two attempts at a message must have equal bytes.
_environment.globals.clear()
_environment.filters = filter_table()
_environment.tests = {name: _environment.tests[name] for name in TESTS}


@lru_cache(maxsize=4096)
def parse(source: str) -> nodes.Expr:
    """Return the tree of an expression. Raises ExpressionError."""
    if not source.strip():
        raise ExpressionError("the merge tag is empty", "Name a field: {{ first_name }}.")
    if len(source) > MOST_SOURCE:
        raise ExpressionError(f"the merge tag has {len(source):,} characters", f"At most {MOST_SOURCE:,} are read.")
    try:
        template = _environment.parse("{{ " + source + " }}")
        output = template.body[0]
        if len(template.body) != 1 or not isinstance(output, nodes.Output) or len(output.nodes) != 1:
            raise ExpressionError("the merge tag is not one expression")
        _check_depth(output)
        _check_names(output)
        return output.nodes[0]
    except TemplateSyntaxError as error:
        raise ExpressionError(f"the merge tag cannot be read: {error.message}") from error
    except (RecursionError, MemoryError, ValueError) as error:
        # ValueError: a number of thousands of digits.
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError("the merge tag is nested too deep, or has too long a number", _SIMPLER) from error


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
    try:
        compiled = _environment.compile_expression(source, undefined_to_none=False)
    except (SyntaxError, RecursionError, MemoryError) as error:  # of the Python code that Jinja writes
        raise ExpressionError("the merge tag is nested too deep", _SIMPLER) from error
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
    if isinstance(value, _Missing):
        return ""
    if callable(value):
        raise TypeError("it names a method and does not call it")
    return bounded(value)


_SIMPLER = "Make it simpler, or write it as {% if %}, {% elif %} and {% else %}."


def _check_depth(tree: nodes.Node) -> None:
    """Raise ExpressionError for an expression of too many parts, or of parts that nest too deep."""
    level, parts, depth = [tree], 0, 0
    while level:
        parts, depth = parts + len(level), depth + 1
        if depth > DEEPEST or parts > MOST_PARTS:
            raise ExpressionError(f"the merge tag has more than {MOST_PARTS} parts, or nests too deep", _SIMPLER)
        level = [child for node in level for child in node.iter_child_nodes()]


def _check_names(tree: nodes.Node) -> None:
    """Raise ExpressionError for an unknown filter, test or method, naming the nearest one, and for private fields."""
    for private in (node.attr for node in tree.find_all(nodes.Getattr) if node.attr.startswith("_")):
        raise ExpressionError(f'no field is named "{private}"')
    for kind, known, label in ((nodes.Filter, FILTERS, "filter"), (nodes.Test, TESTS, "test")):
        for node in tree.find_all(kind):
            _check_known(str(node.name), known, label)
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Getattr):
            hint = 'Write a filter behind a bar: {{ first_name | default("there") }}.'
            raise ExpressionError("merge tags call no functions", hint)
        _check_known(call.node.attr, METHODS, "method")


def _check_known(name: str, known: Sequence[str], label: str) -> None:
    if name not in known:
        # Tests have names such as `==` too.
        words = [word for word in known if word.isidentifier()]
        raise ExpressionError(f'no {label} is named "{name}"', suggestion(name, words, f"{label.title()}s"))


EvaluationError = (
    *(TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError),
    *(RecursionError, MemoryError),
)
"""The exceptions that evaluating an expression for a reader may raise."""
