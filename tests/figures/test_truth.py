"""Every figure is the right one, and the terminal, JSON, CSV, the pages and the editors' email say the same.

`make soak` makes 50,000 readers, 30 campaigns and half a million events.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.figures.campaigns import campaign_details
from newsletter.publishing.report_emails import compile_report
from tests.conftest import Run
from tests.support.figures_truth import LINKS, FiguresTruth
from tests.support.html_tables import cells
from tests.support.sending import settings
from tests.web.preview.preview_server import running

pytestmark = pytest.mark.usefixtures("each_database")
READERS, CAMPAIGNS = (50_000, 30) if os.environ.get("NEWSLETTER_SOAK") else (400, 4)
FIGURES = ("accepted", "delivered", "deferred", "bounced", "complained", "unsubscribed", "opened", "clicked")
MORE = ("audience", "opens", "clicks", "machine_opens", "machine_clicks")
DAYS = ("--days", "3660")
"""The history lies some years back."""


@pytest.fixture(scope="module")
def folder(each_database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(f"truth-{each_database}")
    settings(folder, '[tracking]\nlevel = "individual"\n')
    return folder


@pytest.fixture(scope="module")
def publication(folder: Path) -> PublicationSettings:
    return load_publication(folder / "newsletter.toml")


@pytest.fixture(scope="module")
def truth(publication: PublicationSettings) -> FiguresTruth:
    database = open_database(publication)
    truth = FiguresTruth(database, random.Random(1))
    truth.make(READERS, CAMPAIGNS)
    database.close()
    return truth


@pytest.fixture
def stats(truth: FiguresTruth, folder: Path, newsletter: Run) -> Run:
    """`newsletter stats ...` in the folder with the history."""
    assert truth.campaigns
    return lambda *words: newsletter("stats", *words, cwd=folder)


def test_the_readers_and_how_their_number_grew(truth: FiguresTruth, stats: Run) -> None:
    printed = json.loads(stats("--json", *DAYS).stdout)

    readers = printed["readers"]
    for standing in ("active", "pending", "unsubscribed", "suppressed"):
        assert readers[standing] == truth.number(standing), standing
    assert readers["suppressions"] == dict(truth.reasons)
    assert {day["day"]: day["joined"] for day in printed["growth"] if day["joined"]} == dict(+truth.joined)
    assert {day["day"]: day["left"] for day in printed["growth"] if day["left"]} == dict(+truth.left)
    active = 0
    for day in printed["growth"]:
        active += day["joined"] - day["left"]
        assert day["active"] == active


def test_each_campaign(truth: FiguresTruth, stats: Run) -> None:
    printed = json.loads(stats("--json", *DAYS).stdout)

    rows = {row["campaign"]: row for row in printed["campaigns"]}
    assert [*rows] == sorted(truth.campaigns, reverse=True)
    for id, numbers in truth.campaigns.items():
        assert {name: rows[id][name] for name in (*FIGURES, *MORE)} == {
            name: numbers[name] for name in (*FIGURES, *MORE)
        }


def test_links_hours_bounces_and_mailbox_providers(truth: FiguresTruth, stats: Run) -> None:
    for id, numbers in truth.campaigns.items():
        printed = json.loads(stats(str(id), "--json").stdout)

        links = [(link["url"], link["clicks"], link["readers"], link["machine_clicks"]) for link in printed["links"]]
        mine = truth.links[id]
        expected = [(mine[n]["clicks"], mine[n]["readers"], mine[n]["machine_clicks"]) for n in range(len(LINKS))]
        assert links == [(url, *figures) for url, figures in zip(LINKS, expected, strict=True)]
        hours = {
            hour["hour"]: {name: hour[name] for name in ("delivered", "opened", "clicked")} for hour in printed["hours"]
        }
        assert {hour: Counter(figures) for hour, figures in hours.items() if any(figures.values())} == truth.hours[id]
        assert printed["bounces"] == {kind: numbers[kind] for kind in printed["bounces"]}
        assert sum(printed["bounces"].values()) == numbers["bounced"]
        names = ("accepted", "delivered", "bounced", "complained")
        domains = {row["domain"]: {name: row[name] for name in names} for row in printed["domains"]}
        assert domains == {
            domain: {name: figures[name] for name in names} for domain, figures in truth.domains[id].items()
        }


def test_the_csv_has_every_number_of_the_json(stats: Run) -> None:
    for words in (DAYS, ("1",)):
        printed = json.loads(stats(*words, "--json").stdout)
        rows = [*csv.DictReader(io.StringIO(stats(*words, "--csv").stdout))]

        numbers = Counter((row["figure"], int(row["number"])) for row in rows)
        assert not Counter(_numbers(printed)) - numbers


def _numbers(value: Any) -> list[tuple[str, int]]:
    """Return every figure of the JSON that is a count: name and number."""
    if isinstance(value, list):
        return [pair for each in value for pair in _numbers(each)]
    pairs = []
    for name, each in value.items():
        if isinstance(each, list):
            pairs += _numbers(each)
        elif isinstance(each, int) and name not in ("campaign", "number", "hour"):
            pairs.append((name, each))
    return pairs


def test_the_terminal_says_the_same_in_80_columns(truth: FiguresTruth, stats: Run) -> None:
    overview = stats(*DAYS).stdout
    lines = overview.splitlines()

    assert max(map(len, lines)) <= 80
    assert "\x1b" not in overview
    for standing in ("active", "pending", "unsubscribed", "suppressed"):
        assert re.search(rf"^{standing} +{truth.number(standing):,}\b", overview, re.MULTILINE)
    for id, numbers in sorted(truth.campaigns.items())[-20:]:  # the terminal shows the newest
        shown = ("accepted", "delivered", "clicked", "unsubscribed", "complained", "bounced")
        row = " +".join(f"{numbers[name]:,}" for name in shown)
        assert re.search(rf"^ *{id} issue-{id - 1} +0[12]-\d\d +{row} *$", overview, re.MULTILINE)


def test_the_terminal_says_the_same_of_one_campaign(truth: FiguresTruth, stats: Run) -> None:
    numbers = truth.campaigns[1]
    shown = stats("1").stdout

    assert max(map(len, shown.splitlines())) <= 80
    for name in ("audience", *FIGURES):
        assert re.search(rf"^{name} +{numbers[name]:,}\b", shown, re.MULTILINE), name
    for number, url in enumerate(LINKS):
        mine = truth.links[1][number]
        assert re.search(rf"^{re.escape(url)} +{mine['clicks']:,} +{mine['readers']:,}\b", shown, re.MULTILINE)


def test_the_editors_email_says_the_same(truth: FiguresTruth, publication: PublicationSettings) -> None:
    database = open_database(publication)
    with database.read() as connection:
        message = compile_report(publication, campaign_details(connection, publication, 1))
    database.close()

    numbers = truth.campaigns[1]
    names = ("audience", "accepted", "delivered", "clicked", "unsubscribed", "complained", "bounced", "opened")
    said = [
        int(line.replace(",", "")) for line in re.findall(r"^[^:\n]+: ([\d,]+)(?: \(|$)", message.text, re.MULTILINE)
    ]
    assert said[: len(names)] == [numbers[name] for name in names]
    for number, url in enumerate(LINKS):
        assert f"{truth.links[1][number]['clicks']:,}  {url}" in message.text


def test_the_pages_say_the_same(truth: FiguresTruth, folder: Path) -> None:
    with running(folder) as preview:
        overview = preview.get("/results?days=3660&campaigns=200").text
        of_issue = preview.get("/issues/issue-0/results?campaign=1").text

    for standing in ("active", "pending", "unsubscribed", "suppressed"):
        assert cells(overview, standing.capitalize())[0] == f"{truth.number(standing):,}"
    for id, numbers in truth.campaigns.items():
        shown = [
            cell.split()[0] for cell in cells(overview, f'<a href="/issues/issue-{id - 1}/results?campaign={id}">')[1:]
        ]
        names = ("accepted", "delivered", "clicked", "unsubscribed", "complained")
        assert shown == [f"{numbers[name]:,}" for name in names]
    numbers = truth.campaigns[1]
    steps = {"Audience": "audience", "Accepted": "accepted", "Delivered": "delivered", "Clicked": "clicked"}
    for step, name in steps.items():
        assert cells(of_issue, step)[0] == f"{numbers[name]:,}"
    links = re.findall(r'data-link="(\d+)" data-clicks="(\d+)"', of_issue)
    assert [int(clicks) for _, clicks in links] == [truth.links[1][n]["clicks"] for n in range(len(LINKS))]
