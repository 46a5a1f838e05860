"""The postman: carries letters to the provider, one at a database, for as long as the server runs.

`handed` is committed before the first byte leaves; what became of it, after the answer. A process
that dies in between leaves letters `unknown`, which are never sent again: the reader may ask anew. The
outbox alone gets them again, since a file takes its own place.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import dispatch, find_provider, read_settings, successor
from newsletter.providers.base import Answer, Batch
from newsletter.sending import rate_limits
from newsletter.sending.lock import SenderLock
from newsletter.sending.rate_limits import ProviderLimits
from newsletter.sending.recipients import personal_links
from newsletter.signed_links import Links, Purpose
from newsletter.subscribers import signups, transactional_queue
from newsletter.subscribers.subscriber import subscriber_fields
from newsletter.subscribers.transactional_queue import TransactionalKind, TransactionalMessage
from newsletter.times import Clock, utc_now

LOOK = 0.3
"""Seconds between two looks for letters."""
AGAIN = 30.0
"""Seconds until a provider that stopped, or a database that failed, is tried again."""
MOST = 50
"""Letters in one call: so many are unknown at most when the process is killed."""
SWEEP = timedelta(days=1)
"""Between two looks for those who never confirmed."""
DRAIN = 8.0
"""Seconds for the call in the air to end, after the wish to stop."""

Messages = Mapping[tuple[str, str], CompiledMessage]
"""By name and language; a language of "" is every one."""


class TransactionalSender:
    """A thread that sends what waits; a context manager."""

    def __init__(
        self,
        publication: Publication,
        database: Database,
        messages: Messages,
        say: Callable[[str], None],
        asked: threading.Event | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`asked`: set, it stops after the call in the air. Raises ConfigError when the provider is set wrong."""
        self._publication = publication
        self._database = database
        self._messages = messages
        self._say = say
        self._clock = clock
        self._links = Links(publication)
        self._employ("")
        self._asked = asked or threading.Event()
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)
        self._said = ""
        self._next_sweep = clock()

    def __enter__(self) -> TransactionalSender:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._asked.set()
        self._thread.join(DRAIN)

    def deliver(self) -> bool:
        """Make one call for the letters whose turn it is; whether there were any."""
        count = self._due()
        if not count or not self._turn(count):
            return False
        with self._database.begin() as connection:
            taken, message = self._take(connection, count)
            if len(taken) < count:
                rate_limits.refund(connection, self._provider.name, count - len(taken), self._limits, self._clock())
            if message is None:
                return bool(taken)
            handed_at = self._clock()
            parts = dispatch.prepare(self._provider, self._batch(taken, message, handed_at), self._settings)
            transactional_queue.hand(connection, taken, self._provider.name, handed_at)
        self._settle(taken, dispatch.hand_over(parts))
        return True

    def _employ(self, name: str) -> None:
        self._provider = find_provider(self._publication, name)
        self._settings = read_settings(self._publication, self._provider)

    def _run(self) -> None:
        with self._only_one():
            while not self._asked.is_set() and not self._try(self._recover):
                pass
            while not self._asked.is_set():
                self._asked.wait(0.0 if self._try(self._round) else LOOK)

    def _recover(self) -> bool:
        """Decide what becomes of the letters that a dead process had in the air."""
        with self._database.begin() as connection:
            transactional_queue.recover(connection, self._provider, self._clock())
        return True

    def _round(self) -> bool:
        self._sweep()
        return self.deliver()

    def _sweep(self) -> None:
        """Once a day: those who never confirmed are not kept."""
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            with self._database.begin() as connection:
                signups.forget_unconfirmed(connection, self._publication, now)

    def _try(self, step: Callable[[], bool]) -> bool:
        """One step; what goes wrong is said, and tried again later."""
        try:
            return step()
        except NewsletterError as error:
            self._say_once(f"newsletter: error: {error}")
        except Exception as error:  # a mistake in the program is no reason to leave all letters
            self._say_once(f"newsletter: error: letters: {type(error).__name__}: {error}")
        self._asked.wait(AGAIN)
        return False

    def _due(self) -> int:
        with self._database.read() as connection:
            return transactional_queue.due(connection, self._most, self._clock())

    @property
    def _most(self) -> int:
        return min(self._provider.batch_size, self._provider.window or MOST, MOST)

    def _turn(self, count: int) -> bool:
        """Wait until the rate that everything shares allows so many; False when asked to stop meanwhile."""
        while not self._asked.is_set():
            with self._database.begin() as connection:
                turn = rate_limits.reserve(connection, self._provider.name, count, self._limits, self._clock())
            self._asked.wait(turn.wait)
            if not turn.full:
                break
        return not self._asked.is_set()

    def _take(self, connection: Connection, count: int) -> tuple[list[TransactionalMessage], CompiledMessage | None]:
        """The letters, and their message; without one they are skipped, and that is all."""
        now = self._clock()
        taken = transactional_queue.take(connection, count, now)
        if not taken:
            return [], None
        names = (taken[0].message, taken[0].language), (taken[0].message, "")
        message = next((self._messages[name] for name in names if name in self._messages), None)
        if message is None:
            transactional_queue.skip(connection, taken, "there is no such message any more", now)
        return taken, message

    def _batch(self, taken: Sequence[TransactionalMessage], message: CompiledMessage, now: datetime) -> Batch:
        """Under a new key each time: what is tried again is known not to have gone."""
        key = secrets.token_hex(8)
        return Batch(
            mailing=Mailing(message, envelope(self._publication, taken[0].list, now, key)),
            recipients=tuple(self._recipient(letter) for letter in taken),
            key=f"letters-{key}",
            label="other",
        )

    def _recipient(self, letter: TransactionalMessage) -> Recipient:
        """A letter that asks says nothing of its reader: all of that, a stranger may have typed."""
        known = (
            subscriber_fields(letter.reader)
            if letter.kind is TransactionalKind.WELCOME
            else {"email": letter.reader.email}
        )
        personal = personal_links(self._links, letter.subscriber_id, 0, letter.list, letter.message)
        confirm = self._links.token(Purpose.CONFIRM, letter.subscriber_id, letter.signup_id, "")
        titles = [self._publication.config.lists[name].title for name in letter.lists if name in self._lists]
        own = {"confirm_url": self._links.confirm_url(confirm), "lists_asked": ", ".join(titles)}
        return Recipient(
            delivery_id=f"letter-{letter.id}", email=letter.reader.email, fields={**known, **personal, **own}
        )

    @property
    def _limits(self) -> ProviderLimits:
        send, zone = self._publication.config.send, self._publication.config.publication.timezone
        return ProviderLimits(rate=send.rate, warmup=send.warmup, zone=zone)

    @property
    def _lists(self) -> Mapping[str, object]:
        return self._publication.config.lists

    def _settle(self, taken: Sequence[TransactionalMessage], answer: Answer) -> None:
        """Write down what became of them; a provider that stopped gives way to the next."""
        patience, now = self._publication.config.send.patience.delta, self._clock()
        outcomes = list(zip(taken, answer.results, strict=True))
        with self._database.begin() as connection:
            transactional_queue.settle(connection, outcomes, patience=patience, stopped=bool(answer.stop), now=now)
        if answer.stop:
            self._say_once(f"{self._provider.title} stopped: {answer.stop}. Letters wait.")
            self._employ(successor(self._publication, self._provider.name))

    def _say_once(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._say(sentence)

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold what only one process on the database can hold."""
        with contextlib.ExitStack() as stack:
            lock = self._lock(stack)
            while not lock() and not self._asked.is_set():
                self._asked.wait(LOOK)
            yield

    def _lock(self, stack: contextlib.ExitStack) -> Callable[[], bool]:
        """A file on SQLite; on PostgreSQL a lock that ends with its connection."""
        if self._database.engine.dialect.name == "sqlite":
            return stack.enter_context(SenderLock(f"{self._database.name}.letters")).acquire
        connection = stack.enter_context(
            self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        )
        asked = text("SELECT pg_try_advisory_lock(hashtext('newsletter.subscribers.transactional_queue'))")
        return lambda: bool(connection.scalar(asked))
