from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import PublicationSettings, load_publication
from newsletter.errors import NewsletterError
from newsletter.issues.save import IssueFile, find_issue_file, read_issue_file, save
from tests.conftest import without_rights
from tests.support.writing import write

TEXT = "---\nsubject: Hello\n---\n\nHello, “all”.\n"


@pytest.fixture
def publication(publication_folder: Path) -> PublicationSettings:
    write(publication_folder, TEXT)
    return load_publication(publication_folder / "newsletter.toml")


def opened(publication: PublicationSettings) -> IssueFile:
    return read_issue_file(publication, find_issue_file(publication, "hello"))


def test_a_text_is_saved_over_the_one_it_was_made_from(publication: PublicationSettings) -> None:
    issue_file = opened(publication)

    saved = save(publication, issue_file.path, TEXT + "More.\n", issue_file.digest)

    assert saved.is_written
    assert issue_file.path.read_text() == saved.issue_file.text == TEXT + "More.\n"
    assert opened(publication).digest == saved.issue_file.digest != issue_file.digest
    assert [path.name for path in issue_file.path.parent.iterdir()] == [issue_file.path.name], (
        "nothing else is left there"
    )


def test_a_file_that_was_changed_meanwhile_is_not_overwritten_but_shown(publication: PublicationSettings) -> None:
    issue_file = opened(publication)
    issue_file.path.write_text("another hand wrote this\n")

    saved = save(publication, issue_file.path, TEXT + "Mine.\n", issue_file.digest)

    assert not saved.is_written
    assert saved.issue_file.text == issue_file.path.read_text() == "another hand wrote this\n"
    assert save(publication, issue_file.path, "Mine.\n", saved.issue_file.digest).is_written, "whoever saw it may go on"


def test_a_file_that_was_removed_meanwhile_is_made_again_only_by_who_knows(publication: PublicationSettings) -> None:
    issue_file = opened(publication)
    issue_file.path.unlink()

    refused = save(publication, issue_file.path, TEXT, issue_file.digest)
    assert (refused.is_written, refused.issue_file.digest, issue_file.path.exists()) == (False, "", False)

    assert save(publication, issue_file.path, TEXT, "").is_written
    assert issue_file.path.read_text() == TEXT


@pytest.mark.parametrize(
    ("raw", "saved_as"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        (b"a\nb\n", b"a\nb\nc\n"),
        (b"\xef\xbb\xbfa\r\nb\r\n", b"\xef\xbb\xbfa\r\nb\r\nc\r\n"),
        (b"a\rb\r", b"a\rb\rc\r"),
    ],
)
def test_line_ends_and_byte_order_mark_stay_the_files(
    publication: PublicationSettings, raw: bytes, saved_as: bytes
) -> None:
    path = opened(publication).path
    path.write_bytes(raw)
    issue_file = read_issue_file(publication, path)

    save(publication, path, issue_file.text + "c\n", issue_file.digest)

    assert issue_file.text == "a\nb\n"
    assert path.read_bytes() == saved_as


def test_lines_that_were_not_changed_end_as_they_did(publication: PublicationSettings) -> None:
    path = opened(publication).path
    path.write_bytes(b"a\nb\r\nc\r\nd\n")
    issue_file = read_issue_file(publication, path)

    save(publication, path, issue_file.text.replace("c", "new\nc"), issue_file.digest)

    assert path.read_bytes() == b"a\nb\r\nnew\nc\r\nd\n"


@given(
    st.lists(st.tuples(st.text("ab é", max_size=3), st.sampled_from(["\n", "\r\n", "\r"])), min_size=1), st.text("ab\n")
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_saving_what_was_read_changes_no_byte_and_what_is_saved_is_read_again(
    publication: PublicationSettings, lines: list[tuple[str, str]], more: str
) -> None:
    raw = "".join(words + end for words, end in lines).encode()
    path = publication.issues / "2025-01-17-hello.md"
    path.write_bytes(raw)
    issue_file = read_issue_file(publication, path)

    if issue_file.text:
        assert issue_file.encoded(issue_file.text) == raw
    saved = save(publication, path, issue_file.text + more, issue_file.digest)
    assert saved.issue_file.text == (issue_file.text + more if (issue_file.text + more).strip() else "")


def test_permissions_stay_the_files(publication: PublicationSettings) -> None:
    issue_file = opened(publication)
    issue_file.path.chmod(0o664)

    save(publication, issue_file.path, "x", issue_file.digest)

    assert issue_file.path.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    ("text", "words"),
    [("x" * 1024 * 1024 + "\n", "1.0 MiB"), ("a\0b", "a NUL character"), ("a\ud800b", "half a character")],
)
def test_what_no_issue_may_be_is_refused_and_nothing_is_written(
    publication: PublicationSettings, text: str, words: str
) -> None:
    issue_file = opened(publication)

    with pytest.raises(NewsletterError, match=words):
        save(publication, issue_file.path, text, issue_file.digest)

    assert issue_file.path.read_text() == TEXT


@pytest.mark.parametrize(
    "name", ["../newsletter.toml", "../issues.md", "/etc/passwd", ".hidden.md", "x.txt", "link.md", ""]
)
def test_nothing_but_issue_files_inside_issues_is_read_or_written(publication: PublicationSettings, name: str) -> None:
    outside = publication.root / "secret.md"
    outside.write_text("secret")
    (publication.issues / "link.md").symlink_to(outside)

    for act in (read_issue_file, lambda where, path: save(where, path, "x", "")):
        with pytest.raises(NewsletterError, match="no issue file inside issues/"):
            act(publication, publication.issues / name)
    with pytest.raises(NewsletterError):
        find_issue_file(publication, "link")
    assert outside.read_text() == "secret"


def test_of_many_who_save_at_once_one_does_and_the_others_see_it(publication: PublicationSettings) -> None:
    issue_file = opened(publication)
    written: list[bool] = []

    def one(number: int) -> None:
        written.append(save(publication, issue_file.path, f"{number}\n" * 1000, issue_file.digest).is_written)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(written) == [False] * 7 + [True]
    assert len(set(issue_file.path.read_text().split())) == 1


def test_a_file_that_may_not_be_written_says_so(publication: PublicationSettings) -> None:
    issue_file = opened(publication)
    issue_file.path.chmod(0o444)

    with without_rights(issue_file.path.parent), pytest.raises(NewsletterError, match="cannot be saved"):
        save(publication, issue_file.path, "x", issue_file.digest)
