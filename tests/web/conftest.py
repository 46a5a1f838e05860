"""What the tests of pages share: one browser and one look at the readers for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web.preview.preview_server import chromium
from tests.web.public.leaving import People
from tests.web.public.serving import Served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def people(served: Served) -> Iterator[People]:
    """The readers of the file's own `served`."""
    found = People(served.folder)
    yield found
    found.database.close()
