"""A visitor who presses the button twice gets one confirmation, through any form and any server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.web.public.serving import Mail, Served, make_publication, serve, token_of

SETTINGS = '[signup]\nmin_time = "0s"'
JSON = {"Accept": "application/json"}


def post(served: Served, token: str, address: str, how: str) -> int:
    """Send the form; the status of the answer."""
    fields = {"email": address, "token": token}
    if how == "json":
        return requests.post(f"{served.url}/subscribe", json=fields, headers=JSON, timeout=60).status_code
    files = {name: (None, value) for name, value in fields.items()} if how == "multipart" else None
    data = None if files else fields
    return requests.post(f"{served.url}/subscribe", data=data, files=files, timeout=60).status_code


@pytest.mark.parametrize("how", [("form", "form"), ("json", "json"), ("form", "json"), ("multipart", "form")])
def test_a_double_click_sends_one_confirmation_also_through_two_servers(tmp_path: Path, how: tuple[str, str]) -> None:
    folder = make_publication(tmp_path / "news", SETTINGS)
    with serve(folder) as one, serve(folder) as other, ThreadPoolExecutor(4) as pool:
        token = token_of(requests.get(f"{one.url}/embed/form", timeout=60).text)
        presses = [pool.submit(post, server, token, "ada@example.com", kind) for server in (one, other) for kind in how]
        assert [press.result() for press in presses] == [200] * 4
        Mail(folder).to("ada@example.com")
        time.sleep(1)

        assert len(Mail(folder).now("ada@example.com")) == 1
