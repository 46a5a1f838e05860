"""The page of a sent issue is amended or withdrawn, says so, and what was approved is never lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.campaigns import archive
from newsletter.campaigns.archive import ArchiveEntry
from newsletter.campaigns.campaign import frozen_page
from newsletter.checks.gate import Stopped
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database, open_database
from newsletter.errors import NewsletterError
from newsletter.publishing.archive_changes import amend, withdraw
from newsletter.publishing.plan import make_plan, start_plan
from newsletter.rendering.archive_notes import FILE
from newsletter.rendering.site import issues_until, web_pages
from newsletter.web.public.static_site import site_files
from tests.conftest import Run
from tests.support.sending import NOW, add_readers, settings

LATER = NOW + timedelta(days=1)
DAY = datetime(2025, 2, 1, tzinfo=UTC).date()


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A publication whose issue `hello` was sent."""

    publication: PublicationSettings
    database: Database
    file: Path

    def edit(self, text: str = "It was Monday.") -> None:
        self.file.write_text(self.file.read_text(encoding="utf-8") + f"\n{text}\n", encoding="utf-8")

    def amend(self, note: str = "", allow: str | None = None, now: datetime = LATER) -> bool:
        return amend(self.publication, self.database, "hello", note=note, allow=allow, now=now).is_new

    def withdraw(self, reason: str = "") -> bool:
        return withdraw(self.publication, self.database, "hello", reason=reason, now=LATER).is_new

    @property
    def entry(self) -> ArchiveEntry:
        with self.database.read() as connection:
            return archive.entries(connection)[0]

    @property
    def page(self) -> str:
        with self.database.read() as connection:
            return archive.page(connection, archive.entries(connection)[0])

    def site(self) -> dict[str, str]:
        pages = web_pages(self.publication, issues_until(self.publication, DAY), DAY)
        return {name: file.decode() for name, file in site_files(self.publication, pages).items()}


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[Sent]:
    publication = settings(tmp_path, issue=True)
    database = open_database(publication)
    add_readers(database, 1)
    start_plan(publication, database, make_plan(publication, database, "hello", list_name=None, segment=None), NOW)
    yield Sent(publication=publication, database=database, file=tmp_path / "issues" / "2025-01-17-hello.md")
    database.close()


@pytest.mark.usefixtures("each_database")
def test_the_page_is_the_file_as_it_is_now_and_the_approved_one_is_kept(sent: Sent) -> None:
    approved = sent.page
    sent.edit()

    assert sent.amend("It was Monday, not Friday.")

    assert "It was Monday." in sent.page
    assert [(str(change.kind), change.note, change.at) for change in sent.entry.changes] == [
        ("amended", "It was Monday, not Friday.", LATER)
    ]
    with sent.database.read() as connection:
        assert frozen_page(connection, sent.entry.campaign_id) == approved


@pytest.mark.usefixtures("each_database")
def test_a_withdrawn_page_comes_back_when_it_is_amended(sent: Sent) -> None:
    sent.file.rename(sent.file.with_suffix(".gone"))
    withdrawn = sent.withdraw("Its figures were made up.") and sent.entry.is_withdrawn
    sent.file.with_suffix(".gone").rename(sent.file)

    amended = sent.amend()

    assert (withdrawn, amended, sent.entry.is_withdrawn) == (True, True, False)
    assert [str(change.kind) for change in sent.entry.changes] == ["withdrawn", "amended"]


def test_what_is_so_already_is_not_recorded_twice(sent: Sent) -> None:
    assert not sent.amend("No change.")
    assert sent.withdraw("Wrong.")
    assert not sent.withdraw()
    assert len(sent.entry.changes) == 1


def test_an_amended_page_has_to_pass_the_checks(sent: Sent) -> None:
    sent.edit("Read [the law](/law).")

    with pytest.raises(Stopped, match="NL401"):
        sent.amend()
    assert sent.amend(allow="NL401")


@pytest.mark.parametrize(
    ("line", "message"),
    [("date: 2025-01-18", "was sent as that of 2025-01-17"), ("archive: false", "before it is sent")],
)
def test_an_issue_keeps_its_day_and_its_place(sent: Sent, line: str, message: str) -> None:
    text = sent.file.read_text(encoding="utf-8").replace("date: 2025-01-17\n", "")
    sent.file.write_text(text.replace("subject: Hello\n", f"subject: Hello\n{line}\n"), encoding="utf-8")

    with pytest.raises(NewsletterError, match=message):
        sent.amend()


def test_an_issue_that_was_never_sent_has_no_page_to_change(sent: Sent) -> None:
    (sent.file.parent / "2025-01-18-next.md").write_text("---\nsubject: Next\n---\nSoon.\n", encoding="utf-8")

    with pytest.raises(NewsletterError, match='"next" is not in the archive'):
        withdraw(sent.publication, sent.database, "next", reason="", now=LATER)


def test_a_note_that_was_forgotten_is_added_to_a_page_that_is_amended_already_once(sent: Sent) -> None:
    sent.edit()
    sent.amend()

    assert sent.amend("It was Monday,\nnot Friday.")
    assert not sent.amend("It was Monday, not Friday.")
    assert not sent.amend()
    assert [change.note for change in sent.entry.changes] == ["", "It was Monday, not Friday."]


def test_nothing_is_changed_when_the_file_for_the_static_archive_cannot_be_written(sent: Sent) -> None:
    (sent.publication.root / FILE).write_text("[]", encoding="utf-8")
    sent.edit()

    with pytest.raises(NewsletterError, match=FILE):
        sent.amend()
    assert not sent.entry.changes


def test_the_static_archive_shows_an_amended_page_with_its_line(sent: Sent) -> None:
    sent.edit()
    sent.amend("It was <Monday>.")

    files = sent.site()

    assert "Amended on January 18, 2025." in files["issues/hello/index.html"]
    assert "It was &lt;Monday&gt;." in files["issues/hello/index.html"]
    assert "<updated>2025-01-18T12:00:00+00:00</updated>" in files["feed.xml"]
    assert "Amended on January 18, 2025." in files["feed.xml"]


def test_the_static_archive_has_a_page_about_a_withdrawn_issue_and_no_word_of_it(sent: Sent) -> None:
    sent.withdraw("Its figures were made up.")

    files = sent.site()

    told = "The issue of January 17, 2025 was withdrawn on January 18, 2025."
    assert told in files["issues/hello/index.html"]
    assert "Its figures were made up." in files["issues/hello/index.html"]
    assert "issues/hello" not in files["sitemap.xml"] + files["issues/index.html"] + files["index.html"]
    assert files["feed.xml"].count(told) == 2
    assert not any("Hello" in file for file in files.values())


def test_the_commands_say_what_was_done_and_send_names_them(newsletter: Run, sent: Sent) -> None:
    sent.edit()

    amended = newsletter("archive", "amend", "hello", "--note", "It was Monday.", "--json")
    again = newsletter("archive", "amend", "hello")
    withdrawn = newsletter("archive", "withdraw", "2025-01-17-hello")

    url = "https://news.example.com/issues/hello"
    assert json.loads(amended.stdout) == {"issue": "hello", "state": "amended", "changed": True, "url": url}
    assert (again.returncode, again.stdout, again.stderr) == (
        0,
        f"{url}\n",
        "The page of hello is the same already; nothing was changed.\n",
    )
    assert withdrawn.stderr == "hello is withdrawn. Servers show it within a second.\n"
    assert [row["kind"] for row in json.loads((sent.publication.root / FILE).read_text())["hello"]] == [
        "amended",
        "withdrawn",
    ]
