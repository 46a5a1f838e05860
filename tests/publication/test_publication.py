"""newsletter.Publication: what commands do, from Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter import Publication
from newsletter.campaigns.campaign import CampaignState
from newsletter.errors import ConfigError, NewsletterError
from newsletter.publication.readers import KeptOutError
from newsletter.subscribers.writes import Effect
from tests import ROOT
from tests.web.api.conftest import make_news


@pytest.fixture
def publication(each_database: str, tmp_path: Path) -> Iterator[Publication]:
    with Publication.open(make_news(tmp_path)) as opened:
        yield opened


def test_every_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("issues", "images", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "newsletter.toml", tmp_path)
    (tmp_path / "readers.csv").write_text("email,first_name\nbob@example.com,Bob\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}

    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(example, "docs/python.md", "exec"), names)

    publication = names["publication"]
    assert isinstance(publication, Publication)
    assert publication.status("sanctions-so-far").campaign.state is CampaignState.SENT
    publication.close()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, newsletter; print([name for name in ('sqlalchemy', 'msgspec', 'click') if name in sys.modules])"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_a_publication_is_opened_by_its_folder_or_its_file(tmp_path: Path) -> None:
    folder = make_news(tmp_path)

    assert Publication.open(folder).settings.path == Publication.open(folder / "newsletter.toml").settings.path
    with pytest.raises(ConfigError, match="no such file"):
        Publication.open(tmp_path / "elsewhere")


def test_building_and_checking_open_no_database(publication: Publication, tmp_path: Path) -> None:
    [built] = publication.build("chips", out=tmp_path / "out")
    problems = publication.check()

    assert (tmp_path / "out" / "chips" / "message.html").exists()
    assert built.message.slug == "chips"
    assert any("qoute" in problem.message for problem in problems)
    assert all(problem.rule.startswith("NL0") for problem in publication.check("broken", select=["NL0"]))
    assert not (publication.settings.root / "newsletter.db").exists()


def test_a_reader_is_added_found_and_removed(publication: Publication) -> None:
    added = publication.subscribers.add(
        "ada@example.com", first_name="Ada", fields={"visits": 2}, lists={"weekly": "pending"}
    )
    again = publication.subscribers.add("ada@example.com", tags=["vip"], lists={"weekly": "pending"})

    assert (added.effect, again.effect) == (Effect.ADDED, Effect.UPDATED)
    reader = publication.subscribers.find("ADA@example.com")
    assert reader is not None
    assert (reader.fields, reader.tags, reader.lists) == (
        {"first_name": "Ada", "visits": 2},
        ("vip",),
        {"weekly": "pending"},
    )
    assert reader.consent[0].source == "python"
    assert [one.email for one in publication.subscribers.all(tag="vip")] == ["ada@example.com"]
    publication.subscribers.remove("ada@example.com")
    assert publication.subscribers.find("ada@example.com") is None
    with pytest.raises(NewsletterError, match="no reader has the address"):
        publication.subscribers.remove("ada@example.com")


def test_who_left_stays_out_unless_they_asked(publication: Publication) -> None:
    publication.subscribers.add("bob@example.com", lists={"daily": "unsubscribed"})

    with pytest.raises(KeptOutError, match="has left"):
        publication.subscribers.add("bob@example.com")

    assert publication.subscribers.add("bob@example.com", resubscribe=True).subscriber.status == "active"


def test_a_mistyped_argument_is_an_error_and_not_a_field(publication: Publication) -> None:
    with pytest.raises(TypeError, match="fist_name"):
        publication.subscribers.add("ada@example.com", fist_name="Ada")


@pytest.mark.sqlite
def test_an_issue_is_sent_to_everybody_once(publication: Publication) -> None:
    publication.subscribers.add("ada@example.com")

    first, again = publication.send("chips", rate="50/s"), publication.send("chips")

    assert (first.campaign.state, first.deliveries["accepted"]) == (CampaignState.SENT, 1)
    assert again.deliveries == first.deliveries
    assert len(list(publication.settings.root.glob("outbox/**/*.eml"))) == 1
    assert publication.stats("chips")["audience"] == 1


def test_an_issue_with_an_error_and_one_without_readers_are_refused(publication: Publication) -> None:
    with pytest.raises(NewsletterError, match="qoute"):
        publication.send("broken")
    with pytest.raises(NewsletterError, match="nobody to send it to"):
        publication.send("chips")
    with pytest.raises(ConfigError, match="does not say when"):
        publication.schedule("chips")

    assert publication.campaigns() == []


def test_a_campaign_is_scheduled_paused_resumed_and_cancelled(publication: Publication) -> None:
    publication.subscribers.add("ada@example.com")

    scheduled = publication.schedule("chips", "2099-01-18 07:00")

    assert (scheduled.state, scheduled.send_at) == (CampaignState.SCHEDULED, "2099-01-18T12:00:00.000Z")
    assert publication.pause("chips").state is CampaignState.PAUSED
    assert publication.resume(scheduled.id).state is CampaignState.SCHEDULED
    assert publication.cancel("chips").state is CampaignState.CANCELLED
    assert publication.campaign("chips").id == scheduled.id
