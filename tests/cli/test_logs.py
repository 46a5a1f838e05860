"""Log lines go to standard error, at the level asked for, with tracebacks and without addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.cli.logs import LEVELS, start_logging
from newsletter.errors import ConfigError
from tests.conftest import Run

logger = logging.getLogger("newsletter.tests")


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("newsletter", "uvicorn")]
    before = [(log.handlers, log.level, log.propagate) for log in loggers]
    yield
    for log, (handlers, level, propagate) in zip(loggers, before, strict=True):
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


def test_a_warning_is_logged_and_information_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=False)
    logger.info("batch 1 is settled")
    logger.warning("batch 2 waits")
    start_logging(verbose=True)
    logger.info("batch 3 is settled")

    lines = capsys.readouterr().err.splitlines()
    assert [line.split("newsletter.tests: ")[1] for line in lines] == ["batch 2 waits", "batch 3 is settled"]


@pytest.mark.parametrize("name", LEVELS)
def test_the_level_comes_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEWSLETTER_LOG", name.upper())
    start_logging(verbose=True)
    for level in LEVELS.values():
        logger.log(level, "said")

    assert len(capsys.readouterr().err.splitlines()) == sum(level >= LEVELS[name] for level in LEVELS.values())


def test_an_unknown_level_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_LOG", "warn")
    with pytest.raises(ConfigError, match='NEWSLETTER_LOG = "warn" is not a level') as caught:
        start_logging(verbose=False)

    assert "warning" in caught.value.hint


def test_a_traceback_is_logged_and_no_address_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(verbose=False)
    try:
        raise ValueError("[parameters: ('ada.lovelace+news@mail.example.com', 1)] to:<bob@example.org>")
    except ValueError:
        logger.exception("a write failed for %s", "cyd@example.net")

    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "@" not in said
    assert "to:<<address>>" in said


def test_verbose_and_quiet_commands_print_the_same_data(newsletter: Run, publication_folder: Path) -> None:
    quiet = newsletter("campaigns", "--json", cwd=publication_folder)
    verbose = newsletter("--verbose", "campaigns", "--json", cwd=publication_folder)

    assert (verbose.returncode, verbose.stdout) == (0, quiet.stdout)
