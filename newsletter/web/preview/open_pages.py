"""The preview's pages that are open in a browser, and the updates that each still has to get.

A slow page gets the newest update of each kind, not all that it missed. event_stream.py sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

HEARTBEAT = 15.0
"""Seconds without an update after which something is sent to keep the connection open."""
INBOX = ""
"""The topic of the start page."""
RESULTS = "/results"
"""The topic of the page of results, which no slug can be; any other topic is an issue's slug."""
ISSUELESS = (INBOX, RESULTS)
Update = Mapping[str, object]
"""The data of one update, ready for JSON."""


class PageListener:
    """An open page: its topic, and the newest update of each kind that was not sent to it yet."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._updates: dict[str, Update] = {}
        self._woken = asyncio.Event()

    def add(self, kind: str, update: Update) -> None:
        """Keep an update as the newest of its kind, and wake the page's stream."""
        # A dict keeps a key's first place; removed, it comes last.
        self._updates.pop(kind, None)
        self._updates[kind] = update
        self._woken.set()

    def wake(self) -> None:
        """Let the stream check whether it should end."""
        self._woken.set()

    async def next_updates(self) -> list[tuple[str, Update]]:
        """Wait for updates and return them, the newest last; empty after HEARTBEAT without any."""
        try:
            await asyncio.wait_for(self._woken.wait(), HEARTBEAT)
        except TimeoutError:
            return []
        self._woken.clear()
        updates, self._updates = self._updates, {}
        return list(updates.items())


class OpenPages:
    """The listeners of all open pages. Used from the event loop only."""

    def __init__(self) -> None:
        self._listeners: set[PageListener] = set()
        self.is_open = False

    def open(self) -> None:
        """Accept streams from now on."""
        self.is_open = True

    def close(self) -> None:
        """End every stream."""
        self.is_open = False
        for listener in self._listeners:
            listener.wake()

    @property
    def topics(self) -> frozenset[str]:
        """The topics of all open pages."""
        return frozenset(listener.topic for listener in self._listeners)

    def publish(self, topic: str, kind: str, update: Update) -> None:
        """Give an update to every open page of a topic."""
        for listener in self._listeners:
            if listener.topic == topic:
                listener.add(kind, update)

    @contextmanager
    def listener(self, topic: str) -> Iterator[PageListener]:
        """Add a page for as long as its stream lasts."""
        listener = PageListener(topic)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
