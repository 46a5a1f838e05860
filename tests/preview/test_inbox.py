"""The inbox: the newest issues first, as a reader without a name sees them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import PublicationSettings, load_publication
from newsletter.issues.summaries import read_summary
from newsletter.preview.inbox import entries, entry
from tests.support.writing import write


def publication(folder: Path) -> PublicationSettings:
    return load_publication(folder / "newsletter.toml")


def test_the_newest_come_first_by_the_date_that_counts(publication_folder: Path) -> None:
    write(publication_folder, "---\nsubject: Old\n---\n", "2025-01-01-old.md")
    write(publication_folder, "---\nsubject: Dated\ndate: 2025-03-01\n---\n", "2024-12-31-dated.md")
    write(publication_folder, "---\nsubject: Undated\n---\n", "undated.md")
    write(publication_folder, "---\nsubject: New\n---\n", "2025-02-01-new.md")

    names = [path.stem for path in entries(publication(publication_folder))]

    assert names == ["2024-12-31-dated", "2025-02-01-new", "2025-01-01-old", "undated"]


def test_words_are_looked_for_in_subject_preheader_and_name(publication_folder: Path) -> None:
    write(publication_folder, "---\nsubject: Chip Rules\npreheader: In four minutes\n---\nWafers\n", "2025-01-01-a.md")
    write(publication_folder, "---\nsubject: Cameras\n---\n", "2025-01-02-four.md")

    def matching(words: str) -> list[str]:
        return [path.stem[-1] for path in entries(publication(publication_folder), words)]

    assert matching("chip minutes") == ["a"]
    assert matching("FOUR") == ["r", "a"]
    assert matching("wafers") == []


def test_merge_tags_are_filled_for_a_reader_without_a_name(publication_folder: Path) -> None:
    front = """subject: 'For {{ first_name | default("you") }}'\npreheader: '{{ first_name }}, {{ no( }}{% if x %}'"""
    path = write(publication_folder, f"---\n{front}\n---\n")

    line = entry(publication(publication_folder), path)

    assert line
    assert line.subject == "For you"
    assert line.preheader == ", {{ no( }}{% if x %}"


def test_a_file_is_read_again_when_it_changed_and_none_when_it_went(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: One\n---\n")
    first = read_summary(path)
    path.write_text("---\nsubject: Another\n---\n")

    second = read_summary(path)
    path.unlink()

    assert first
    assert second
    assert (first.subject, second.subject) == ("One", "Another")
    assert second.date == date(2025, 1, 17)
    assert read_summary(path) is None


@given(text=st.text(max_size=200))
def test_no_file_is_too_strange(tmp_path_factory, text: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.getbasetemp() / "strange.md"
    path.write_text(f"---\n{text}\n---\n", encoding="utf-8", errors="replace")

    assert read_summary(path) is not None
