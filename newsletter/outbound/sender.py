"""Deliver queued messages to their endpoints: a thread for each, which ends with the program.

A 2xx is a delivery; everything else is tried again, later and later, for a day. Redirects are not followed, and
private addresses are not asked. Several processes may deliver side by side: each message is claimed first.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from newsletter.config import PublicationSettings, WebhookSection, secret
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.fetch import FetchedPage, post
from newsletter.network import NetworkAccess, network_of
from newsletter.outbound import queue
from newsletter.outbound.queue import OutboundMessage
from newsletter.outbound.signature import signed_headers, signing_key
from newsletter.times import Clock, utc_now

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Messages posted to one endpoint side by side, each about another subject."""
TICK = 1.0
"""Seconds between two looks for messages."""
CALL_SECONDS = 20.0
"""The time limit of a call with its answer; queue.LEASE is longer."""
WAITS = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
"""Seconds before each next attempt; the last holds from then on."""
REST = 60.0
"""Seconds, at most, that an endpoint that does not answer is left alone."""
GONE = 410
"""The status with which an endpoint says that it wants no more."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The outcome of one attempt."""

    problem: str = ""
    """Why it failed; empty for a delivery."""
    wait: float | None = None
    """Seconds after which the endpoint wants to be asked again, if it said so."""
    is_down: bool = False
    """Whether the endpoint as a whole did not answer, or was too busy."""


class WebhookSender:
    """The threads that deliver; a context manager. Without `[[webhooks]]` it has none."""

    def __init__(
        self,
        publication: PublicationSettings,
        database: Database,
        say: Callable[[str], None],
        clock: Clock = utc_now,
        network: NetworkAccess | None = None,
    ) -> None:
        """Read the secrets. Raises ConfigError when one is missing or wrong."""
        access = network or network_of(publication.config.publication.url)
        limited = replace(access, step=min(access.step, CALL_SECONDS), whole=min(access.whole, CALL_SECONDS))
        self._closing = threading.Event()
        self._endpoints = [
            _Endpoint(section, database, limited, say, clock, self._closing) for section in publication.config.webhooks
        ]
        self._threads = [threading.Thread(target=each.run, name="webhooks", daemon=True) for each in self._endpoints]

    def __enter__(self) -> WebhookSender:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        until = time.monotonic() + CALL_SECONDS / 2
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def drain(self, seconds: float) -> None:
        """Wait until nothing is due any more, for `seconds` at most: before a program that ends by itself does."""
        until = time.monotonic() + seconds
        while any(each.has_due() for each in self._endpoints) and time.monotonic() < until:
            time.sleep(0.05)


class _Endpoint:
    """Hold one endpoint, and how it behaves lately."""

    def __init__(
        self,
        section: WebhookSection,
        database: Database,
        network: NetworkAccess,
        say: Callable[[str], None],
        clock: Clock,
        closing: threading.Event,
    ) -> None:
        self._url: str = section.url
        self._key = signing_key(secret(section.secret, key="[[webhooks]] secret"), "[[webhooks]] secret")
        self._database, self._network, self._say = database, network, say
        self._clock, self._closing = clock, closing
        self._failures = 0
        """Attempts in a row at which the endpoint was down."""
        self._busy = False

    def has_due(self) -> bool:
        """Tell whether a message waits that was not tried yet, or is being posted."""
        if self._failures:
            return False
        with self._database.read() as connection:
            return self._busy or queue.count_waiting(connection, self._url) > 0

    def run(self) -> None:
        """Deliver until the program ends. An error of the database must not end it."""
        with ThreadPoolExecutor(AT_ONCE, "webhook") as pool:
            while not self._closing.is_set():
                try:
                    posted = self._deliver(pool)
                except NewsletterError:
                    logger.warning("webhooks wait for the database", exc_info=True)
                    posted = False
                if not posted or self._failures:
                    self._closing.wait(min(TICK * 2 ** min(self._failures, 10) if self._failures else TICK, REST))

    def _deliver(self, pool: ThreadPoolExecutor) -> bool:
        """Post what is due; a single message while the endpoint is down. Tell whether there was any."""
        with self._database.begin() as connection:
            claimed = queue.claim(connection, self._url, 1 if self._failures else AT_ONCE, self._clock())
            if not claimed:
                queue.prune(connection, self._clock())
                return False
        self._busy = True
        answers = list(pool.map(self._post, claimed))
        with self._database.begin() as connection:
            for message, answer in zip(claimed, answers, strict=True):
                if answer.problem:
                    queue.failed(connection, message, answer.problem, _wait(message, answer), self._clock())
                else:
                    queue.delivered(connection, message)
        self._busy = False
        self._judge(answers)
        return True

    def _judge(self, answers: Sequence[Answer]) -> None:
        """Count attempts at which the endpoint was down, and say so once."""
        down = next((answer for answer in answers if answer.is_down), None)
        if down and not self._failures:
            self._say(f"The webhook {self._url} does not take messages: {down.problem}. They are kept and tried again.")
        if self._failures and not down:
            self._say(f"The webhook {self._url} takes messages again.")
        self._failures = self._failures + 1 if down else 0

    def _post(self, message: OutboundMessage) -> Answer:
        body = message.body.encode()
        headers = signed_headers(self._key, message.key, int(time.time()), body)
        try:
            page = post(self._network, self._url, body, {"Content-Type": "application/json", **headers})
        except NewsletterError as error:
            return Answer(problem=error.message, is_down=True)
        return _answer(page)


def _answer(page: FetchedPage) -> Answer:
    if 200 <= page.status < 300:
        return Answer()
    is_busy = page.status in (408, 425, 429) or page.status >= 500 or page.status == GONE
    wait = float(page.retry_after) if page.retry_after.isascii() and page.retry_after.isdigit() else None
    return Answer(problem=f"it answered {page.status}", wait=wait, is_down=is_busy)


def _wait(message: OutboundMessage, answer: Answer) -> timedelta:
    """Return the time until the next attempt: by the table, or what the endpoint asked for, an hour at most."""
    by_table = WAITS[min(message.attempts, len(WAITS)) - 1]
    return timedelta(seconds=max(by_table, min(answer.wait or 0.0, 3600.0) if not math.isnan(answer.wait or 0) else 0))
