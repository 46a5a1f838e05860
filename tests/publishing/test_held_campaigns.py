"""A campaign that needs what left newsletter.toml is held with a sentence, and the others go on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.campaigns import audience, claims
from newsletter.campaigns.campaign import (
    Campaign,
    CampaignState,
    approve_issue,
    change_state,
    get_campaign,
    schedule_campaign,
)
from newsletter.campaigns.counts import delivery_counts
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.providers.base import Answer, Outcome, Result
from newsletter.publishing.scheduler import Runner
from newsletter.sending import reconcile
from newsletter.sending.sender import Sender, job_of
from newsletter.times import utc_now
from tests.publishing.test_scheduler import RecordingListener
from tests.support.sending import MESSAGE, NOW, PAGE, Quiet, add_readers, settings

SEGMENT = '[segments.engaged]\ntags_any = ["pro"]\n'
RESEND = '[providers.resend]\napi_key = "env:RESEND_KEY"\n'
LEFT = {
    "list": ('[lists.weekly]\ntitle = "Weekly"\n', 'the list "weekly" is not in newsletter.toml any more'),
    "segment": (SEGMENT, 'the segment "engaged" is not in newsletter.toml any more'),
    "provider": (RESEND, 'its provider, resend, cannot be used any more: [providers.resend] "api_key" is missing'),
}
"""For each setting, the lines that leave newsletter.toml, and the sentence."""


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    return settings(tmp_path / "news", SEGMENT + RESEND, issue=True)


def approved(publication: PublicationSettings, slug: str, needs: str = "") -> tuple[Database, Campaign]:
    """A campaign that is sending and needs a setting, with nobody enqueued yet."""
    database = open_database(publication)
    with database.begin() as connection:
        made = approve_issue(
            connection,
            message=replace(MESSAGE, slug=slug),
            page=PAGE,
            list="weekly" if needs == "list" else "daily",
            segment="engaged" if needs == "segment" else "",
            provider="resend" if needs == "provider" else "outbox",
            now=NOW,
        )
        return database, change_state(connection, made.id, "start", now=NOW)


def without(publication: PublicationSettings, name: str) -> PublicationSettings:
    path = publication.root / "newsletter.toml"
    text = path.read_text(encoding="utf-8")
    assert LEFT[name][0] in text
    path.write_text(text.replace(LEFT[name][0], ""), encoding="utf-8")
    return load_publication(path)


def read(database: Database, campaign_id: int) -> Campaign:
    with database.read() as connection:
        return get_campaign(connection, campaign_id)


@pytest.mark.parametrize("name", [*LEFT])
def test_run_holds_the_campaign_with_a_sentence_and_sends_the_others(
    publication: PublicationSettings, name: str
) -> None:
    database, held = approved(publication, "held", name)
    _, other = approved(publication, "other")
    add_readers(database, 3)
    listener = RecordingListener()

    Runner(without(publication, name), database, listener).run(once=True)

    assert (read(database, held.id).state, read(database, held.id).reason) == (CampaignState.PAUSED, LEFT[name][1])
    assert [campaign.reason for campaign in listener.begun] == [LEFT[name][1]]
    assert listener.failures == []
    assert read(database, other.id).state is CampaignState.SENT
    database.close()


@pytest.mark.parametrize("name", [*LEFT])
def test_a_scheduled_campaign_is_held_when_its_time_comes(publication: PublicationSettings, name: str) -> None:
    database, _ = approved(publication, "other")
    with database.begin() as connection:
        made = approve_issue(
            connection,
            message=MESSAGE,
            page=PAGE,
            list="weekly" if name == "list" else "daily",
            segment="engaged" if name == "segment" else "",
            provider="resend" if name == "provider" else "outbox",
            now=NOW,
        )
        schedule_campaign(connection, made.id, send_at=NOW, wall=None, now=NOW)

    Runner(without(publication, name), database, RecordingListener(), lambda: NOW).run(once=True)

    assert (read(database, made.id).state, read(database, made.id).reason) == (CampaignState.PAUSED, LEFT[name][1])
    assert read(database, 1).state is CampaignState.SENT
    database.close()


def test_when_the_setting_is_back_the_campaign_goes_on(publication: PublicationSettings) -> None:
    database, held = approved(publication, "held", "list")
    add_readers(database, 3, ["weekly"])
    before = (publication.root / "newsletter.toml").read_text(encoding="utf-8")
    Runner(without(publication, "list"), database, RecordingListener()).run(once=True)

    (publication.root / "newsletter.toml").write_text(before, encoding="utf-8")
    with database.begin() as connection:
        change_state(connection, held.id, "resume", now=utc_now())
    Runner(load_publication(publication.root / "newsletter.toml"), database, RecordingListener()).run(once=True)

    with database.read() as connection:
        assert delivery_counts(connection, held.id)["accepted"] == 3
    assert read(database, held.id).state is CampaignState.SENT
    database.close()


def test_a_segment_is_not_needed_any_more_once_everyone_is_enqueued(publication: PublicationSettings) -> None:
    database, campaign = approved(publication, "held", "segment")
    with database.begin() as connection:
        audience.enqueue(connection, publication, campaign.id, 10, now=NOW)
    later = without(publication, "segment")

    Sender(job_of(later, database, read(database, campaign.id)), Quiet()).run()

    assert read(database, campaign.id).state is CampaignState.SENT
    database.close()


def test_what_a_dead_sender_left_at_a_provider_that_is_gone_keeps_nobody_from_sending(
    publication: PublicationSettings,
) -> None:
    database, held = approved(publication, "held", "provider")
    _, other = approved(publication, "other")
    add_readers(database, 3)
    with database.begin() as connection:
        audience.enqueue(connection, publication, held.id, 10, now=utc_now())
        claim = claims.claim(connection, held.id, owner="dead", now=utc_now())
        assert claim
        claims.hand(connection, claim, provider="resend", now=utc_now())

    later = without(publication, "provider")
    Sender(job_of(later, database, other), Quiet()).run()

    assert read(database, other.id).state is CampaignState.SENT
    assert read(database, held.id).state is CampaignState.SENDING
    with database.read() as connection:
        assert delivery_counts(connection, held.id)["handed"] == 3
    with database.begin() as connection:  # its key is forgotten some day
        claims.give_up(connection, claims.claim(connection, held.id, owner="x", now=utc_now()), utc_now())  # type: ignore[arg-type]
    (finding,) = reconcile.ask(database, later, read(database, held.id), utc_now())
    assert finding.remark == 'resend cannot be asked: [providers.resend] "api_key" is missing'
    database.close()


@pytest.mark.parametrize("name", [*LEFT])
def test_send_says_what_is_missing_and_holds_the_campaign(
    publication: PublicationSettings, newsletter: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    database, held = approved(publication, "hello", name)
    add_readers(database, 3, ["daily", "weekly"])
    without(publication, name)
    database.close()

    audience = ["--list", "weekly"] if name == "list" else ["--segment", "engaged"] if name == "segment" else []
    dry = newsletter("send", "hello", *audience, "--dry-run", cwd=publication.root)
    sent = newsletter("send", "hello", *audience, "--yes", cwd=publication.root)
    again = newsletter("send", "hello", *audience, "--yes", cwd=publication.root)

    assert [result.returncode for result in (dry, sent, again)] == [2, 2, 2]
    for result in (dry, sent, again):
        assert f"newsletter: error: campaign {held.id} cannot be sent: {LEFT[name][1]}" in result.stderr
        assert "Traceback" not in result.stderr
    assert "is paused" not in dry.stderr
    assert f"go on with: newsletter resume {held.id} && newsletter send hello" in sent.stderr
    status = newsletter("status", str(held.id), cwd=publication.root)
    assert LEFT[name][1] in status.stdout + status.stderr


@pytest.mark.parametrize("name", ["list", "provider"])
def test_retry_queues_nobody_when_the_campaign_cannot_be_sent(
    publication: PublicationSettings, newsletter: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    database, campaign = approved(publication, "hello", name)
    add_readers(database, 1, ["daily", "weekly"])
    with database.begin() as connection:
        audience.enqueue(connection, publication, campaign.id, 10, now=NOW)
        claim = claims.claim(connection, campaign.id, owner="x", now=NOW)
        assert claim
        claims.hand(connection, claim, provider="outbox", now=NOW)
        refused = Result(outcome=Outcome.REJECTED, reason="no", retryable=True)
        claims.settle(connection, claim, [1], Answer(results=(refused,)), now=NOW)
        change_state(connection, campaign.id, "finish", now=NOW)
    without(publication, name)

    result = newsletter("retry", str(campaign.id), "--yes", cwd=publication.root)

    assert result.returncode == 2
    assert LEFT[name][1] in result.stderr
    assert read(database, campaign.id).state is CampaignState.SENT
    database.close()
