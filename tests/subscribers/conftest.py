"""Readers of a publication with two lists and four fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def readers(publication_folder: Path) -> Iterator[Readers]:
    readers = Readers.of(publication_folder)
    yield readers
    readers.database.close()
