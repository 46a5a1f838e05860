"""A fix mends its finding wherever it stands: the rule is silent after it, nothing else is found, no word is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import Example
from newsletter.checks.fixes import fix
from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from newsletter.errors import Problem
from newsletter.messages.types import CompiledMessage
from newsletter.rendering.build import build_issue
from tests.checks.publications import NAME, make
from tests.conftest import Run

FAULTS = {
    "a link that is not encrypted": "[rules one](http://example.com/1)",
    "two links on a line": "[rules one](http://example.com/1) and [rules two](http://example.com/2)",
    "the same link twice": "[rules one](http://example.com/1) and [rules one](http://example.com/1)",
    "a link without a scheme": "[rules one](www.example.com/1)",
    "a link without a scheme and one not encrypted": "[rules one](www.example.com/1), [rules two](http://example.com/2)",
    "a link in angle brackets": "[rules one](<http://example.com/1>)",
    "a link with a title": '[rules one](http://example.com/1 "One")',
    "a link whose words are marked": "[**rules** `http://one` \\] two](http://example.com/1)",
    "a bare address": "see <http://example.com/1> there",
    "a picture": "![A chart of exports](http://example.com/1.png)",
    "a linked picture": "[![A chart of exports](http://example.com/1.png)](http://example.com/1)",
    "a link with a merge tag": '[rules one](http://example.com/{{ first_name | default("x") }})',
    "a link after a merge tag": 'Dear {{ first_name | default("reader") }}, [rules one](http://example.com/1)',
    "a link after code": "`${{ secrets.KEY }}` and [rules one](http://example.com/1)",
    "a link after escaped braces": "\\{{ x }} and [rules one](http://example.com/1)",
    "a link after an entity": "R&amp;D, &copy; and [rules one](http://example.com/1)",
    "a link after an emoji": "👩‍💻 e\u0301 and [rules one](http://example.com/1)",
    "a link after a tab": "words\tand [rules one](http://example.com/1)",
    "a link after a comment": "words <!-- http://example.com/kept --> and [rules one](http://example.com/1)",
    "a link after its own address as code": "`http://example.com/1` and [rules one](http://example.com/1)",
    "a control character": "Good\u0092 morning\u0081 to [rules one](https://example.com/1)",
}
PLACES = {
    "in a paragraph": "{}",
    "on a later line of a paragraph": "First words\nthen {}\nand more.",
    "at the end of a line with a break": "Words {}  \nand more.",
    "in a heading": "## A story of {}",
    "in a quotation": "> {}",
    "in a lazy quotation": "> Words\n{}",
    "in a list": "- Words {}",
    "in a deep list": "- Words\n  1. Words\n     > {}",
    "in a list with tabs": "-\tWords\n\n\t{}",
    "in a table": "| A | B |\n|---|---|\n| words | {} |",
    "in a table behind an escaped bar": "| A | B |\n|---|---|\n| a \\| b | {} |",
    "in a table beside its equal": "| A | B |\n|---|---|\n| {} | {} |",
    "in a cell with bars": "| A | B |\n|---|---|\n| x | a \\| b {} `\\|` c |",
    "in a table in a quotation": "> | A | B |\n> |---|---|\n> | 1 | {} |",
    "in a table in a list": "- words\n\n  | A | B |\n  |---|---|\n  | {} | {} |",
    "in a table without bars and with numbers": "A | B\n---|---\n5 | {}",
    "in a table without outer bars": "A | B\n---|---\n{} | words",
    "in a note": ':::note title="Note"\n{}\n:::',
    "in news": ":::news\n- **Title** {}\n- Words {}\n:::",
    "after code": "```\nhttp://example.com/1\n${{ x }}\n```\n\n{}",
    "inside a condition": '{% if plan == "pro" %}\n\n{}\n\n{% endif %}',
}
BLOCKS = {
    "a button": ":::button http://example.com/1\nRead it\n:::",
    "a button with a key": ':::button url="http://example.com/1"\nRead it\n:::',
    "an article": ':::article url=http://example.com/1 title="http://example.com/1 \\"is\\" out"\nWords.\n:::',
    "a picture": ":::image alt=\"A chart\" src='http://example.com/1.png' url=http://example.com/1 /",
    "two blocks": ":::quote by=Ada url=http://example.com/1\nA.\n:::\n\n:::quote by=Bea url=http://example.com/1\nB.\n:::",
    "spaces after a line": "Words. \n\n:::note \nWords.\t\n::: \n\n- item \n",
    "empty lines with spaces": "Words.\n   \n- item\n \t\n- item\n\n      \n    code  \n   \n    code\n",
    "spaces in code": "```\ncode   \n\n   \n```\n",
    "a reference": "The [rules][one].\n\n[one]: http://example.com/1\n",
}
EVERYWHERE = ("two links on a line", "a link after a merge tag", "a link without a scheme and one not encrypted")
"""Faults that are tried in every place; the others in some."""
BODIES = {
    **{
        f"{fault}, {place}": form.replace("{}", words)
        for fault, words in FAULTS.items()
        for place, form in PLACES.items()
        if fault in EVERYWHERE or place in ("in a list", "in a cell with bars")
    },
    **BLOCKS,
}
ENDINGS = {"lf": ("", "\n"), "crlf": ("", "\r\n"), "mark": ("\ufeff", "\n"), "mark and crlf": ("\ufeff", "\r\n")}
FILES = [
    *((name, "lf") for name in BODIES),
    *(
        (name, ending)
        for name in (*BLOCKS, *(f"{fault}, in a cell with bars" for fault in EVERYWHERE))
        for ending in ENDINGS
    ),
]
FIXABLE = ("NL017", "NL105", "NL401", "NL402")


def _check(folder: Path, content: str) -> list[Problem]:
    path = folder / "issues" / NAME
    path.write_bytes(content.encode())
    return check_issue(load_publication(folder / "newsletter.toml"), path)


def _fixed(folder: Path, problems: list[Problem]) -> tuple[str, int]:
    made = fix(folder / "issues" / NAME, f"issues/{NAME}", problems)
    return made.after, made.count


def _message(folder: Path) -> CompiledMessage:
    return build_issue(load_publication(folder / "newsletter.toml"), folder / "issues" / NAME).message


def _words(text: str) -> str:
    text = re.sub("[\x80-\x9f]|https?://", "", text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "ending"), dict.fromkeys(FILES))
def test_a_fix_mends_its_finding_adds_none_and_loses_no_word(tmp_path: Path, name: str, ending: str) -> None:
    mark, newline = ENDINGS[ending]
    before = make(tmp_path, Example(body=BODIES[name])).read_text(encoding="utf-8")
    before = mark + before.replace("\n", newline)
    problems = _check(tmp_path, before)
    assert not any(problem.rule in ("NL008", "NL010") for problem in problems)
    words = _words(_message(tmp_path).text)

    after, count = _fixed(tmp_path, problems)
    later = _check(tmp_path, after)

    fixed = {(problem.rule, problem.line) for problem in problems if problem.edits}
    assert count or not any(problem.rule in FIXABLE for problem in problems if problem.rule != "NL402")
    assert not [problem for problem in later if problem.edits]
    assert {(problem.rule, problem.line) for problem in later} <= {(p.rule, p.line) for p in problems} - fixed
    assert _words(_message(tmp_path).text) == words
    assert _fixed(tmp_path, later) == (after, 0)
    assert after.count(newline) == before.count(newline)


@pytest.mark.parametrize("rule", RULES)
def test_the_fix_of_a_rules_own_example_silences_it(tmp_path: Path, rule: str) -> None:
    path = make(tmp_path, RULES[rule].fires)
    problems = [p for p in _check(tmp_path, path.read_text(encoding="utf-8")) if p.rule == rule and p.edits]
    if rule in ("NL017", "NL105", "NL402"):
        assert problems
    if problems:
        after, _ = _fixed(tmp_path, problems)

        assert not [problem for problem in _check(tmp_path, after) if problem.rule == rule and problem.edits]


@pytest.mark.parametrize("option", [(), ("--fix",)])
def test_a_diff_of_fixes_changes_no_file(newsletter: Run, tmp_path: Path, option: tuple[str, ...]) -> None:
    path = make(tmp_path, Example(body=BODIES["two links on a line, in a cell with bars"]))
    before = path.read_bytes()

    done = newsletter("check", *option, "--diff")

    assert path.read_bytes() == before
    assert "+| x | a \\| b [rules one](https://example.com/1)" in done.stdout


@pytest.mark.parametrize(
    "written", ["[The report](https://example.com/my report.pdf)", "![A chart of exports](images/my chart.png)"]
)
def test_a_space_in_an_address_is_mended_as_the_finding_says(tmp_path: Path, written: str) -> None:
    path = make(tmp_path, Example(body=written, files={"images/my chart.png": "GIF89ad\x00d\x00 "}))
    (tmp_path / "images" / "my chart.png").rename(tmp_path / "images" / "my chart.gif")
    before = path.read_text(encoding="utf-8").replace("chart.png", "chart.gif")
    (problem,) = _check(tmp_path, before)

    after = before.replace("my report", "my%20report").replace("my chart", "my%20chart")

    assert problem.rule == "NL401"
    assert "%20" in problem.hint
    assert _check(tmp_path, after) == []
