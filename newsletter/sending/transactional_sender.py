"""Send the messages of the transactional queue: confirmations, answers to those who are on the list, welcomes.

One thread at a database does it, for as long as the server runs. Messages wait for the turn that campaigns wait for
(rate_gate.py), and their answers are settled by the same rules (settlement.py). `handed` is committed before the
first byte leaves, the outcome after the answer. A process that dies in between leaves messages `unknown`, which are
never sent again: the reader may ask anew. Only the outbox gets them again, since a file takes its own place. A copy of
a database, and a backup that was put back, send nothing (database_guard.py): the other one may have.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.errors import NewsletterError
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient
from newsletter.providers import dispatch, find_provider, read_settings, successor
from newsletter.providers.base import Answer, Batch, Result
from newsletter.providers.dispatch import Step
from newsletter.sending import database_guard
from newsletter.sending.database_guard import LastSendMarker, MailQueue
from newsletter.sending.job import draw_jitter, log_failure
from newsletter.sending.lock import SenderLock
from newsletter.sending.pacing import RunHistory
from newsletter.sending.rate_gate import RateGate
from newsletter.sending.recipients import personal_links
from newsletter.sending.settlement import settlement, single_message_policy
from newsletter.signed_links import Links, Purpose
from newsletter.subscribers import signups, transactional_queue
from newsletter.subscribers.subscriber import subscriber_fields
from newsletter.subscribers.transactional_queue import TransactionalKind, TransactionalMessage
from newsletter.times import Clock, utc_now

logger = logging.getLogger(__name__)

LOOK = 0.3
"""Seconds between two looks at the queue."""
AGAIN = 30.0
"""Seconds until a provider that stopped, or a database that failed, is tried again."""
MOST = 50
"""Messages in one call, at most: so many are unknown when the process is killed."""
SWEEP = timedelta(days=1)
"""The time between two looks for those who never confirmed."""
DRAIN = 8.0
"""Seconds that a call under way may take once it is stopping; then it is ended, where the provider can."""
ABORT = 1.5
"""Seconds in which the outcomes of an ended call are written."""

Messages = Mapping[tuple[str, str], CompiledMessage]
"""Compiled messages by name and language; the language "" stands for every one."""


class TransactionalSender:
    """A thread that sends what waits in the transactional queue; a context manager."""

    def __init__(
        self,
        publication: PublicationSettings,
        database: Database,
        messages: Messages,
        say: Callable[[str], None],
        stop_asked: threading.Event | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """End after the call under way once `stop_asked` is set. Raises ConfigError when the provider is set wrong."""
        self._publication = publication
        self._database = database
        self._messages = messages
        self._say = say
        self._clock = clock
        self._links = Links(publication)
        self._last_send_marker = LastSendMarker(database, MailQueue.LETTERS)
        self._stop_asked = stop_asked or threading.Event()
        self._thread = threading.Thread(target=self._run, name="transactional-sender", daemon=True)
        self._said = ""
        self._next_sweep = clock()
        self._use_provider("")

    def __enter__(self) -> TransactionalSender:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop_asked.set()
        self._thread.join(DRAIN)
        if self._thread.is_alive() and self._provider.abort:
            self._provider.abort()
            self._thread.join(ABORT)

    @property
    def is_stopping(self) -> bool:
        """Tell whether nothing more is to be handed over."""
        return self._stop_asked.is_set()

    def deliver(self) -> bool:
        """Make one call for the messages that are due; return whether there were any."""
        count = self._due()
        if not count or not self._gate.take_turn(count):
            return False
        with self.writer() as connection:
            queued, message = self._take(connection, count)
            self._gate.give_back(connection, count - len(queued))
            if message is None:
                return bool(queued)
            handed_at = self._clock()
            parts = dispatch.prepare(self._provider, self._batch(queued, message, handed_at), self._settings)
            hand_over = self._last_send_marker.count(connection, handed_at)
            transactional_queue.hand(connection, queued, self._provider.name, handed_at)
        self._last_send_marker.rise(hand_over)
        self._settle(queued, dispatch.hand_over(parts, _UntilStopped(self)), handed_at)
        return True

    def writer(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes."""
        return self._database.begin()

    def wait(self, seconds: float) -> None:
        """Wait, but not on once it is stopping."""
        self._stop_asked.wait(seconds)

    def say_once(self, sentence: str) -> None:
        """Say a sentence, unless it was the last one."""
        if sentence and sentence != self._said:
            self._said = sentence
            self._say(sentence)

    def _use_provider(self, name: str) -> None:
        """Send through this provider from now on; an empty name is the publication's own."""
        self._provider = find_provider(self._publication, name)
        self._settings = read_settings(self._publication, self._provider)
        self._policy = single_message_policy(self._provider)
        self._history = RunHistory()
        rate = self._publication.config.send.rate
        self._gate = RateGate(self, self._publication, self._provider.name, rate, self._clock)

    def _run(self) -> None:
        with self._only_one():
            while not self.is_stopping and not self._try(self._recover):
                pass
            while not self.is_stopping:
                self.wait(0.0 if self._try(self._round) else LOOK)

    def _recover(self) -> bool:
        """Decide about the messages that a dead process had handed over. Raises NewsletterError in a copy or backup."""
        with self.writer() as connection:
            database_guard.settle(connection, database_guard.here(self._database), self._clock())
            self._last_send_marker.require_newest(connection)
            transactional_queue.recover(connection, self._provider, self._clock())
        return True

    def _round(self) -> bool:
        self._sweep()
        return self.deliver()

    def _sweep(self) -> None:
        """Delete those who never confirmed, once a day."""
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            with self.writer() as connection:
                signups.forget_unconfirmed(connection, self._publication, now)

    def _try(self, step: Callable[[], bool]) -> bool:
        """Take one step; an error is said and logged, and the step tried again later."""
        try:
            return step()
        except NewsletterError as error:
            self.say_once(f"newsletter: error: {error}")
        except Exception as error:  # a mistake in the program is no reason to leave all messages
            self.say_once(f"newsletter: error: confirmations: {type(error).__name__}: {error}")
            log_failure(logger, "a step of the transactional sender failed", error)
        self.wait(AGAIN)
        return False

    def _due(self) -> int:
        most = min(self._provider.batch_size, self._provider.window or MOST, MOST)
        with self._database.read() as connection:
            return transactional_queue.due(connection, most, self._clock())

    def _take(self, connection: Connection, count: int) -> tuple[list[TransactionalMessage], CompiledMessage | None]:
        """Take messages that are due, and what they say; if there is no such message any more, skip them."""
        now = self._clock()
        queued = self._without_lost_lists(connection, transactional_queue.take(connection, count, now))
        if not queued:
            return [], None
        names = (queued[0].message, queued[0].language), (queued[0].message, "")
        message = next((self._messages[name] for name in names if name in self._messages), None)
        if message is None:
            transactional_queue.skip(connection, queued, "there is no such message any more", now)
        return queued, message

    def _without_lost_lists(
        self, connection: Connection, queued: list[TransactionalMessage]
    ) -> list[TransactionalMessage]:
        """Skip messages whose lists have all left newsletter.toml; they must not keep others waiting."""
        lists = self._publication.config.lists
        lost = [single for single in queued if lists.keys().isdisjoint((single.list, *single.lists))]
        if lost:
            transactional_queue.skip(connection, lost, "its list is not in newsletter.toml any more", self._clock())
        return [single for single in queued if single not in lost]

    def _batch(self, queued: Sequence[TransactionalMessage], message: CompiledMessage, now: datetime) -> Batch:
        """Make a batch under a new key: what is tried again is known not to have left."""
        key = secrets.token_hex(8)
        lists, own = self._publication.config.lists, queued[0].list
        list_name = own if own in lists else self._publication.default_list
        return Batch(
            mailing=Mailing(message, envelope(self._publication, list_name, now, key)),
            recipients=tuple(self._recipient(single) for single in queued),
            key=f"letters-{key}",
            label="other",
        )

    def _recipient(self, message: TransactionalMessage) -> Recipient:
        """Return a message's recipient; before they confirmed, with nothing but the address: a stranger may ask."""
        is_welcome = message.kind is TransactionalKind.WELCOME
        known = subscriber_fields(message.reader) if is_welcome else {"email": message.reader.email}
        named = message.subscriber_id, message.reader.link_key
        personal = personal_links(self._links, named, 0, message.list, message.message)
        confirm = self._links.token(Purpose.CONFIRM, named[0], message.signup_id, message.asked, named[1])
        lists = self._publication.config.lists
        titles = [lists[name].title for name in message.lists if name in lists]
        stay = self._links.token(Purpose.READER, named[0], 0, message.list, named[1])
        own = {
            "confirm_url": self._links.confirm_url(confirm),
            "lists_asked": ", ".join(titles),
            "stay_url": self._links.stay_url(stay),
        }
        fields = {**known, **personal, **own}
        return Recipient(delivery_id=f"letter-{message.id}", email=message.reader.email, fields=fields)

    def _settle(self, queued: Sequence[TransactionalMessage], answer: Answer, handed_at: datetime) -> None:
        """Write the outcomes; when the provider stopped, go on through the next one."""
        now = self._clock()
        settled = settlement(answer, None, self._policy, self._history, now, jitter=draw_jitter())
        self._history = settled.history
        outcomes = list(zip(queued, settled.answer.results, strict=True))
        patience, wait = self._publication.config.send.patience.delta, settled.reaction.wait
        with self.writer() as connection:
            stopped = bool(answer.stop)
            transactional_queue.settle(connection, outcomes, patience=patience, wait=wait, stopped=stopped, now=now)
            if settled.is_throttled:
                self._gate.slow_down(connection, len(outcomes), handed_at=handed_at, wait=wait)
        if settled.reaction.pause:
            self.say_once(f"{self._provider.title} stopped: {settled.reaction.pause}. Confirmations and welcomes wait.")
            self._use_provider(successor(self._publication, self._provider.name))

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Wait until no other process sends these messages from the database, and keep others out."""
        with contextlib.ExitStack() as stack:
            lock = self._lock(stack)
            while not lock() and not self.is_stopping:
                self.wait(LOOK)
            yield

    def _lock(self, stack: contextlib.ExitStack) -> Callable[[], bool]:
        """Return the function that tries the lock: of a file on SQLite, of the connection on PostgreSQL."""
        if self._database.engine.dialect.name == "sqlite":
            return stack.enter_context(SenderLock(f"{self._database.name}.letters")).acquire
        connection = stack.enter_context(
            self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        )
        attempt = text("SELECT pg_try_advisory_lock(hashtext('newsletter.subscribers.transactional_queue'))")
        return lambda: bool(connection.scalar(attempt))


class _UntilStopped:
    """A `dispatch.ProgressLog` that keeps nothing, and lets messages leave until the sender is to stop."""

    def __init__(self, sender: TransactionalSender) -> None:
        self._sender = sender

    def advance(self, _done: Sequence[tuple[Recipient, Result]], _coming: Iterable[Recipient]) -> Step:
        return Step.STOP if self._sender.is_stopping else Step.GO
