"""`newsletter push`: an issue is handed over once, is sent as it was approved, and no runner holds a reader."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from newsletter.campaigns import approvals, schedule
from newsletter.campaigns.campaign import (
    CampaignState,
    frozen_message,
    get_campaign,
)
from newsletter.config import load_publication
from newsletter.database.program_tables import push, pushed_picture
from newsletter.database.tables import campaign, subscription
from newsletter.errors import ConfigError, NewsletterError
from newsletter.remote.bundle import bundle
from newsletter.remote.client import remote_server
from newsletter.rendering.build import build_issue
from newsletter.times import utc_now
from newsletter.web.public.pushed_pictures import PushedPictures
from tests.remote.repository import SERVING, Checkout, png
from tests.support.programs import program
from tests.support.sending import add_readers
from tests.web.api.serving import ServedApi, serve_api


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServedApi]:
    """A server with ten readers; a test may add to its newsletter.toml by `@pytest.mark.parametrize("server", ...)`."""
    folder = tmp_path / "server"
    (folder / "issues").mkdir(parents=True)
    (folder / "newsletter.toml").write_text(SERVING + getattr(request, "param", ""), encoding="utf-8")
    with serve_api(folder) as served:
        add_readers(served.database, 10)
        yield served


@pytest.fixture
def checkout(server: ServedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setenv("NEWSLETTER_KEY", server.make_key("ci", "publish"))
    checkout = Checkout.make(tmp_path / "repository", server)
    checkout.write()
    return checkout


def count_of(server: ServedApi, table: object) -> int:
    with server.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


def test_a_push_is_the_campaign_of_the_text_as_it_was_built(server: ServedApi, checkout: Checkout) -> None:
    answer = checkout.push()

    built = build_issue(load_publication(checkout.folder / "newsletter.toml"), checkout.write())
    assert answer["digest"] == built.message.digest
    assert (answer["state"], answer["audience"], answer["sentence"]) == ("draft", 10, "a draft, for 10 readers")
    with server.database.read() as connection:
        assert frozen_message(connection, answer["campaign"]) == built.message
    assert not (checkout.folder / "newsletter.db").exists()


def test_an_audience_of_one_is_one_reader(server: ServedApi, checkout: Checkout) -> None:
    with server.database.begin() as connection:
        connection.execute(delete(subscription).where(subscription.c.subscriber_id > 1))

    assert checkout.push()["sentence"] == "a draft, for 1 reader"


def test_the_same_text_is_the_same_campaign_whoever_pushes_it(
    server: ServedApi, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = checkout.push()
    monkeypatch.setenv("NEWSLETTER_KEY", server.make_key("laptop", "publish"))
    second = checkout.push()

    assert first == second
    assert count_of(server, campaign) == 1
    assert count_of(server, push) == 2  # who handed it over is on record


def test_another_text_replaces_that_of_a_draft_and_drops_its_approvals(server: ServedApi, checkout: Checkout) -> None:
    old = checkout.push()
    with server.database.begin() as connection:
        approvals.approve(connection, get_campaign(connection, old["campaign"]), "ada", utc_now())
    assert checkout.push()["approvals"] == ["ada"]
    checkout.write(words="Something else.")
    new = checkout.push()

    assert new["campaign"] == old["campaign"]
    assert new["digest"] != old["digest"]
    assert new["approvals"] == []


def test_another_text_of_an_issue_that_is_sent_is_refused_with_what_differs(
    server: ServedApi, checkout: Checkout
) -> None:
    sent = checkout.push("--send")
    assert (sent["state"], sent["sentence"]) == ("sending", "being sent: 0 of 10")
    checkout.write(words="A mistake is mended.")

    with pytest.raises(NewsletterError, match="is being sent as campaign 1 with another text") as refused:
        checkout.push("--send")

    assert "+Hello there. A mistake is mended." in str(refused.value).replace(
        '{{ first_name | default("there") }}', "there"
    )
    checkout.write()
    assert checkout.push("--send")["digest"] == sent["digest"]  # the same text, however often


def test_what_follows_is_said_by_the_option(server: ServedApi, checkout: Checkout) -> None:
    checkout.write(more="send_at: 2099-01-17 07:00\n")

    assert checkout.push("--schedule")["sentence"] == "scheduled for 2099-01-17 07:00 EST, for 10 readers"
    assert checkout.push("--draft")["state"] == "scheduled"  # a draft takes nothing back
    assert checkout.push("--send")["state"] == "sending"


def test_an_issue_without_a_time_is_not_scheduled(checkout: Checkout) -> None:
    with pytest.raises(NewsletterError, match="does not say when it is sent"):
        checkout.push("--schedule")


@pytest.mark.parametrize("server", ['[schedule]\ndaily = "07:00"\n'], indirect=True)
def test_the_daily_time_of_the_server_counts_where_the_issue_names_none(server: ServedApi, checkout: Checkout) -> None:
    checkout.write(slug="later", more="date: 2099-01-17\n")
    assert "scheduled for 2099-01-17 07:00 EST" in checkout.push("--schedule", issue="later")["sentence"]


def test_a_dry_run_checks_everything_and_changes_nothing(server: ServedApi, checkout: Checkout) -> None:
    answer = checkout.push("--send", "--dry-run")

    assert (answer["campaign"], answer["state"]) == (None, "sending")
    assert [count_of(server, table) for table in (campaign, push, pushed_picture)] == [0, 0, 0]


def test_pictures_are_kept_by_their_hash_and_served(server: ServedApi, checkout: Checkout) -> None:
    checkout.push("--send")
    pictures = PushedPictures(server.database)
    image = asyncio.run(pictures.find("a.png"))

    assert image is not None
    assert (image.body, image.media_type) == (png(200), "image/png")
    assert asyncio.run(pictures.find("b.png")) is None


def test_a_picture_of_a_sent_issue_is_never_replaced(server: ServedApi, checkout: Checkout) -> None:
    checkout.push("--send")
    (checkout.folder / "images" / "a.png").write_bytes(png(10))
    checkout.write(slug="other", subject="Other")

    with pytest.raises(
        NewsletterError, match=r"images/a\.png is another picture than the one that chips was sent with"
    ):
        checkout.push(issue="other")

    assert count_of(server, campaign) == 1


def test_what_the_server_does_not_know_is_refused_there(server: ServedApi, checkout: Checkout) -> None:
    toml = checkout.folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '[lists.monthly]\ntitle = "Monthly"\n', encoding="utf-8")
    checkout.write(more="list: monthly\n")

    with pytest.raises(NewsletterError, match='there is no list "monthly"'):
        checkout.push()

    assert count_of(server, campaign) == 0


def test_an_issue_with_errors_is_refused_before_anything_is_handed_over(server: ServedApi, checkout: Checkout) -> None:
    checkout.write(words="A [link](http://insecure.example.org/x?a=1 b) [](https://example.com).")
    with pytest.raises(NewsletterError):
        checkout.push()
    assert count_of(server, push) == 0


def test_a_digest_that_is_not_the_messages_is_refused(server: ServedApi, checkout: Checkout) -> None:

    publication = load_publication(checkout.folder / "newsletter.toml")
    built = build_issue(publication, checkout.write())
    forged = bundle(publication, built, mode="send", allow=[], dry_run=False)
    forged.digest = "0" * 64
    with pytest.raises(NewsletterError, match="the message's digest is"):
        remote_server(publication).post("/pushes", forged)
    assert count_of(server, campaign) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prefix": "("}, "no token begins with '('"),
        ({"prefix": "(x+x+)+y"}, "no token begins with"),
        ({"html": "<p>NLM99999xNL</p>"}, "NLM99999xNL has no merge tag"),
        ({"text": "NLM00000xNL words", "tags": ("{% endif %}",)}, "a merge tag has no `if` before it"),
        ({"subject": "NLM00000xNL words", "tags": ("{% if plan %}",)}, "an `if` has no `endif`"),
        ({"text": "NLM00000xNL", "tags": ("{{ first_name | }}",)}, "cannot be filled in"),
        ({"html": "NLM00000xNL", "tags": ("{% for x in y %}",)}, "a merge tag has no `if` before it"),
    ],
    ids=["pattern", "slow pattern", "no tag", "no if", "no endif", "no expression", "loop"],
)
def test_a_message_that_no_build_makes_is_refused(
    server: ServedApi, checkout: Checkout, changes: dict[str, Any], words: str
) -> None:
    publication = load_publication(checkout.folder / "newsletter.toml")
    pushed = bundle(publication, build_issue(publication, checkout.write()), mode="send", allow=[], dry_run=False)
    pushed.message = replace(pushed.message, **{"subject": "Hello", "html": "", "text": "", **changes})
    with pytest.raises(NewsletterError, match=re.escape(words)):
        remote_server(publication).post("/pushes", pushed)
    assert count_of(server, campaign) == 0


@pytest.mark.parametrize("path", ["../evil.png", "/etc/evil.png", "images/../../x.png", ".newsletter/secret.png"])
def test_no_file_of_a_push_is_written_outside_its_folder(server: ServedApi, checkout: Checkout, path: str) -> None:

    publication = load_publication(checkout.folder / "newsletter.toml")
    pushed = bundle(publication, build_issue(publication, checkout.write()), mode="draft", allow=[], dry_run=False)
    pushed.pictures[0].path = path
    with pytest.raises(NewsletterError, match="not a path inside the publication"):
        remote_server(publication).post("/pushes", pushed)


def test_a_key_for_something_else_hands_nothing_over(
    server: ServedApi, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_KEY", server.make_key("shop", "read,subscribers,campaigns"))
    with pytest.raises(ConfigError, match="the key is refused"):
        checkout.push()
    monkeypatch.setenv("NEWSLETTER_KEY", "nlk_wrong")
    with pytest.raises(ConfigError, match="the key is refused"):
        checkout.push()
    assert count_of(server, push) == 0


def test_an_older_commit_that_runs_again_replaces_nothing(server: ServedApi, checkout: Checkout) -> None:
    commit(checkout, "One", "2025-01-16T10:00:00+00:00")
    checkout.push()
    checkout.write(words="The newer text.")
    commit(checkout, "Two", "2025-01-16T11:00:00+00:00")
    newer = checkout.push()
    git(checkout, "checkout", "--quiet", "HEAD~1")

    with pytest.raises(NewsletterError, match="is here from a newer commit"):
        checkout.push("--send")

    with server.database.read() as connection:
        assert get_campaign(connection, newer["campaign"]).digest == newer["digest"]


def git(checkout: Checkout, *words: str, **variables: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    command = [program("git"), *identity, *words]
    subprocess.run(command, cwd=checkout.folder, env={**os.environ, **variables}, check=True, capture_output=True)


def commit(checkout: Checkout, subject: str, at: str) -> None:
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", subject, GIT_COMMITTER_DATE=at, GIT_AUTHOR_DATE=at)


APPROVED = "[publish]\napprovals = 1\n"


@pytest.mark.parametrize("server", [APPROVED], indirect=True)
def test_what_nobody_else_approved_is_held_until_somebody_does(
    server: ServedApi, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = checkout.push("--send")
    assert answer["state"] == "scheduled"
    assert answer["sentence"].endswith("held: it needs 1 approval; newsletter approve chips")
    with server.database.begin() as connection:
        (begun,) = schedule.begin_due(connection, server.publication, utc_now() + timedelta(seconds=1))
    assert (begun.state, begun.reason) == (CampaignState.PAUSED, "held: it needs 1 approval; newsletter approve chips")
    assert checkout.push("--send")["state"] == "scheduled"  # a re-run asks again, and is held again

    own = checkout.run("approve", "chips", "--remote")
    assert "handed this text over and cannot approve it" in str(own.exception)
    monkeypatch.setenv("NEWSLETTER_KEY", server.make_key("grace", "publish"))
    assert "scheduled for" in checkout.run("approve", "chips", "--remote").stdout
    with server.database.begin() as connection:
        (begun,) = schedule.begin_due(connection, server.publication, utc_now() + timedelta(seconds=1))
    assert begun.state is CampaignState.SENDING


@pytest.mark.parametrize("server", [APPROVED], indirect=True)
def test_an_approval_is_for_one_text(server: ServedApi, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    ci, grace = os.environ["NEWSLETTER_KEY"], server.make_key("grace", "publish")
    old = checkout.push()
    checkout.write(words="Another text.")
    checkout.push()
    monkeypatch.setenv("NEWSLETTER_KEY", grace)
    stale = checkout.run("approve", "chips", "--remote", "--digest", old["digest"])
    assert "the text that waits is" in str(stale.exception)
    assert checkout.run("approve", "chips", "--remote").exit_code == 0
    monkeypatch.setenv("NEWSLETTER_KEY", ci)
    assert checkout.push("--send")["state"] == "sending"


@pytest.mark.parametrize("server", ['[publish]\nmin_notice = "30m"\n'], indirect=True)
def test_notice_is_given_before_the_first_message_leaves(server: ServedApi, checkout: Checkout) -> None:
    assert checkout.push("--send")["state"] == "scheduled"
    with server.database.begin() as connection:
        assert schedule.begin_due(connection, server.publication, utc_now() + timedelta(minutes=29)) == []
        (begun,) = schedule.begin_due(connection, server.publication, utc_now() + timedelta(minutes=31))
    assert begun.state is CampaignState.SENDING


@pytest.mark.parametrize("server", [APPROVED], indirect=True)
def test_a_person_at_the_server_approves_and_sends_like_everybody(server: ServedApi, checkout: Checkout) -> None:
    checkout.push()
    at_server = Checkout(folder=server.publication.root)

    refused = at_server.run("send", "chips", "--yes")
    assert "held: it needs 1 approval" in str(refused.exception)
    with server.database.read() as connection:
        assert get_campaign(connection, 1).state is CampaignState.DRAFT
    assert at_server.run("approve", "chips").exit_code == 0
    sent = at_server.run("send", "chips", "--yes")
    assert sent.exit_code == 0, sent.output
    assert len(list((at_server.folder / "outbox").rglob("*.eml"))) == 10


def test_the_state_is_asked_and_changed_from_the_repository(server: ServedApi, checkout: Checkout) -> None:
    checkout.push("--send")
    assert checkout.run("pause", "chips", "--remote").exit_code == 0
    assert "paused: api:ci asked for it" in checkout.run("status", "chips", "--remote").stdout
    assert checkout.run("resume", "chips", "--remote").exit_code == 0
    assert "delivered  not reported" in checkout.run("stats", "chips", "--remote").stdout
    assert "being sent: 0 of 10" in checkout.run("status", "chips", "--remote").stdout
    assert "cancelled" in checkout.run("cancel", "chips", "--remote").stdout
    assert "no issue of this slug" in str(checkout.run("status", "nothing", "--remote").exception)
