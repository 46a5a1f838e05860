"""Share the connections to a mail server among all threads of the process, and learn how many it takes.

A thread takes a connection for one message and gives it back. At most `connections` are open; where the server takes
fewer, messages wait for those that it takes. A connection that the server limits to some messages is left after as
many. Idle ones are closed soon, so that other programs find room.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from smtplib import SMTPException

from newsletter.providers.base import Settings
from newsletter.providers.smtp_errors import BrokenError, RefusedError
from newsletter.providers.smtp_session import SmtpSession

IDLE_SECONDS = 5.0
"""Seconds that a connection waits for another message before it is closed."""
PAUSE_SECONDS = 0.05
"""Seconds between two tries while the server may do so."""
JUST_CLOSED_SECONDS = 1.0
"""Seconds for which a server may still count a connection that was closed."""
GROWS_AFTER = 600.0
"""Seconds after which one connection more is tried, where the server took fewer than `connections`."""


class SmtpConnections:
    """The connections of this process to one mail server, with one login."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._idle: list[tuple[float, SmtpSession]] = []
        """SmtpConnections that nobody uses, and since when; the last used at the end."""
        self._open: set[SmtpSession] = set()
        """All connections, with those that are being opened."""
        self._wanted = int(settings["connections"])
        self._most, self._grows_at = self._wanted, 0.0
        self._closed_at = -JUST_CLOSED_SECONDS
        """When a connection that was in use was closed last."""
        self._stops = 0
        """How often `abort` was called."""
        self._keeper: threading.Thread | None = None
        self._limits: tuple[int, int] = (0, 0)
        """Messages that a connection took before it was refused another, and how often in a row it was as many."""
        self.may_pipeline = True
        self.unhelped: set[str] = set()
        """Causes of refusals for which a new connection made no difference."""

    @property
    def most(self) -> int:
        """Return how many connections may be open now."""
        return self._most

    @property
    def messages_each(self) -> int:
        """Return the messages that a connection takes, seen twice or more; 0 when there is no such limit."""
        number, times = self._limits
        return number if times > 1 else 0

    def take(self, hello: str, *, new: bool = False) -> SmtpSession:
        """Return a connection that is ready for a message, and nobody else's until it is given back.

        With `new`, one that was never used. Waits while as many are in use as the server takes. Raises BrokenError,
        RefusedError or SMTPException.
        """
        with self._changed:
            stops = self._stops
        while True:
            session, is_new = self._next(hello, stops, new=new)
            if not is_new or self._is_opened(session):
                return session

    def give_back(self, session: SmtpSession) -> None:
        """Let others use a connection, or close it when it has taken as many messages as it may."""
        with self._changed:
            is_full = self.messages_each and session.taken >= self.messages_each
            is_kept = session.sock is not None and not is_full and len(self._open) <= self._most
            if is_kept:
                self._idle.append((self._clock(), session))
                self._keep_watch()
                self._changed.notify()
        if not is_kept:
            self.drop(session)

    def drop(self, session: SmtpSession) -> None:
        """Close a connection; return once the server has closed it, too, so that it counts it no more."""
        session.leave_and_wait()
        self._closed_at = self._clock()
        self._forget(session)

    @contextmanager
    def owning(self, session: SmtpSession) -> Iterator[None]:
        """Drop a connection when the block fails, so that it is not counted for ever."""
        try:
            yield
        except BaseException:
            self.drop(session)
            raise

    def note_limit(self, number: int) -> None:
        """Learn that a connection took `number` messages, and that the next one needed another connection."""
        with self._changed:
            known, times = self._limits
            self._limits = (number, times + 1 if number == known else 1)

    def abort(self) -> None:
        """End every wait for an answer, a greeting or a connection; connections that are made later are not ended."""
        with self._changed:
            self._stops += 1
            sessions = [*self._open]
            self._changed.notify_all()
        for session in sessions:
            session.abort()

    def close_idle(self, older_than: float = 0.0) -> int:
        """Close connections that nobody has used for so many seconds; return how many are left idle."""
        with self._changed:
            now = self._clock()
            old = [session for since, session in self._idle if now - since >= older_than]
            self._idle = [(since, session) for since, session in self._idle if now - since < older_than]
            left = len(self._idle)
        for session in old:
            session.leave()
            self._forget(session)
        return left

    def _next(self, hello: str, stops: int, *, new: bool) -> tuple[SmtpSession, bool]:
        """Wait for a connection, or for room for one; return it, and whether it is still to be opened."""
        unfit: list[SmtpSession] = []
        try:
            with self._changed:
                while self._stops == stops:
                    if not new and (session := self._usable(unfit)):
                        return session, False
                    if len(self._open) >= self._room() and self._idle:
                        unfit.append(self._idle.pop(0)[1])
                        self._open.discard(unfit[-1])
                    if len(self._open) < self._room():
                        session = SmtpSession(self._settings, hello)
                        session.may_pipeline = self.may_pipeline
                        self._open.add(session)
                        return session, True
                    self._changed.wait()
            raise BrokenError("the wait for a connection was ended")
        finally:
            for session in unfit:
                session.leave_and_wait()
                self._closed_at = self._clock()

    def _usable(self, unfit: list[SmtpSession]) -> SmtpSession | None:
        """Return the connection that was used last, if there is one; those that the server closed go to `unfit`."""
        while self._idle:
            _, session = self._idle.pop()
            if session.is_quiet():
                return session
            unfit.append(session)
            self._open.discard(session)
        return None

    def _room(self) -> int:
        """Return how many connections may be open; one more than the server took, after a while."""
        if self._most < self._wanted and self._clock() >= self._grows_at:
            self._most += 1
            self._grows_at = self._clock() + GROWS_AFTER
        return self._most

    def _is_opened(self, session: SmtpSession) -> bool:
        """Open a connection; return False when the server takes no more than the others that are open."""
        try:
            session.open()
        except (BrokenError, RefusedError, SMTPException) as error:
            others = self._forget(session)
            if session.is_aborted or not _is_about_number(error):
                raise
            with self._changed:
                is_clear = self._clock() - self._closed_at > JUST_CLOSED_SECONDS
                if not others and is_clear:  # it takes none at all: that says nothing about how many
                    self._most = self._wanted
                    raise
                if others:
                    self._most, self._grows_at = min(others, self._most), self._clock() + GROWS_AFTER
            if not others:
                time.sleep(PAUSE_SECONDS)
            return False
        except BaseException:
            self._forget(session)
            raise
        return True

    def _forget(self, session: SmtpSession) -> int:
        """Count a connection no more; return how many others there are."""
        with self._changed:
            self._open.discard(session)
            self._changed.notify()
            return len(self._open)

    def _keep_watch(self) -> None:
        """Have idle connections closed after a while; the thread for that ends with the last of them."""
        if self._keeper is None or not self._keeper.is_alive():
            self._keeper = threading.Thread(target=self._close_when_idle, name="smtp-idle", daemon=True)
            self._keeper.start()

    def _close_when_idle(self) -> None:
        while True:
            time.sleep(1.0)
            self.close_idle(IDLE_SECONDS)
            with self._changed:
                if not self._open:
                    self._keeper = None
                    return


def _is_about_number(error: Exception) -> bool:
    """Tell whether a server that refused one more connection may have done so because others are open."""
    if isinstance(error, BrokenError):
        return not error.stop
    if not isinstance(error, RefusedError):
        return False
    words = error.said.lower()
    return error.code < 500 or ("connections" in words or "sessions" in words)


_servers: dict[tuple[str, ...], SmtpConnections] = {}
_making = threading.Lock()
_IDENTITY = ("host", "port", "security", "username", "password", "connections")


def connections_to(settings: Settings) -> SmtpConnections:
    """Return the one SmtpConnections of this process for the server and login of these settings."""
    identity = tuple([settings[name] for name in _IDENTITY])
    if known := _servers.get(identity):
        return known
    with _making:
        return _servers.setdefault(identity, SmtpConnections(settings))


def abort() -> None:
    """End every wait for a mail server."""
    for connections in [*_servers.values()]:
        connections.abort()


def close_idle() -> None:
    """Close every connection that nobody uses."""
    for connections in [*_servers.values()]:
        connections.close_idle()
