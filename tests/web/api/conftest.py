"""Fixtures of the tests of the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.api.serving import ServedApi, serve_api
from tests.web.public.serving import make_publication


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    """Serve the API of a publication that the tests of one file share."""
    with serve_api(make_publication(tmp_path_factory.mktemp("api"))) as served:
        yield served
