"""Readers of a publication with two lists and four fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import Database, open_database
from newsletter.subscribers.rate_limits import SignupLimits
from newsletter.subscribers.signups import Signups
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def readers(publication_folder: Path) -> Iterator[Readers]:
    readers = Readers.of(publication_folder)
    yield readers
    readers.database.close()


@pytest.fixture
def publication(publication_folder: Path) -> PublicationSettings:
    return load_publication(publication_folder / "newsletter.toml")


@pytest.fixture
def db(publication: PublicationSettings) -> Iterator[Database]:
    database = open_database(publication)
    yield database
    database.close()


@pytest.fixture
def signups(publication: PublicationSettings) -> Signups:
    return Signups(publication, SignupLimits(b"key"))
