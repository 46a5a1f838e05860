"""Expressions of merge tags: their values, their defaults, and the bounds of the sandbox."""

from __future__ import annotations

import sys
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError

from newsletter.messages.expressions import EvaluationError, ExpressionError, compile_expression, names, present
from newsletter.messages.filters import FILTERS, METHODS, TESTS


@pytest.mark.parametrize(
    ("source", "ada", "nobody"),
    [
        ("first_name", "Ada", ""),
        ('first_name | default("there")', "Ada", "there"),
        ("first_name|default('there')|upper", "ADA", "THERE"),
        ('"Dr " ~ first_name', "Dr Ada", "Dr "),
        ('"pro" if plan == "pro" else "free"', "pro", "free"),
        ("score + 1", 42, None),
        ("company.name", "", ""),
        ("first_name | length", 3, 0),
        ("score > 40", True, False),
    ],
)
def test_an_expression_gives_a_value_for_any_reader(source: str, ada: object, nobody: object) -> None:
    evaluate = compile_expression(source)
    assert evaluate(present({"first_name": "Ada", "plan": "pro", "score": 41})) == ada
    if nobody is not None:
        assert evaluate(present({"first_name": "", "plan": None})) == nobody


def test_an_empty_field_is_a_missing_one() -> None:
    assert present({"a": "", "b": None, "c": 0, "d": False, "e": "x"}) == {"c": 0, "d": False, "e": "x"}


def test_the_fields_an_expression_reads_are_known() -> None:
    assert names('plan == "pro" and (first_name | default(email))') == {"plan", "first_name", "email"}


@pytest.mark.parametrize(
    "source",
    [
        "",
        "first_name |",
        "a b",
        "first_name | defalt('x')",
        "x is prime",
        "}} {{ x",
        "1 +",
        "{% if x %}",
        "name.__class__",
        "x|random",
    ],
)
def test_what_cannot_be_read_is_refused_in_words(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"merge tag|filter|test|field"):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    ["first_name['__class__']", "first_name | attr('__class__')", "lipsum['__globals__']", "'{0.__class__}'.format(1)"],
)
def test_the_sandbox_hands_out_nothing_of_pythons_own(source: str) -> None:
    try:
        value = compile_expression(source)({"first_name": "Ada"})
    except (SecurityError, ExpressionError, ValueError):
        return
    assert value == ""


@pytest.mark.parametrize("name", ["lipsum", "range", "cycler", "dict", "namespace"])
def test_nothing_but_fields_has_a_name(name: str) -> None:
    assert compile_expression(name)({}) == ""
    assert names(name) == {name}


@pytest.mark.parametrize("source", ["'x' * 100000000", "first_name * 10**9", "2 ** 100", "[1] * 10**8"])
def test_an_expression_cannot_grow_without_bounds(source: str) -> None:
    with pytest.raises(ValueError, match="too much"):
        compile_expression(source)({"first_name": "Ada"})


def test_expressions_calculate() -> None:
    assert compile_expression("score * 3 + 2 ** 3")({"score": 2.5}) == 15.5
    assert compile_expression("'=' * 5")({}) == "====="


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("first_name | defalt('x')", 'no filter is named "defalt"', 'Did you mean "default"? Filters: abs, capitalize'),
        ("first_name | tojson", 'no filter is named "tojson"', "Filters: abs, capitalize"),
        ("first_name is numbr", 'no test is named "numbr"', 'Did you mean "number"? Tests: '),
        ("first_name.ljust(9)", 'no method is named "ljust"', "Methods: capitalize, "),
        ("first_name.uper()", 'no method is named "uper"', 'Did you mean "upper"?'),
        ("range(10)", "merge tags call no functions", "Write a filter behind a bar"),
        ("+".join(["1"] * 400), "more than 300 parts", "Make it simpler"),
        ("(" * 5_000 + "1" + ")" * 4_000, "nested too deep", "Make it simpler"),
        ("not " * 2_000 + "x", "nested too deep", "Make it simpler"),
        ("-" * 9_000 + "1", "nested too deep", "Make it simpler"),
        ("[" * 40 + "]" * 40, "nests too deep", "Make it simpler"),
        ("1" * 5_000, "too long a number", "Make it simpler"),
        ("'" + "x" * 10_000 + "'", "the merge tag has 10,002 characters", "At most 10,000"),
    ],
)
def test_what_a_merge_tag_may_not_say_is_refused_with_what_it_may(source: str, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(source)

    assert message in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("name | title | trim | truncate(5)", "Ad..."),
        ("name.upper().replace('ADA', 'Ms')", "Ms LOVELACE"),
        ("name.split()[0] ~ '!'", "ada!"),
        ("price | round(1) | float", 1234.6),
        ("'%.2f' | format(price)", "1234.57"),
        ("'%.2f' % price", "1234.57"),
        ("'{:,.2f}'.format(price)", "1,234.57"),
        ("[name, plan] | join(', ')", "ada lovelace, pro"),
        ("nobody | default(1000000)", 1000000),
        ("name | length + name | wordcount", 14),
        ("name | center(20) | length", 20),
        ("[3, 1, 2] | sort | first", 1),
        ("price | int % 2 == 0", True),
        ("name | wordwrap(3)", "ada\nlov\nela\nce"),
    ],
)
def test_the_filters_and_methods_that_authors_use_work(source: str, value: object) -> None:
    fields = {"name": "ada lovelace", "price": 1234.567, "plan": "pro"}

    assert compile_expression(source)(fields) == value


