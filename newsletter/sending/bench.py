"""Measure one campaign to made-up readers, and compare the ledger with the provider's counts: `newsletter bench`.

Everything happens in a temporary folder and between processes of this machine: the real `send` command on one side,
bench_provider.py on the other.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from newsletter.campaigns.campaign_queries import find_campaign
from newsletter.config import PublicationSettings, load_publication
from newsletter.database.connection import open_database
from newsletter.errors import NewsletterError
from newsletter.sending.bench_provider import Behaviour, Counts

SLUG = "bench"
REJECTED = 0.001
"""The share of addresses that the provider refuses."""
SETTINGS = """
[publication]
name = "Bench"
url = "https://news.example.com"
from = "Bench <bench@news.example.com>"
[lists.daily]
title = "Bench"
default = true
[send]
provider = "{provider}"
{send}
[providers.{provider}]
{keys}
{more}
"""
TOKEN = "NEWSLETTER_BENCH_TOKEN"
KEYS = {
    "postmark": f'base_url = "http://127.0.0.1:{{port}}"\ntoken = "env:{TOKEN}"',
    "resend": f'base_url = "http://127.0.0.1:{{port}}"\napi_key = "env:{TOKEN}"',
    "mailgun": f'base_url = "http://127.0.0.1:{{port}}"\napi_key = "env:{TOKEN}"\ndomain = "news.example.com"',
    "smtp": 'host = "127.0.0.1"\nport = {port}\nsecurity = "none"',
}
"""Each provider's settings for a port of this machine."""
ISSUE = """---
subject: 'A long issue for {{ first_name | default("you") }}'
date: 2025-01-17
---
Good morning {{ first_name | default("there") }}.
"""
ARTICLE = """
:::article title="Story %(number)d"
**What changed:** the panel read the draft twice and put the vote off by a week. %(sentences)s

- [The first source](https://example.com/%(number)d/1) has the numbers.
- [The second source](https://example.com/%(number)d/2) has the names.
- [The third source](https://example.com/%(number)d/3) has the dates.
:::
"""
SENTENCE = "A small laboratory would have to file the same forms as a large one, the panel heard. "


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The measurements of one run."""

    readers: int
    deliveries: dict[str, int]
    """Deliveries by state, as the ledger has them."""
    provider: Counts
    seconds: float
    """The time from the campaign's start to its end."""
    cpu_seconds: float
    """Processor time of the whole `send` command, its start included."""
    peak_mib: float

    @property
    def adds_up(self) -> bool:
        """Tell whether accepted, rejected, skipped and unknown add up to all readers."""
        final = sum(self.deliveries[state] for state in ("accepted", "rejected", "skipped", "unknown"))
        return final == sum(self.deliveries.values()) == self.readers

    @property
    def agrees(self) -> bool:
        """Tell whether the provider has what the ledger calls accepted, and besides only what it calls unknown."""
        accepted = self.deliveries["accepted"]
        return accepted <= self.provider.readers <= accepted + self.deliveries["unknown"]

    @property
    def twice(self) -> int:
        """Return the number of messages that somebody got once more."""
        return self.provider.accepted - self.provider.readers

    @property
    def is_right(self) -> bool:
        """Tell whether ledger and provider agree, and nobody has a message twice."""
        return self.adds_up and self.agrees and not self.twice

    @property
    def figures(self) -> dict[str, object]:
        """Return the fields that `bench --json` prints."""
        return {
            "readers": self.readers,
            "seconds": round(self.seconds, 3),
            "messages_per_second": round(self.readers / max(self.seconds, 0.001)),
            "cpu_us_per_message": round(self.cpu_seconds / self.readers * 1e6, 1),
            "peak_mib": round(self.peak_mib, 1),
            "deliveries": self.deliveries,
            "provider": {"accepted": self.provider.accepted, "twice": self.twice, "faults": self.provider.faults},
            "adds_up": self.adds_up,
            "agrees": self.agrees,
        }


def measure(readers: int, faults: float, provider: str) -> Measured:
    """Send to `readers` made-up readers; of all calls, the share `faults` goes wrong. Raises NewsletterError."""
    behaviour = Behaviour(faults=faults, rejected=REJECTED if faults else 0.0)
    with TemporaryDirectory(prefix="newsletter-bench-") as name, running_provider(behaviour) as port:
        publication = prepare(Path(name), readers, port, provider)
        deliveries, cpu, peak = _send(publication.root)
        return Measured(
            readers=readers,
            deliveries=deliveries,
            provider=msgspec.json.decode(ask(port, "/counts"), type=Counts),
            seconds=_seconds(publication),
            cpu_seconds=cpu,
            peak_mib=peak,
        )


@contextmanager
def running_provider(behaviour: Behaviour) -> Iterator[int]:
    """Start a `bench_provider` in a process of its own; yield its port."""
    words = [sys.executable, "-m", "newsletter.sending.bench_provider", msgspec.json.encode(behaviour).decode()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def ask(port: int, path: str) -> bytes:
    """Ask the provider for its `/counts`, or for `/accepted` by delivery."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        body: bytes = answer.read()
        return body


def prepare(
    folder: Path, readers: int, port: int, provider: str, *, send: str = "", more: str = ""
) -> PublicationSettings:
    """Make a publication in `folder` with one long issue, about 50 KB of HTML, and so many readers.

    `send` has more settings of [send], `more` other tables of newsletter.toml.
    """
    settings = SETTINGS.format(provider=provider, keys=KEYS[provider].format(port=port), send=send, more=more)
    (folder / "newsletter.toml").write_text(settings, encoding="utf-8")
    (folder / "issues").mkdir()
    articles = (ARTICLE % {"number": number, "sentences": SENTENCE * 6} for number in range(1, 13))
    (folder / "issues" / f"2025-01-17-{SLUG}.md").write_text(ISSUE + "".join(articles), encoding="utf-8")
    publication = load_publication(folder / "newsletter.toml")
    add_readers(publication, readers)
    return publication


def add_readers(publication: PublicationSettings, number: int) -> None:
    """Import readers `reader1@example.com` and so on, in a process of its own, whose memory is not measured."""
    path = publication.root / "readers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("email", "first_name"))
        rows.writerows((f"reader{n}@example.com", f"Reader {n}") for n in range(1, number + 1))
    words = [sys.executable, "-m", "newsletter", "subscribers", "import", str(path)]
    environment = {**os.environ, "NEWSLETTER_CONFIG": str(publication.path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NewsletterError("the made-up readers were not imported", hint=done.stderr.strip())


def _send(folder: Path) -> tuple[dict[str, int], float, float]:
    """Run the command; return the ledger's counts, seconds of processor time and the peak of memory in MiB."""
    words = [sys.executable, "-m", "newsletter", "send", SLUG, "--yes", "--json"]
    environment = {
        **os.environ,
        TOKEN: "bench",
        "NEWSLETTER_CONFIG": str(folder / "newsletter.toml"),
    }
    narration = folder / "narration"
    with narration.open("w") as err:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=err)
    assert process.stdout
    with process.stdout as out:
        said = out.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise NewsletterError("the campaign did not end", hint=narration.read_text().strip())
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return json.loads(said)["deliveries"], usage.ru_utime + usage.ru_stime, peak


def _seconds(publication: PublicationSettings) -> float:
    database = open_database(publication)
    with database.read() as connection:
        campaign = find_campaign(connection, SLUG)
    database.close()
    return (datetime.fromisoformat(campaign.finished_at or "") - campaign.date).total_seconds()
