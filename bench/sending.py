"""Measure a campaign, with its ledger, against a loop that somebody would write by hand.

All sides send into one local sink, in turns. The loop renders one message after the other with Jinja2 and posts it
with `json=`. Ours is the whole sender on SQLite, synchronous=FULL: enqueue, claim, personalise, hand over, settle. The
ledger's cost is the difference to those calls by as many threads without a ledger. Processor time is that of all
threads of the sending process; on a busy machine it is steadier than the clock.
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
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import requests
from jinja2 import Template
from sqlalchemy import bindparam, null, select

from bench.timing import ROOT, report
from newsletter.campaigns.campaign import Campaign, approve_issue, change_state
from newsletter.database.bulk import read_as
from newsletter.database.connection import open_database
from newsletter.database.tables import subscriber
from newsletter.issues.issue import find_issue
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import About, Recipient, WebPage
from newsletter.providers import dispatch, find_provider, read_settings
from newsletter.providers.base import Batch
from newsletter.rates import Rate
from newsletter.rendering.build import build_issue
from newsletter.sending.bench import SLUG, TOKEN, prepare
from newsletter.sending.recipients import FULL_ROW, addresses, recipients
from newsletter.sending.sender import THREADS, Job, Sender
from newsletter.signed_links import Links

_PAGE = WebPage(about=About(slug="bench", title="", description="", date="2025-01-17"), html="")
FULL, VARIABLE, BY_HAND = 40_000, 40_000, 200
ROUNDS = 3
_COLUMNS = (subscriber.c.get(name, null().label(name)) for name in FULL_ROW.__struct_fields__)
READERS = select(*_COLUMNS).where(subscriber.c.id.between(bindparam("first"), bindparam("last")))
"""The readers from one number to another, without their lists and suppressions."""


class Ground:
    """A publication with readers, whose provider is the sink."""

    def __init__(self, folder: Path, readers: int, port: int, provider: str) -> None:
        self.readers = readers
        self.publication = prepare(folder, readers, port, provider)
        self.database = open_database(self.publication)
        self.provider = find_provider(self.publication)
        self.settings = read_settings(self.publication, self.provider)
        self.message = build_issue(self.publication, find_issue(self.publication, SLUG)).message
        self._numbers = count()
        self.campaign = self._approved()
        headers = envelope(self.publication, "daily", self.campaign.date, self.campaign.key)
        self._links = Links(self.publication)
        self.mailing = Mailing(self.message, headers, addresses(self._links, self.campaign.issue))

    def send(self) -> None:
        """Send a new campaign to all readers."""
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
        """Make the calls of a campaign, and write nothing down."""
        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(self._hand_over, self._starts()))

    def make_requests(self) -> None:
        """Make the requests for all readers in one thread, and send none."""
        for start in self._starts():
            dispatch.prepare(self.provider, self._batch(self._recipients(start)), self.settings)

    def make_bodies(self, everyone: list[tuple[Recipient, ...]]) -> None:
        """Make the requests from recipients that were read before: the cost of the JSON alone."""
        for people in everyone:
            dispatch.prepare(self.provider, self._batch(people), self.settings)

    def everyone(self) -> list[tuple[Recipient, ...]]:
        """Return all recipients, by batch."""
        return [self._recipients(start) for start in self._starts()]

    def _starts(self) -> range:
        return range(1, self.readers + 1, self.provider.batch_size)

    def _hand_over(self, start: int) -> bool:
        batch = self._batch(self._recipients(start))
        answer = dispatch.hand_over(dispatch.prepare(self.provider, batch, self.settings))
        return len(answer.results) == len(batch.recipients)

    def _recipients(self, start: int) -> tuple[Recipient, ...]:
        between = {"first": start, "last": start + self.provider.batch_size - 1}
        with self.database.read() as connection:
            return recipients(read_as(connection, READERS, FULL_ROW, between), self.campaign, self._links)

    def _batch(self, recipients: tuple[Recipient, ...]) -> Batch:
        return Batch(mailing=self.mailing, recipients=recipients, key="bench", label="bench")

    def _approved(self) -> Campaign:
        message, now = replace(self.message, slug=f"bench-{next(self._numbers)}"), datetime.now(UTC)
        with self.database.begin() as connection:
            made = approve_issue(
                connection, message=message, page=_PAGE, list="daily", segment="", provider=self.provider.name, now=now
            )
            return change_state(connection, made.id, "start", now=now)


class Silent:
    """A listener that ignores all progress."""

    def say(self, sentence: str) -> None:
        """Print nothing."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Draw nothing."""


