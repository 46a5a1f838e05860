"""The files in deploy/ are true: units that systemd takes, an image that installs, and metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from newsletter.cli.main import COMMANDS, load_command
from newsletter.distributed.batch_sender import Tally
from newsletter.distributed.metrics import MetricsServer
from newsletter.web.public.routes.subscribe import TRAP
from tests import ROOT
from tests.support.deployment import DEPLOY, PROGRAM, UNITS, compose, parts_of_compose, parts_of_units, unit
from tests.support.programs import program
from tests.web.public.serving import make_publication, serve

MONITORING = DEPLOY / "monitoring"
SERVICES = sorted(UNITS.glob("*.service"))
SAID = (
    "the tables were brought up to date by a newer newsletter (schema ",
    "Upgrade newsletter here, then start this again.",
    "made by a newer newsletter (schema ",
    "this database is a copy: it was sending from another place",
    "this database is older than what was sent from here",
    "The last run ended in the middle of a batch of campaign ",
    "deliveries the same calls are made again, under their keys",
    "This runner leads.",
    "Nothing was sent in the last minute.",
    "Is the server running, and reached from here? What was committed is kept: run this again.",
    "the database does not answer: a call's outcome is kept, and written when it is back",
    "the disk is full",
    "the database's disk is full: ",
    "Let it go on with: newsletter resume ",
    " never will",
)
"""Words of the program in docs/operation.md."""
OWN_METRIC = re.compile(r"\bnewsletter_\w+")


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    return loaded


def queries() -> Iterator[tuple[str, str]]:
    """Yield where each query of Prometheus stands, and the query."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield f"the panel {panel['title']}", target["expr"]
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield f"the alert {rule['alert']}", rule["expr"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what a server of readers' pages and a worker export, after readers used them."""
    tally = Tally(batches=3)
    tally.messages["accepted"] = 1500
    with MetricsServer("127.0.0.1", 0, tally, lambda: True) as worker:
        of_worker = requests.get(f"{worker.address}/metrics", timeout=60).text
    with serve(make_publication(tmp_path_factory.mktemp("metrics") / "news")) as running:
        requests.post(f"{running.url}/subscribe", data={"email": "ada@example.com"}, timeout=60)
        requests.post(f"{running.url}/subscribe", data={"email": "ada@example.com", TRAP: "x"}, timeout=60)
        requests.get(f"{running.url}/unsubscribe/ada@example.com", timeout=60)
        requests.get(f"{running.url}/ada@example.com?email=ada@example.com", timeout=60)
        of_server = requests.get(f"{running.url}/metrics", timeout=60).text
    return f"{of_worker}{of_server}"


@pytest.fixture(scope="module")
def names(exported: str) -> set[str]:
    """Return the names of all series, a histogram's three among them."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", exported, re.MULTILINE))
    parts = {
        f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in ("bucket", "sum", "count")
    }
    return parts | {name for name, kind in kinds.items() if kind != "histogram"}


def test_every_metric_of_the_dashboard_and_of_the_alerts_is_exported(names: set[str]) -> None:
    wrong = [
        f"{where}: {name}" for where, query in queries() for name in OWN_METRIC.findall(query) if name not in names
    ]

    assert wrong == []


def test_everything_that_is_exported_is_on_the_dashboard(names: set[str]) -> None:
    shown = {name for _, query in queries() for name in OWN_METRIC.findall(query)}

    assert names <= shown


def test_no_metric_names_a_reader(exported: str) -> None:
    assert "newsletter_http_requests_total{" in exported
    assert "@" not in exported
    assert "ada" not in exported


def test_labels_that_the_queries_group_by_are_exported(exported: str) -> None:
    labels = {*re.findall(r'[{,](\w+)="', exported), "instance", "job"}  # the last two are Prometheus' own

    used = {
        name.strip() for _, query in queries() for by in re.findall(r"by \(([^)]+)\)", query) for name in by.split(",")
    }

    assert used <= labels


def test_panels_of_the_dashboard_do_not_overlap_and_each_has_a_source() -> None:
    board = dashboard()
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${source}"}
    assert [variable["name"] for variable in board["templating"]["list"]] == ["source"]


def test_units_and_compose_start_commands_that_exist() -> None:
    one_machine = unit(UNITS / "newsletter.service")["Service"]["ExecStart"].removeprefix(PROGRAM).split()
    for words in (one_machine, *parts_of_units().values(), *parts_of_compose().values()):
        assert words[0] in COMMANDS
        known = {option for parameter in load_command(words[0]).params for option in parameter.opts}
        assert {option for option in words if option.startswith("--")} <= known


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_unit_is_restarted_for_ever_and_has_time_to_drain(path: Path) -> None:
    service = unit(path)["Service"]

    assert unit(path)["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["Restart"] == "always"
    assert int(service["TimeoutStopSec"]) > 10
    assert service["ReadWritePaths"] == service["WorkingDirectory"] == "/srv/newsletter"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    verify = program("systemd-analyze")
    copies = []
    for path in SERVICES:
        copy = tmp_path / path.name.replace("@", "@1" if "@." in path.name else "@")
        copy.write_text(path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
        copies.append(copy)

    done = subprocess.run([verify, "verify", *copies], capture_output=True, text=True)

    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line or "newsletter" in line]
    assert done.returncode == 0, done.stderr


def test_the_container_file_copies_all_that_the_wheel_is_built_from(tmp_path: Path) -> None:
    """Build the wheel from what the container file copies, and from nothing else."""
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                _copy(ROOT / source, tmp_path / target.removeprefix("/"))

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--wheel-dir", tmp_path, tmp_path / "src"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("newsletter-*.whl"))


def _copy(source: Path, target: Path) -> None:
    """Copy as COPY does: the contents of a folder, or a file into a folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_the_compose_file_waits_for_the_tables_and_keeps_the_database() -> None:
    services = compose()["services"]

    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("run", "worker", "web"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > 10
    assert services["database"]["volumes"] == ["database:/var/lib/postgresql/data"]
    assert "database" in compose()["volumes"]


def test_the_documentation_names_every_metric_and_every_file(names: set[str]) -> None:
    page = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    files = [path.name for path in DEPLOY.rglob("*") if path.is_file()]

    assert [name for name in sorted(families) if f"`{name}`" not in page] == []
    assert [name for name in files if name not in page] == []


@pytest.mark.parametrize("words", SAID)
def test_what_the_documentation_lets_the_program_say_is_in_the_program(words: str) -> None:
    page = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "newsletter").rglob("*.py"))

    assert words in page
    assert any(words in source for source in sources)
