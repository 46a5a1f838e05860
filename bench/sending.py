"""How fast a campaign goes, ledger and all, beside the loop that one would write by hand.

All send into the same local sink, in turns. The loop renders a message with Jinja2 and posts it
with `json=`, one after the other. Ours is the whole sender on SQLite, synchronous=FULL: enqueue,
claim, personalise, hand over, settle. What the ledger costs is the difference to the same calls
by as many threads without it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from jinja2 import Template
from sqlalchemy import Row, select

from bench.timing import ROOT, in_turns, report
from newsletter import campaigns, handover
from newsletter.bench import SLUG, TOKEN, prepare
from newsletter.build import build_issue
from newsletter.campaigns import Campaign
from newsletter.database import open_database
from newsletter.issues import find_issue
from newsletter.links import Links
from newsletter.mailing import Mailing, envelope
from newsletter.messages import Recipient
from newsletter.providers import find_provider, read_settings
from newsletter.providers.record import Batch
from newsletter.recipients import recipient
from newsletter.sender import THREADS, Job, Sender
from newsletter.tables import subscriber
from newsletter.times import Rate

FULL, VARIABLE, BY_HAND = 5_000, 40_000, 200
ROUNDS = 5


class Ground:
    """A publication with readers and a provider that leads into the sink."""

    def __init__(self, folder: Path, readers: int, port: int, provider: str) -> None:
        self.readers = readers
        self.publication = prepare(folder, readers, port, provider)
        self.database = open_database(self.publication)
        self.provider = find_provider(self.publication)
        self.settings = read_settings(self.publication, self.provider)
        self.message = build_issue(self.publication, find_issue(self.publication, SLUG)).message
        self._numbers = count()
        self.campaign = self._approved()
        its = envelope(self.publication, "daily", self.campaign.date, self.campaign.key)
        self.mailing = Mailing(self.message, its)
        self._links = Links(self.publication)

    def send(self) -> None:
        """A campaign of its own to everyone."""
        job = Job(
            publication=self.publication,
            database=self.database,
            campaign=self._approved(),
            provider=self.provider,
            settings=self.settings,
            rate=Rate("off"),
        )
        assert Sender(job, Silent()).run().deliveries["accepted"] == self.readers

    def send_without_ledger(self) -> None:
        """The same calls, nothing written down."""
        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(self._hand_over, self._starts()))

    def make_requests(self) -> None:
        """Everyone's requests, made by one thread and not sent."""
        for start in self._starts():
            handover.prepare(self.provider, self._batch(self._recipients(start)), self.settings)

    def make_bodies(self, everyone: list[tuple[Recipient, ...]]) -> None:
        """The same from recipients that are there already: what the JSON alone takes."""
        for recipients in everyone:
            handover.prepare(self.provider, self._batch(recipients), self.settings)

    def everyone(self) -> list[tuple[Recipient, ...]]:
        """All recipients, by batch."""
        return [self._recipients(start) for start in self._starts()]

    def _starts(self) -> range:
        return range(1, self.readers + 1, self.provider.batch_size)

    def _hand_over(self, start: int) -> bool:
        batch = self._batch(self._recipients(start))
        answer = handover.hand_over(handover.prepare(self.provider, batch, self.settings))
        return len(answer.results) == len(batch.recipients)

    def _recipients(self, start: int) -> tuple[Recipient, ...]:
        wanted = subscriber.c.id.between(start, start + self.provider.batch_size - 1)
        with self.database.read() as connection:
            rows: list[Row[tuple[object, ...]]] = [*connection.execute(select(subscriber).where(wanted))]
        return tuple(recipient(row, self.campaign, self._links) for row in rows)

    def _batch(self, recipients: tuple[Recipient, ...]) -> Batch:
        return Batch(mailing=self.mailing, recipients=recipients, key="bench", label="bench")

    def _approved(self) -> Campaign:
        message, now = replace(self.message, slug=f"bench-{next(self._numbers)}"), datetime.now(UTC)
        with self.database.begin() as connection:
            made = campaigns.approve(
                connection, message=message, page="", list="daily", segment="", provider=self.provider.name, now=now
            )
            return campaigns.move(connection, made.id, "start", now=now)


class Silent:
    """Watches nothing."""

    def say(self, sentence: str) -> None:
        """Keep it to oneself."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Draw nothing."""


def by_hand(ground: Ground, port: int) -> Callable[[], None]:
    """The plain loop."""
    session = requests.Session()
    html, text = (_template(ground, part) for part in (ground.message.html, ground.message.text))
    people = [dict(one.fields) for batch in ground.everyone() for one in batch][:BY_HAND]

    def run() -> None:
        for person in people:
            body = {
                "From": "Bench <bench@news.example.com>",
                "To": person["email"],
                "Subject": "A long issue",
                "HtmlBody": html.render(person),
                "TextBody": text.render(person),
            }
            session.post(f"http://127.0.0.1:{port}/email", json=body).raise_for_status()

    return run


def _template(ground: Ground, part: str) -> Template:
    """The message as a Jinja2 template, its merge tags in their places."""
    template: Template = Template(re.sub(r"\{#|\{%(?! )", "", ground.message.open(part)))
    return template


@contextmanager
def sink() -> Iterator[int]:
    """The port of a `bench.sink`."""
    words = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def main() -> None:
    """Print messages a second and the ratios."""
    os.environ[TOKEN] = "bench"
    with ExitStack() as stack:
        port = stack.enter_context(sink())
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(2)]
        full, variable = Ground(folders[0], FULL, port, "postmark"), Ground(folders[1], VARIABLE, port, "mailgun")
        everyone = variable.everyone()
        taken = in_turns(
            {
                "by hand": by_hand(full, port),
                "full": full.send,
                "full, no ledger": full.send_without_ledger,
                "variable": variable.send,
                "variable, no ledger": variable.send_without_ledger,
                "requests": variable.make_requests,
                "bodies": lambda: variable.make_bodies(everyone),
            },
            rounds=ROUNDS,
        )
    print_figures(taken)


def print_figures(taken: Mapping[str, float]) -> None:
    """Messages a second each, and what is wanted of them."""
    size = {"by hand": BY_HAND, "full": FULL, "full, no ledger": FULL}
    speed = {name: size.get(name, VARIABLE) / seconds for name, seconds in taken.items()}
    full = [
        ("a loop by hand, messages a second", f"{speed['by hand']:,.0f}"),
        ("newsletter, full messages in batches of 500", f"{speed['full']:,.0f}"),
        ("the same calls without the ledger", f"{speed['full, no ledger']:,.0f}"),
        ("the ledger's share", f"{1 - taken['full, no ledger'] / taken['full']:.1%}"),
        ("ratio", f"{speed['full'] / speed['by hand']:.1f}"),
    ]
    report("Sending: full messages (Postmark) beside a loop by hand", full, "at least 5")
    variable = [
        ("newsletter, batches of 1,000", f"{speed['variable']:,.0f}"),
        ("the same calls without the ledger", f"{speed['variable, no ledger']:,.0f}"),
        ("making the requests alone, one core", f"{speed['requests']:,.0f}"),
        ("making the bodies alone, one core", f"{speed['bodies']:,.0f}"),
        ("share of what the bodies alone allow", f"{speed['variable'] / speed['bodies']:.0%}"),
    ]
    report("Sending: variables (Mailgun), recipients a second", variable, "100,000 a core, or that share")


if __name__ == "__main__":
    main()