def by_hand(ground: Ground, port: int) -> Callable[[], None]:
    """Return the loop that a person would write."""
    session = requests.Session()
    html, text = (_template(ground, part) for part in (ground.message.html, ground.message.text))
    people = [dict(recipient.fields) for batch in ground.everyone() for recipient in batch][:BY_HAND]

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
    """Return the message as a Jinja2 template, with its merge tags."""
    template: Template = Template(re.sub(r"\{#|\{%(?! )", "", ground.message.open(part)))
    return template


@contextmanager
def sink() -> Iterator[int]:
    """Start a `bench.sink`; yield its port."""
    words = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def main() -> None:
    """Print messages a second, processor time, and the ratios."""
    os.environ[TOKEN] = "bench"
    with ExitStack() as stack:
        port = stack.enter_context(sink())
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(2)]
        full, variable = Ground(folders[0], FULL, port, "postmark"), Ground(folders[1], VARIABLE, port, "mailgun")
        everyone = variable.everyone()
        taken = measured(
            {
                "by hand": (BY_HAND, by_hand(full, port)),
                "full": (FULL, full.send),
                "full, no ledger": (FULL, full.send_without_ledger),
                "variable": (VARIABLE, variable.send),
                "variable, no ledger": (VARIABLE, variable.send_without_ledger),
                "requests": (VARIABLE, variable.make_requests),
                "bodies": (VARIABLE, lambda: variable.make_bodies(everyone)),
            }
        )
    print_figures(taken)


Costs = Mapping[str, tuple[float, float]]
"""Seconds and processor seconds per message."""


def measured(contestants: Mapping[str, tuple[int, Callable[[], object]]]) -> Costs:
    """Run all in turns, ROUNDS times after a first round that is not counted; return the medians."""
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(ROUNDS + 1):
        for name, (number, run) in contestants.items():
            began, cpu = perf_counter(), process_time()
            run()
            costs[name].append(((perf_counter() - began) / number, (process_time() - cpu) / number))
    return {name: (median(wall for wall, _ in taken[1:]), median(cpu for _, cpu in taken[1:]))
            for name, taken in costs.items()}  # fmt: skip


def print_figures(taken: Costs) -> None:
    """Print each figure with its goal."""

    def line(name: str, label: str) -> tuple[str, str]:
        wall, cpu = taken[name]
        return label, f"{1 / wall:,.0f}/s, {cpu * 1e6:,.0f} us CPU"

    def ratio(one: str, other: str) -> str:
        return f"{taken[one][0] / taken[other][0]:.2f}, CPU {taken[one][1] / taken[other][1]:.2f}"

    def share(whole: str, part: str) -> str:
        return f"{1 - taken[part][0] / taken[whole][0]:.0%}, CPU {1 - taken[part][1] / taken[whole][1]:.0%}"

    full = [
        line("by hand", "a loop by hand"),
        line("full", "newsletter, batches of 500"),
        line("full, no ledger", "those calls without the ledger"),
        ("the ledger's share (at most 10 %)", share("full", "full, no ledger")),
        ("by hand / newsletter", ratio("by hand", "full")),
    ]
    report("Sending: full messages (Postmark) beside a loop by hand", full, "at least 5")
    variable = [
        line("variable", "newsletter, batches of 1,000"),
        line("variable, no ledger", "those calls without the ledger"),
        line("requests", "reading readers, making requests: one thread"),
        line("bodies", "making requests alone: one thread"),
        ("the ledger's share", share("variable", "variable, no ledger")),
        ("recipients a second and core", f"{1 / taken['variable'][1]:,.0f}"),
    ]
    report("Sending: variables (Mailgun), recipients", variable, "100,000/s a core")


if __name__ == "__main__":
    main()
