"""A provider of each kind, and a campaign through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.case import ENVIRONMENT, Case
from tests.support.api_servers import Brevo, SparkPost
from tests.support.provider_server import SERVERS, ProviderServer, Resend
from tests.support.ses_server import Ses

KINDS: dict[str, type[ProviderServer]] = {**SERVERS, **{kind.dialect: kind for kind in (Brevo, Ses, SparkPost)}}
"""Those with keys, of both sorts; those with a search; and one with neither."""


@pytest.fixture(params=[*KINDS])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with KINDS[request.param]() as found:
        yield found


@pytest.fixture
def case(server: ProviderServer, tmp_path: Path) -> Iterator[Case]:
    found = Case(tmp_path, server.toml, server.dialect)
    yield found
    found.database.close()


@pytest.fixture
def resend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Case, Resend]]:
    monkeypatch.setenv("PROVIDER_KEY", ENVIRONMENT["PROVIDER_KEY"])
    with Resend() as server:
        case = Case(tmp_path, server.toml, "resend")
        yield case, server
        case.database.close()