HUGE = [
    *("'a' | center(10**9)", "'%999999999d' | format(1)", "'%.999999999f' % 1.0", "'%(a)s' * 1000 % {'a': long}"),
    *("long | replace('', long)", "long.replace('a', long)", "(long.split('a') | join(long))", "long.join(long)"),
    *("5 | round(-1000000000)", "5 | round(1000000000, 'ceil')", "10**10**10", "2**64**64", "9**9**9", "(-9)**9.5**99"),
    *("'a' * 10**9", "[[[1] * 10000] * 10000] * 10000", "[[0] * 10000] * 10000", "'{:999999999}'.format(1)"),
    *("'{:{w}}'.format(1, w=10**9)", "'{0}' * 2000", "('{0}' * 2000).format(long)", "('%s' * 900) | format(long)"),
    *("long | indent(10**9)", "lines | indent(long)", "lines | indent(400)", "long | wordwrap(0)"),
    *("long | wordwrap(1, wrapstring=long)", " ~ ".join(["long"] * 200), "long + long + long", "long | urlencode"),
    *("(long | int(0, 16)) ** 60", "'1e999' | float | int", "-1 | string * 10**8", "'<!--' * 2500 | striptags"),
    *("nan | round(2, 'floor')", "10**18 * 10**18", "long | list | list", "(long ~ long) | upper", "name.upper"),
]  # fmt: skip


@pytest.mark.parametrize("source", HUGE)
def test_no_merge_tag_takes_much_memory(source: str) -> None:
    fields = {"long": "a" * 60_000, "lines": "\n" * 5_000, "nan": float("nan"), "name": "Ada"}

    assert peak(source, fields) < 8_000_000


NAMES = st.sampled_from(["first_name", "plan", "score", "long", "missing"])
CONSTANTS = NAMES | st.sampled_from(["'a'", '"%99d"', "'{:9}'", "10", "1.5", "10**9", "none", "[1, 'b']", "''", "-3"])
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "and", "or", "in"]
CALLS = st.sampled_from([*FILTERS]) | st.sampled_from(["replace('', {})", "center({})", "join({})", "indent({})"])
EXPRESSIONS = st.recursive(
    CONSTANTS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds(lambda value, call, other: f"({value} | {call.format(other)})", inner, CALLS, inner),
        st.builds("({} | {}({}))".format, inner, st.sampled_from([*FILTERS]), inner),
        st.builds("({}).{}({})".format, inner, st.sampled_from([*METHODS]), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} is {})".format, inner, st.sampled_from([test for test in TESTS if test.isidentifier()])),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(source=EXPRESSIONS)
def test_no_expression_of_any_kind_takes_much_memory_or_many_steps(source: str) -> None:
    fields = {"first_name": "Ada", "plan": "pro", "score": 41.5, "long": "ab \n" * 15_000}
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        memory = peak(source, fields)
    finally:
        sys.setprofile(None)

    assert memory < 40_000_000
    assert calls < 3_000_000


def peak(source: str, fields: dict[str, object]) -> int:
    """Evaluate an expression, which may fail as expressions do; returns the most bytes that it took meanwhile."""
    with suppress(ExpressionError):
        evaluate = compile_expression(source)
        tracemalloc.start()
        try:
            assert len(str(evaluate(fields))) <= 1_000_000
        except EvaluationError:
            pass
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return most
    return 0
