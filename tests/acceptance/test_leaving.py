"""The promise to who leaves: during a long campaign by SMTP nobody is mailed later than twenty messages after.

`make soak` runs it with 20,000 readers.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from newsletter.config import load_publication
from newsletter.providers.smtp import WINDOW
from newsletter.signed_links import Links, Purpose
from tests.acceptance.test_send import found, publication, run
from tests.support.fork_server import start_command
from tests.support.mail_server import Script, after_seconds
from tests.web.public.serving import serve

IS_SOAK = bool(os.environ.get("NEWSLETTER_SOAK"))
READERS = 20_000 if IS_SOAK else 600
LEAVING = READERS * 3 // 10
REMOVALS = 60 if IS_SOAK else 6
"""Readers who are removed by the command; the others leave with one click."""
SMTP = """[send]
provider = "smtp"
[providers.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
connections = {connections}
"""


class Leavers:
    """Readers who leave one after the other while a campaign is sent, and when each was gone."""

    def __init__(self, folder: Path, server: Script) -> None:
        self._folder, self._server = folder, server
        self._links = Links(load_publication(folder / "newsletter.toml"))
        chance = random.Random(20)
        self.ids = chance.sample(range(1, READERS + 1), LEAVING)
        self.left_after: dict[str, int] = {}
        """The messages that had been taken when a reader was gone, by address."""

    def click(self, url: str, ids: Sequence[int]) -> None:
        """Leave with one click (RFC 8058), each as soon as the campaign has come far enough."""
        with requests.Session() as session:
            for number, id in enumerate(ids, start=1):
                self._wait(number / len(ids))
                token = self._links.token(Purpose.READER, id, 1, "daily")
                data = {"List-Unsubscribe": "One-Click"}
                assert session.post(f"{url}/unsubscribe/{token}", data=data, timeout=60).status_code == 200
                self._note(id)

    def remove(self, ids: Sequence[int]) -> None:
        """Be removed by the command."""
        for number, id in enumerate(ids, start=1):
            self._wait(number / len(ids))
            assert run(self._folder, "subscribers", "remove", address(id)).returncode == 0
            self._note(id)

    def _wait(self, share: float) -> None:
        """Wait until so much of the campaign is over, at most; never beyond nine tenths of it."""
        while len(self._server.taken) < share * 0.5 * READERS:
            threading.Event().wait(0.002)

    def _note(self, id: int) -> None:
        self.left_after[address(id)] = len(self._server.taken)


def address(id: int) -> str:
    return f"r{id}@example.com"


@pytest.mark.timeout(0 if IS_SOAK else 180)
@pytest.mark.parametrize("connections", [1, 4])
def test_with_three_in_ten_leaving_during_a_campaign_nobody_is_mailed_later_than_twenty_messages_after(
    tmp_path: Path, connections: int
) -> None:
    with Script({".": after_seconds(0.01 * connections)}) as server:
        toml = SMTP.format(port=server.port, connections=connections)
        folder = publication(tmp_path, toml, readers=READERS)
        leavers = Leavers(folder, server)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
        with (
            serve(folder) as site,
            start_command(["send", "hello", "--yes"], folder, environment) as sender,
        ):
            threads = [
                threading.Thread(target=leavers.click, args=[site.url, leavers.ids[REMOVALS:]]),
                threading.Thread(target=leavers.remove, args=[leavers.ids[:REMOVALS]]),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            while not sender.has_ended():
                threading.Event().wait(0.1)
            code = sender.wait()
            said = sender.said()

    taken = [mailed for _, mailed in server.taken]
    late = {
        mailed: place - leavers.left_after[mailed]
        for place, mailed in enumerate(taken)
        if mailed in leavers.left_after and place >= leavers.left_after[mailed]
    }
    print(
        f"\n| {connections} | {READERS:,} | {LEAVING:,} | {READERS - len(taken):,} | {max(late.values(), default=0)} |"
    )
    assert code == 0, said
    assert len(leavers.left_after) == LEAVING
    assert len(set(taken)) == len(taken)
    assert max(late.values(), default=0) <= WINDOW
    deliveries = found(folder)["deliveries"]
    assert deliveries["accepted"] == len(taken)
    assert deliveries["skipped"] == READERS - len(taken) > LEAVING // 3
