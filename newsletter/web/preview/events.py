"""Events: what open pages look at, and what they have not been told yet.

A page that is slow gets the newest of what it missed, not all of it. How it is told is in `stream`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps the connection open."""
INBOX = ""
"""The topic of the start page; any other is an issue's slug."""
News = Mapping[str, object]


class Listener:
    """One open page: what it looks at, and what it has not been told yet, the newest of each kind."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._news: dict[str, News] = {}
        self._woken = asyncio.Event()

    def tell(self, kind: str, news: News) -> None:
        """Remember as the last, and wake the page's stream."""
        self._news.pop(kind, None)
        self._news[kind] = news
        self._woken.set()

    def wake(self) -> None:
        """Let the stream look whether it should end."""
        self._woken.set()

    async def heard(self) -> list[tuple[str, News]]:
        """What is new, or nothing after HEARTBEAT."""
        try:
            await asyncio.wait_for(self._woken.wait(), HEARTBEAT)
        except TimeoutError:
            return []
        self._woken.clear()
        news, self._news = self._news, {}
        return list(news.items())


class Events:
    """Who looks at what. Used from the event loop only."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.is_open = False

    def open(self) -> None:
        """Take listeners from now on."""
        self.is_open = True

    def close(self) -> None:
        """End every stream."""
        self.is_open = False
        for listener in self._listeners:
            listener.wake()

    @property
    def topics(self) -> frozenset[str]:
        """What somebody looks at."""
        return frozenset(listener.topic for listener in self._listeners)

    def tell(self, topic: str, kind: str, news: News) -> None:
        """Tell everybody who looks at it."""
        for listener in self._listeners:
            if listener.topic == topic:
                listener.tell(kind, news)

    @contextmanager
    def listener(self, topic: str) -> Iterator[Listener]:
        """A page that looks, as long as it does."""
        listener = Listener(topic)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
