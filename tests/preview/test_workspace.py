"""The workspace: issues that are built again, and what stays when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.preview.workspace import KEPT, IssueNotFound, Workspace
from tests.support.writing import PNG, write


@pytest.fixture
def workspace(publication_folder: Path) -> Workspace:
    write(publication_folder, "---\nsubject: Hello\n---\nOne.\n")
    return Workspace(publication_folder / "newsletter.toml")


def root(workspace: Workspace) -> Path:
    return workspace.config.parent


def html(workspace: Workspace) -> str:
    built = workspace.issue("hello").built
    assert built
    return built.message.html


def test_a_saved_issue_is_built_anew_and_an_unchanged_one_is_not(workspace: Workspace) -> None:
    before = workspace.issue("hello")
    assert workspace.issue("hello") is before

    path = write(root(workspace), "---\nsubject: Hello\n---\nTwo.\n")
    workspace.refresh([path])

    assert "Two." in html(workspace)
    assert workspace.issue("hello").digest != before.digest


def test_a_mistake_leaves_the_last_email_and_says_why(workspace: Workspace) -> None:
    good = workspace.issue("hello")

    workspace.refresh([write(root(workspace), "---\nsubject: Hello\n---\n:::buton x\n:::\n")])
    failed = workspace.issue("hello")

    assert failed.built is good.built
    assert failed.digest == good.digest
    assert [problem.rule for problem in failed.failure] == ["NL003"]


def test_an_empty_file_is_a_mistake_and_not_the_end(workspace: Workspace) -> None:
    workspace.issue("hello")

    workspace.refresh([write(root(workspace), "")])

    assert "One." in html(workspace)
    assert "empty" in workspace.issue("hello").failure[0].message


def test_a_template_that_fails_is_told_at_its_line_and_its_loss_brings_the_packages_back(workspace: Workspace) -> None:
    before = html(workspace)
    template = root(workspace) / "templates" / "blocks" / "text.mjml"
    template.parent.mkdir(parents=True)
    template.write_text("<mj-section>\n{{ nothing }}</mj-section>")
    workspace.refresh([template])
    assert workspace.issue("hello").failure[0].path == "templates/blocks/text.mjml"
    assert workspace.issue("hello").failure[0].line == 2

    template.unlink()
    workspace.refresh([template])

    assert html(workspace) == before
    assert not workspace.issue("hello").failure


def test_broken_settings_leave_the_last_ones_and_recover(workspace: Workspace) -> None:
    good, text = workspace.issue("hello"), workspace.config.read_text()

    workspace.config.write_text(text.replace("timezone", "timezon"))
    failed = workspace.issue("hello")
    workspace.config.write_text(text.replace("Daily Inference", "Morning News"))

    assert failed.built is good.built
    assert failed.failure[0].path.endswith("newsletter.toml")
    assert "Morning News" in html(workspace)
    assert not workspace.issue("hello").failure


def test_a_changed_picture_is_a_changed_email(workspace: Workspace) -> None:
    picture = root(workspace) / "images" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(PNG)
    workspace.refresh([write(root(workspace), "---\nsubject: Hello\n---\n![A picture](images/a.png)\n")])
    before = workspace.issue("hello")

    picture.write_bytes(PNG + b"more")
    workspace.refresh([picture])

    assert workspace.issue("hello").digest != before.digest
    assert picture.parent in workspace.folders


def test_lines_that_move_change_the_trace_and_not_the_email(workspace: Workspace) -> None:
    before = workspace.issue("hello")

    workspace.refresh([write(root(workspace), "---\nsubject: Hello\n\n---\nOne.\n")])

    assert workspace.issue("hello").digest == before.digest
    assert workspace.issue("hello").trace != before.trace


def test_an_issue_that_went_away_is_gone(workspace: Workspace) -> None:
    path = workspace.issue("hello").path

    path.unlink()
    workspace.refresh([path])

    with pytest.raises(IssueNotFound):
        workspace.issue("hello")


def test_only_so_many_builds_are_kept(workspace: Workspace) -> None:
    for number in range(KEPT + 5):
        write(root(workspace), f"---\nsubject: Issue {number}\n---\nWords.\n", f"2025-02-01-issue-{number}.md")
        workspace.issue(f"issue-{number}")

    assert len(workspace._built) == KEPT


def test_problems_are_those_of_check_and_found_again_after_a_change(workspace: Workspace) -> None:
    write(root(workspace), "---\nsubject: Hello\n---\n[Click here](https://example.com)\n")
    assert "NL210" in [problem.rule for problem in workspace.problems("hello")]

    write(root(workspace), "---\nsubject: Hello\n---\n[The whole story of it](https://example.com)\n")

    assert "NL210" not in [problem.rule for problem in workspace.problems("hello")]


def test_what_is_typed_is_built_for_its_tab_alone_and_saved_nowhere(workspace: Workspace) -> None:
    file = root(workspace) / "issues" / "2025-01-17-hello.md"

    workspace.typed("hello", "left", "---\nsubject: Hello\n---\nOf the left.\n")
    workspace.typed("hello", "right", "---\nsubject: Hello\n---\nOf the right.\n")

    left = workspace.last_typed("hello", "left").built
    assert left
    assert "Of the left." in left.message.html
    assert "One." in html(workspace)
    assert "One." in file.read_text()


def test_a_mistake_that_is_typed_leaves_the_last_email_of_its_tab(workspace: Workspace) -> None:
    good = workspace.typed("hello", "tab", "---\nsubject: Hello\n---\nTyped.\n")

    failed = workspace.typed("hello", "tab", "---\nsubject: Hello\n---\n:::buton x\n:::\n")

    assert failed.built is good.built
    assert [problem.rule for problem in failed.failure] == ["NL003"]


def test_what_was_typed_is_kept_for_the_latest_tabs_only(workspace: Workspace) -> None:
    for number in range(KEPT + 1):
        workspace.typed("hello", f"tab {number}", "---\nsubject: Hello\n---\nTyped.\n")

    with pytest.raises(IssueNotFound):
        workspace.last_typed("hello", "tab 0")
    with pytest.raises(IssueNotFound):
        workspace.typed("nothing", "tab", "text")
    assert workspace.last_typed("hello", f"tab {KEPT}")
