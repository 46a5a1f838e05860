"""Expressions of merge tags: their values, their defaults, and the bounds of the sandbox."""

from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError

from newsletter.messages.expressions import ExpressionError, compile_expression, names, present


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
    "source", ["first_name['__class__']", "first_name | attr('__class__')", "lipsum['__globals__']"]
)
def test_the_sandbox_hands_out_nothing_of_pythons_own(source: str) -> None:
    try:
        value = compile_expression(source)({"first_name": "Ada"})
    except SecurityError:
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
