"""The workshop: what is built again, and what stays when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.preview.workspace import KEPT, Gone, Workshop
from tests.support.writing import PNG, write


@pytest.fixture
def workshop(publication_folder: Path) -> Workshop:
    write(publication_folder, "---\nsubject: Hello\n---\nOne.\n")
    return Workshop(publication_folder / "newsletter.toml")


def root(workshop: Workshop) -> Path:
    return workshop.config.parent


def html(workshop: Workshop) -> str:
    built = workshop.work("hello").built
    assert built
    return built.message.html


def test_a_saved_issue_is_built_anew_and_an_unchanged_one_is_not(workshop: Workshop) -> None:
    before = workshop.work("hello")
    assert workshop.work("hello") is before

    path = write(root(workshop), "---\nsubject: Hello\n---\nTwo.\n")
    workshop.refresh([path])

    assert "Two." in html(workshop)
    assert workshop.work("hello").digest != before.digest


def test_a_mistake_leaves_the_last_email_and_says_why(workshop: Workshop) -> None:
    good = workshop.work("hello")

    workshop.refresh([write(root(workshop), "---\nsubject: Hello\n---\n:::buton x\n:::\n")])
    failed = workshop.work("hello")

    assert failed.built is good.built
    assert failed.digest == good.digest
    assert [problem.rule for problem in failed.failure] == ["NL003"]


def test_an_empty_file_is_a_mistake_and_not_the_end(workshop: Workshop) -> None:
    workshop.work("hello")

    workshop.refresh([write(root(workshop), "")])

    assert "One." in html(workshop)
    assert "empty" in workshop.work("hello").failure[0].message


def test_a_template_that_fails_is_told_at_its_line_and_its_loss_brings_the_packages_back(workshop: Workshop) -> None:
    before = html(workshop)
    template = root(workshop) / "templates" / "blocks" / "text.mjml"
    template.parent.mkdir(parents=True)
    template.write_text("<mj-section>\n{{ nothing }}</mj-section>")
    workshop.refresh([template])
    assert workshop.work("hello").failure[0].path == "templates/blocks/text.mjml"
    assert workshop.work("hello").failure[0].line == 2

    template.unlink()
    workshop.refresh([template])

    assert html(workshop) == before
    assert not workshop.work("hello").failure


def test_broken_settings_leave_the_last_ones_and_recover(workshop: Workshop) -> None:
    good, text = workshop.work("hello"), workshop.config.read_text()

    workshop.config.write_text(text.replace("timezone", "timezon"))
    failed = workshop.work("hello")
    workshop.config.write_text(text.replace("Daily Inference", "Morning News"))

    assert failed.built is good.built
    assert failed.failure[0].path.endswith("newsletter.toml")
    assert "Morning News" in html(workshop)
    assert not workshop.work("hello").failure


def test_a_changed_picture_is_a_changed_email(workshop: Workshop) -> None:
    picture = root(workshop) / "images" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(PNG)
    workshop.refresh([write(root(workshop), "---\nsubject: Hello\n---\n![A picture](images/a.png)\n")])
    before = workshop.work("hello")

    picture.write_bytes(PNG + b"more")
    workshop.refresh([picture])

    assert workshop.work("hello").digest != before.digest
    assert picture.parent in workshop.folders


def test_lines_that_move_change_the_trace_and_not_the_email(workshop: Workshop) -> None:
    before = workshop.work("hello")

    workshop.refresh([write(root(workshop), "---\nsubject: Hello\n\n---\nOne.\n")])

    assert workshop.work("hello").digest == before.digest
    assert workshop.work("hello").trace != before.trace


def test_an_issue_that_went_away_is_gone(workshop: Workshop) -> None:
    path = workshop.work("hello").path

    path.unlink()
    workshop.refresh([path])

    with pytest.raises(Gone):
        workshop.work("hello")


def test_only_so_many_builds_are_kept(workshop: Workshop) -> None:
    for number in range(KEPT + 5):
        write(root(workshop), f"---\nsubject: Issue {number}\n---\nWords.\n", f"2025-02-01-issue-{number}.md")
        workshop.work(f"issue-{number}")

    assert len(workshop._works) == KEPT


def test_problems_are_those_of_check_and_found_again_after_a_change(workshop: Workshop) -> None:
    write(root(workshop), "---\nsubject: Hello\n---\n[Click here](https://example.com)\n")
    assert "NL210" in [problem.rule for problem in workshop.problems("hello")]

    write(root(workshop), "---\nsubject: Hello\n---\n[The whole story of it](https://example.com)\n")

    assert "NL210" not in [problem.rule for problem in workshop.problems("hello")]


def test_what_is_typed_is_built_for_its_tab_alone_and_saved_nowhere(workshop: Workshop) -> None:
    file = root(workshop) / "issues" / "2025-01-17-hello.md"

    workshop.typed("hello", "left", "---\nsubject: Hello\n---\nOf the left.\n")
    workshop.typed("hello", "right", "---\nsubject: Hello\n---\nOf the right.\n")

    left = workshop.last_typed("hello", "left").built
    assert left
    assert "Of the left." in left.message.html
    assert "One." in html(workshop)
    assert "One." in file.read_text()


def test_a_mistake_that_is_typed_leaves_the_last_email_of_its_tab(workshop: Workshop) -> None:
    good = workshop.typed("hello", "tab", "---\nsubject: Hello\n---\nTyped.\n")

    failed = workshop.typed("hello", "tab", "---\nsubject: Hello\n---\n:::buton x\n:::\n")

    assert failed.built is good.built
    assert [problem.rule for problem in failed.failure] == ["NL003"]


def test_what_was_typed_is_kept_for_the_latest_tabs_only(workshop: Workshop) -> None:
    for number in range(KEPT + 1):
        workshop.typed("hello", f"tab {number}", "---\nsubject: Hello\n---\nTyped.\n")

    with pytest.raises(Gone):
        workshop.last_typed("hello", "tab 0")
    with pytest.raises(Gone):
        workshop.typed("nothing", "tab", "text")
    assert workshop.last_typed("hello", f"tab {KEPT}")
