"""`check` says the first thing first: the exact words, errors first, causes without what follows from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import Example
from newsletter.errors import Problem
from newsletter.issues.block_fields import read_fields
from newsletter.issues.blocks import KINDS
from tests.checks.publications import check, make
from tests.conftest import Run

ARTICLE = KINDS["article"]
WIDE = st.text("aß世界🎉 {}|'=/\t\u0301", max_size=12)


def words(folder: Path, problem: Problem) -> str:
    """The words of the file that a problem points at."""
    line = (folder / problem.path).read_text(encoding="utf-8-sig").split("\n")[problem.line - 1]
    return line[problem.column - 1 : problem.column - 1 + problem.width]


def rules(folder: Path, given: Example) -> list[str]:
    return [problem.rule for problem in check(folder, given)]


@pytest.mark.parametrize(
    ("opening", "pointed_at"),
    [
        (':::article titel="A title" url="https://example.com/a"', ["titel"]),
        (":::article titel='A title' url='https://example.com/a'", ["titel"]),
        (":::article titel=Title url=https://example.com/a", ["titel"]),
        (':::article title="A title" url="example.com/a"', ["example.com/a"]),
        (":::article title='A title' url='example.com/a'", ["example.com/a"]),
        (":::article title=Title url=example.com/a", ["example.com/a"]),
        (r':::article title="A \"quoted\" title" url="example.com/a"', ["example.com/a"]),
        (r':::article title="A title" source="\\" url="ex\"ample"', [r"ex\"ample"]),
        (':::article title="{{ first_name | default(\'you\') }}" url="example.com/a"', ["example.com/a"]),
        (':::article title="世界 🎉 e\u0301" url="example.com/a"', ["example.com/a"]),
        (':::article\ttitle="A title"\turl="example.com/a"', ["example.com/a"]),
        (':::article title="url=" url="example.com/a"', ["example.com/a"]),
        (':::article title="A title" title="Another"', ["title"]),
        (':::article "A title" title="Another title"', ["A title"]),
        (':::article title="A title" image="images/none.png" alt="A wafer"', ["images/none.png"]),
        (":::article title=“A title”", ["title=“A title”"]),
        (':::article title="A title', ['title="A title']),
        (':::article url="https://example.com/a"', ["article"]),
        (':::sponsor "acme"', ["acme"]),
        ("  :::article title='A title' url='example.com/a'", ["example.com/a"]),
    ],
)
def test_a_mistake_in_a_field_is_underlined_as_it_is_written(
    tmp_path: Path, opening: str, pointed_at: list[str]
) -> None:
    problems = [each for each in check(tmp_path, Example(body=f"{opening}\nThe rules changed.\n:::")) if each.hint]

    assert [words(tmp_path, problem) for problem in problems if problem.severity == "error"] == pointed_at


@pytest.mark.parametrize(
    ("line", "pointed_at"),
    [
        ('date: "yesterday"', "yesterday"),
        ("date: 'yesterday'", "yesterday"),
        ("date:   yesterday   # a comment", "yesterday"),
        ('list: "day\\"ly"', 'day\\"ly'),
        ("list: 'it''s'", "it''s"),
        ("send_at: soon", "soon"),
        ("signup: perhaps", "perhaps"),
        ('preheder: "Four minutes on the rules"', "preheder"),
    ],
)
def test_a_mistake_in_the_front_matter_is_underlined_as_it_is_written(
    tmp_path: Path, line: str, pointed_at: str
) -> None:
    errors = [problem for problem in check(tmp_path, Example(front=line)) if problem.severity == "error"]

    assert [words(tmp_path, problem) for problem in errors] == [pointed_at]


def test_files_with_windows_line_ends_are_underlined_alike(tmp_path: Path) -> None:
    path = make(tmp_path, Example(body=":::article title='A title' url='example.com/a'\nThe rules changed.\n:::"))
    text = path.read_text(encoding="utf-8")
    as_lf = [(p.line, p.column, p.width) for p in _checked(tmp_path, path)]
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())

    assert [(p.line, p.column, p.width) for p in _checked(tmp_path, path)] == as_lf


def _checked(folder: Path, path: Path) -> list[Problem]:
    from newsletter.checks.run import check_issue
    from newsletter.config import load_publication

    return check_issue(load_publication(folder / "newsletter.toml"), path)


def test_a_field_without_https_is_put_right_by_fix(newsletter: Run, tmp_path: Path) -> None:
    path = make(tmp_path, Example(body=':::button url="www.example.com/a"\nSee all of the report\n:::'))

    newsletter("check", "chips", "--fix")

    assert ':::button url="https://www.example.com/a"' in path.read_text(encoding="utf-8")


def test_html_in_a_field_is_underlined_behind_escaped_quotes(tmp_path: Path) -> None:
    body = ':::article title="A \\"new\\" <b>rule</b>" url="https://example.com/a"\nIt changed.\n:::'

    (found,) = [problem for problem in check(tmp_path, Example(body=body)) if problem.rule == "NL302"]

    assert words(tmp_path, found) == "<b>"


def test_each_of_two_missing_pictures_on_a_line_is_underlined(tmp_path: Path) -> None:
    body = "See ![exports](images/none.png) and {{ first_name | default('x') }} ![imports](images/no.png)."

    pictures = [problem for problem in check(tmp_path, Example(body=body)) if problem.rule == "NL012"]

    assert [words(tmp_path, each) for each in pictures] == ["![exports](images/none.png)", "![imports](images/no.png)"]


@given(st.lists(st.tuples(st.sampled_from(["title", "source", "author"]), WIDE, st.sampled_from("\"'")), max_size=4))
@example([("title", '\\"', '"')])
def test_the_place_of_any_value_holds_the_value_as_it_is_written(fields: list[tuple[str, str, str]]) -> None:
    unique = {name: (value.replace("\\", "\\\\").replace(quote, f"\\{quote}"), quote) for name, value, quote in fields}
    rest = "".join(f" {name}={quote}{written}{quote}" for name, (written, quote) in unique.items())

    values, _ = read_fields(rest, ARTICLE)

    assert {name: rest[value.column - 1 : value.column - 1 + value.width] for name, value in values.items()} == {
        name: written for name, (written, _) in unique.items()
    }


def test_errors_stand_before_warnings(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(body="See [click here](https://example.com/form).\n\nAnd [the form](/form)."))

    done = newsletter("check", "chips")

    assert done.stdout.index(": error: ") < done.stdout.index(": warning: ")


def test_json_keeps_the_order_of_the_file(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(body="See [click here](https://example.com/form).\n\nAnd [the form](/form)."))

    done = newsletter("check", "chips", "--json", "--select", "NL4,NL210")

    assert [problem["line"] for problem in json.loads(done.stdout)] == [5, 7]


@pytest.mark.parametrize(
    ("given", "first"),
    [
        (Example(front="subject: Chips: the rules"), ["NL001"]),
        (Example(front='preheder: "Four minutes on the new rules, and a camera."\npreheader:'), ["NL002"]),
        (Example(body=':::article titel="The rules" url="https://example.com/a"\nThey changed.\n:::'), ["NL006"]),
        (Example(body=':::article url="https://example.com/a"\nThey changed.\n:::'), ["NL006"]),
        (Example(body=':::button url="example.com"\nSee all of the report\n:::'), ["NL006"]),
        (Example(body=":::button https://example.com/a\nSee all of the report\n\nGood morning."), ["NL004"]),
        (Example(body=':::image src=https://example.com/a.png alt="A chart"\n\nGood morning.'), ["NL004"]),
    ],
)
def test_what_only_follows_from_a_mistake_is_left_out(tmp_path: Path, given: Example, first: list[str]) -> None:
    assert rules(tmp_path, given) == first


def test_a_preheader_whose_key_is_misspelt_is_not_missing_too(tmp_path: Path) -> None:
    path = make(tmp_path, Example())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("preheader:", "preheder:"), encoding="utf-8")

    assert [problem.rule for problem in _checked(tmp_path, path)] == ["NL002"]


@pytest.mark.parametrize(
    "given",
    [
        Example(front="subject: Chips: the rules"),
        Example(front="after: 2d"),
        Example(front="list: dayly"),
        Example(front="date: yesterday"),
        Example(body=":::article titel=Rules\nThey changed.\n:::"),
        Example(body=":::article title=Rules title=Rules\nThey changed.\n:::"),
        Example(body=":::article title=Rules more\nThey changed.\n:::"),
        Example(body=":::image src=https://example.com/a.png /"),
        Example(body=":::image src=https://example.com/a.png alt=Rules width=wide /"),
        Example(body=":::quote by=Ada\n:::"),
        Example(body="| A |\n|---|\n| 1 | 2 |"),
        Example(body="Good morning.\n\n:::"),
        Example(body="{% if plan %}Good morning."),
        Example(body="Good morning {{ first_nmae }}."),
        Example(body="Good morning {{ 1 + }}."),
    ],
)
def test_a_mistake_has_a_reason_of_its_own_and_not_that_of_its_family(tmp_path: Path, given: Example) -> None:
    (error,) = [problem for problem in check(tmp_path, given) if problem.severity == "error"]

    assert error.why
    assert error.why != RULES[error.rule].why
