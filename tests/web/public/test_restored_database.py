"""A database put back from a backup gives numbers out again: no old link opens, changes or counts somebody else."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import requests

from newsletter.signed_links import Links, Purpose
from newsletter.subscribers.subscriber import Subscriber
from tests.web.public.leaving import People
from tests.web.public.serving import Mail, Served, join, make_publication, path_in, serve, token_of

OPEN = '[signup]\nmin_time = "0s"\nper_network = "off"\nper_address = "off"\n[tracking]\nlevel = "individual"'
ISSUE = "---\nsubject: Hello\ndate: 2025-01-17\n---\n\n[One](https://example.com/one) [two](https://example.com/two).\n"


@dataclass
class Restored:
    """A server whose database was put back to before Bob joined, and Carol's sign-up, which got his number."""

    served: Served
    people: People
    before: Subscriber
    """Carol, before anybody used Bob's links."""
    bob: dict[str, str]
    """The paths of Bob's links by route."""
    ada: str
    """The token of Ada, who is older than the backup."""

    def carol(self) -> Subscriber | None:
        return self.people.find_or_none("carol@example.com")


def command(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def links_of_bob(folder: Path, served: Served) -> dict[str, str]:
    """Let Bob join, and send him an issue; gives the links of his mail."""
    join(served, "bob@example.com")
    confirm = path_in(Mail(folder).to("bob@example.com")[0], "confirm")
    assert requests.post(served.url + confirm, timeout=60).status_code == 200
    command(folder, "send", "hello", "--yes")
    (file,) = [each for each in folder.glob("outbox/1-hello/*.eml") if b"bob@example.com" in each.read_bytes()]
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    body = message.get_body(("html",))
    assert body
    html = str(body.get_content())
    paths = {kind: re.findall(rf"https://news\.example\.com(/{kind}/[\w.-]+)", html) for kind in ("c", "o")}
    token = str(message["list-unsubscribe"]).strip("<>").rpartition("/")[2]
    return {
        "confirm": confirm,
        "unsubscribe": f"/unsubscribe/{token}",
        "preferences": f"/preferences/{token}",
        "click": paths["c"][0],
        "open": paths["o"][0],
    }


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    tmp_path = tmp_path_factory.mktemp("restored")
    folder = make_publication(tmp_path / "news", OPEN)
    (folder / "issues").mkdir()
    (folder / "issues" / "2025-01-17-hello.md").write_text(ISSUE, encoding="utf-8")
    database, backup = folder / "newsletter.db", tmp_path / "backup.db"
    command(folder, "subscribers", "add", "ada@example.com")
    copy(database, backup)
    with serve(folder) as served:
        bob = links_of_bob(folder, served)
        assert served.stop() == 0
    for file in folder.glob("newsletter.db*"):
        file.unlink()
    copy(backup, database)
    command(folder, "adopt")
    with serve(folder) as served:
        join(served, "carol@example.com", name="Carol")
        confirm = path_in(Mail(folder).to("carol@example.com")[0], "confirm")
        requests.post(served.url + confirm, timeout=60)
        command(folder, "send", "hello", "--yes")
        people = People(folder)
        ada = people.token(people.find("ada@example.com").id)
        yield Restored(served, people, people.find("carol@example.com"), bob, ada)
        people.database.close()


def test_the_links_of_a_reader_who_had_the_number_before_say_nothing_of_the_next(restored: Restored) -> None:
    site, bob = restored.served.url, restored.bob

    shown = [requests.get(site + bob[each], timeout=60) for each in ("unsubscribe", "preferences", "confirm")]

    assert restored.before.id == 2
    assert [page.status_code for page in shown] == [200, 200, 410]
    assert not any("carol" in page.text.lower() for page in shown)
    assert "We have no address of yours" in shown[0].text
    assert "There is nothing to change" in shown[1].text


def test_they_change_nothing_of_the_next_and_download_nothing(restored: Restored) -> None:
    site, bob = restored.served.url, restored.bob
    own = f"/preferences/{restored.people.token(restored.before.id)}"
    token = token_of(requests.get(site + own, timeout=60).text)

    answers = [
        requests.post(site + bob["unsubscribe"], {"List-Unsubscribe": "One-Click"}, timeout=60),
        *(
            requests.post(site + bob["unsubscribe"], {"choice": choice, "list": "daily"}, timeout=60)
            for choice in ("list", "all", "pause", "return", "resume")
        ),
        *(
            requests.post(site + bob["preferences"], {"token": token, "action": action, "sure": "yes"}, timeout=60)
            for action in ("save", "resume", "download", "forget")
        ),
        requests.post(site + bob["confirm"], timeout=60),
    ]

    assert restored.carol() == restored.before
    assert not any("carol" in answer.text.lower() for answer in answers)


def test_the_links_of_those_who_were_in_the_backup_work(restored: Restored) -> None:
    page = requests.get(f"{restored.served.url}/preferences/{restored.ada}", timeout=60)
    requests.post(f"{restored.served.url}/unsubscribe/{restored.ada}", timeout=60)

    assert "ada@example.com" in page.text
    assert restored.people.find("ada@example.com").status == "unsubscribed"


def test_a_link_of_a_campaign_that_is_not_in_the_backup_leads_to_no_other_campaign_s_pages(restored: Restored) -> None:
    answer = requests.get(restored.served.url + restored.bob["click"], timeout=60, allow_redirects=False)

    assert answer.status_code == 404


def test_opens_and_clicks_by_them_are_not_counted_for_the_next(restored: Restored) -> None:
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
    for each in ("click", "open"):
        requests.get(restored.served.url + restored.bob[each], headers=browser, timeout=60, allow_redirects=False)
    restored.served.stop()  # it writes what it has seen

    with restored.people.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM event").scalar() == 0


def test_links_that_an_earlier_version_mailed_open_for_its_readers_and_for_nobody_after(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", OPEN)
    command(folder, "subscribers", "add", "old@example.com")
    command(folder, "subscribers", "add", "new@example.com")
    with closing(sqlite3.connect(folder / "newsletter.db")) as database:
        database.execute("UPDATE subscriber SET link_key = '' WHERE id = 1")  # as the migration leaves it
        database.commit()
    links = Links(People(folder).publication)

    with serve(folder) as served:
        pages = [
            requests.get(f"{served.url}/preferences/{links.token(Purpose.READER, id, 1, 'daily')}", timeout=60).text
            for id in (1, 2)
        ]

    assert ["old@example.com" in pages[0], "new@example.com" in pages[1]] == [True, False]


def test_a_confirmation_names_one_sign_up_even_when_its_number_is_given_out_again(tmp_path: Path) -> None:
    folder = make_publication(tmp_path / "news", OPEN)
    command(folder, "subscribers", "add", "ada@example.com", "--list", "weekly")
    copy(folder / "newsletter.db", tmp_path / "backup.db")
    with serve(folder) as served:
        join(served, "ada@example.com", list="daily", name="Ada")
        old = path_in(Mail(folder).to("ada@example.com")[0], "confirm")
        served.stop()
    for file in folder.glob("newsletter.db*"):
        file.unlink()
    copy(tmp_path / "backup.db", folder / "newsletter.db")
    with serve(folder) as served:
        join(served, "ada@example.com", list="daily", name="Somebody Else")
        answer = requests.post(served.url + old, timeout=60)
        people = People(folder)

    assert answer.status_code == 410
    assert people.find("ada@example.com").lists["daily"] == "pending"
    people.database.close()
