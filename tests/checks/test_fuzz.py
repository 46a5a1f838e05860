"""Checks of generated files: they end, report existing places, give one result twice, and their fixes come to an end.

The tests generate 500 files; `make soak` makes it 20,000.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsletter.checks.fixes import fix, write
from newsletter.checks.run import check_issues
from newsletter.errors import Problem
from newsletter.rendering.theme import Theme
from tests.checks.publications import temporary_theme

FILES = 20_000 if os.environ.get("NEWSLETTER_SOAK") else 500
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=24)
GOOD = """https://example.com/a http://example.com/b www.example.com {{web_url}} https://bit.ly/x #
https://example.com/{{plan}}?utm_source=a mailto:ada@example.com"""
BAD = "/c mailto: javascript:x https:// http://[::1 https://localhost https://e.com:x images/no.png data:x <>"
ADDRESSES = st.sampled_from(GOOD.split() * 3 + BAD.split())
TAGS = """{{ first_name }}
{{ first_name | default("there") }}
{{ first_name | e }}
{{ plan | default('x') | urlencode }}
{% if plan == "pro" %}{{ plan }}{% endif %}
{% if plan %}
{% endif %}
{% else %}
{{ nope | nope }}
{{ a.b.c }}
{{ 1/0 }}
\\{{ x }}
{{"""
PLAIN = [
    "<b>",
    "</p>",
    "<br/>",
    "`",
    "**",
    "_",
    "~~",
    "|",
    "\\",
    "  \n",
    "\r\n",
    "\t",
    "\u0092",
    "\u200b",
    "&amp;",
    "](",
]
COMMENTS = ["<!--", "-->", "<!-- nl-ignore NL210: x -->", "<!-- nl-ignore NL402 -->", "<!-- review -->"]
BEGINNINGS = ["", "- ", "> ", "1. ", "# ", "#### ", "    ", "```", "| ", "---", "[x]: ", ":::", "* > - "]
NAMES = "article news sponsor quote button image signup divider note nothing"
FIELDS = "title url src image alt by width"
KEYS = "subject preheader date list signup # nl-ignore"

PARTS = st.one_of(
    WORDS,
    st.sampled_from(TAGS.split("\n")),
    ADDRESSES,
    st.builds("[{}]({})".format, WORDS, ADDRESSES),
    st.builds('![{}]({} "{}")'.format, WORDS, ADDRESSES, WORDS),
    st.builds("<{}>".format, ADDRESSES),
    st.sampled_from(PLAIN),
    st.sampled_from(COMMENTS),
)
RUNS = st.lists(PARTS, max_size=4).map("".join)
LINES = st.builds("{}{}".format, st.sampled_from(BEGINNINGS), RUNS)
SETTERS = st.builds('{}="{}"'.format, st.sampled_from(FIELDS.split()), ADDRESSES | WORDS)
BLOCKS = st.one_of(
    st.builds(":::{} {}\n{}\n:::".format, st.sampled_from(NAMES.split()), st.lists(SETTERS).map(" ".join), LINES),
    st.builds(':::article title="{}" url={}\n{}\n:::'.format, RUNS, ADDRESSES, LINES),
    st.builds(":::button {}\n{}\n:::".format, ADDRESSES, RUNS),
    st.builds(":::news\n- [{}]({}) {}\n:::".format, WORDS, ADDRESSES, RUNS),
)
FRONT = st.lists(st.builds("{}: {}".format, st.sampled_from(KEYS.split()), PARTS), max_size=3).map("\n".join)
BODY = st.lists(LINES | BLOCKS, max_size=8).map("\n\n".join) | st.lists(RUNS, max_size=8).map("\n".join)
ISSUES = st.one_of(
    st.builds("---\nsubject: The rules\n---\n{}\n".format, BODY),
    st.builds("---\nsubject: {{{{ first_name }}}}\n{}\n---\n{}\n".format, FRONT, BODY),
    st.builds("{}{}".format, st.sampled_from(["", "---", "\ufeff---\n"]), BODY),
)


@pytest.fixture(scope="module")
def theme() -> Iterator[Theme]:
    """Of one publication; its templates are compiled once, as in a run over many issues."""
    with temporary_theme() as theme:
        yield theme


@pytest.mark.slow
@pytest.mark.timeout(0 if "NEWSLETTER_SOAK" in os.environ else 600)
@settings(max_examples=FILES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=ISSUES)
@example(text="---\nsubject: {{ first_name }}\nsubject: \x85\nsubject: \n---\n\n")
@example(text="---\nsubject: a\u2028 b\ndate: [\n---\n\n")
def test_any_file_gets_an_answer_the_same_one_twice(theme: Theme, text: str) -> None:
    path = theme.publication.issues / "2025-01-17-fuzz.md"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    problems = check(theme, path)

    assert check(theme, path) == problems
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in (problem for problem in problems if problem.path.endswith(".md")):
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
    settle(theme, path, problems)


def check(theme: Theme, path: Path) -> list[Problem]:
    return list(next(iter(check_issues(theme.publication, [path], theme=theme))).problems)


def settle(theme: Theme, path: Path, problems: list[Problem]) -> None:
    """Fix until nothing is left to; five rounds are enough for anything."""
    for _ in range(5):
        if not any(problem.edits for problem in problems):
            return
        write(fix(path, problems[0].path, problems))
        problems = check(theme, path)
    raise AssertionError("the fixes have no end")
