"""Fixtures of the tests of pages: a browser and the readers' database, opened once for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.programs import chromium
from tests.web.public.leaving import People
from tests.web.public.serving import Served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def people(served: Served) -> Iterator[People]:
    """Give the readers of the publication that the test file's own `served` serves."""
    people = People(served.folder)
    yield people
    people.database.close()
