"""Safe fixes mend what they can, and keep every other byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.checks.fixes import edited
from newsletter.errors import Edit
from tests.checks.publications import SETTINGS
from tests.conftest import Run

BEFORE = (
    "\ufeff---\r\nsubject: 'Chip rules, workflow agents' # the working title\r\n"
    "preheader: What the new export controls change, in four minutes.\r\n---\r\n"
    "Good morning.\r\n   \r\n<!-- ask Ada: http://example.com/kept -->\r\n"
    "Read [the law](http://example.com/law), [a story](http://news.example.com/hier) and <http://example.com/>.\r\n"
    "A line that breaks  \nhere,\rand one\u0081 that does not. \n"
    "\n```\nhttp://example.com/code   \n```\n"
    ":::button http://example.com/form\r\nFill it in\r\n:::"
)
AFTER = (
    "\ufeff---\r\nsubject: 'Chip rules, workflow agents' # the working title\r\n"
    "preheader: What the new export controls change, in four minutes.\r\n---\r\n"
    "Good morning.\r\n\r\n<!-- ask Ada: http://example.com/kept -->\r\n"
    "Read [the law](https://example.com/law), [a story](https://news.example.com/hier) and <https://example.com/>.\r\n"
    "A line that breaks  \nhere,\rand one that does not.\n"
    "\n```\nhttp://example.com/code   \n```\n"
    ":::button https://example.com/form\r\nFill it in\r\n:::"
)


@pytest.fixture
def issue(tmp_path: Path) -> Path:
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    path = tmp_path / "issues" / "2025-01-17-chips.md"
    path.write_bytes(BEFORE.encode())
    path.chmod(0o640)
    return path


def test_fixing_changes_what_is_wrong_and_no_other_byte(newsletter: Run, issue: Path, tmp_path: Path) -> None:
    done = newsletter("check", "--fix")

    assert issue.read_bytes().decode() == AFTER
    assert issue.stat().st_mode & 0o777 == 0o640
    assert "+:::button https://example.com/form" in done.stderr
    assert [path.name for path in issue.parent.iterdir()] == [issue.name]


def test_fixing_twice_changes_nothing_and_says_so(newsletter: Run, issue: Path) -> None:
    newsletter("check", "--fix")

    done = newsletter("check", "--fix", "--format", "json")

    assert issue.read_bytes().decode() == AFTER
    assert "+++" not in done.stderr
    assert "There is nothing that can be fixed without changing words or looks." in done.stderr
    assert '"NL402"' not in done.stdout


def test_a_diff_shows_the_fixes_and_writes_nothing(newsletter: Run, issue: Path) -> None:
    done = newsletter("check", "--diff")

    assert issue.read_bytes().decode() == BEFORE
    assert "--- a/issues/2025-01-17-chips.md" in done.stdout
    assert "+:::button https://example.com/form" in done.stdout
    assert "\\ No newline at end of file" in done.stdout


def test_only_selected_rules_are_fixed(newsletter: Run, issue: Path) -> None:
    newsletter("check", "--fix", "--select", "NL105")

    assert issue.read_bytes().decode() == BEFORE.replace("\u0081", "")


def test_what_an_author_answered_is_not_fixed(newsletter: Run, issue: Path) -> None:
    text = BEFORE.replace("\nRead", "\n<!-- nl-ignore NL402: they have no certificate -->\r\nRead")
    issue.write_bytes(text.encode())

    newsletter("check", "--fix", "--select", "NL402")

    assert "[the law](http://example.com/law)" in issue.read_bytes().decode()


@given(st.lists(st.text("ab \t\u0301é世", max_size=8), min_size=1), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_an_edit_touches_its_own_characters_alone(lines: list[str], ending: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(lines)))
    line = lines[number - 1]
    start = data.draw(st.integers(0, len(line)))
    width = data.draw(st.integers(0, len(line) - start))

    new = edited(ending.join(lines), [Edit(line=number, column=start + 1, width=width, text="X")])

    assert new.split(ending) == [*lines[: number - 1], f"{line[:start]}X{line[start + width :]}", *lines[number:]]
