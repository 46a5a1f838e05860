"""Stop on Ctrl-C and SIGTERM: the first signal finishes the work in hand, the second exits at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context in which the first signal sets `asked` and prints a sentence; the second ends the process.

    Outside the main thread it leaves the signals alone: only the main thread may handle them.
    """

    def __init__(self, sentence: str, asked: threading.Event | None = None) -> None:
        self.asked = asked or threading.Event()
        self._sentence = sentence
        self._signals = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1  # first of all: the second may come while the first is being handled
        if self._signals > 1:
            os._exit(128 + number)
        # In a thread: the signal may have come while this one held the lock inside `asked`.
        threading.Thread(target=self.asked.set, daemon=True).start()
        # Not print: the signal may have come in the middle of one.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{self._sentence}\n".encode())
