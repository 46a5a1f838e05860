"""Standard output and error that pass no control character on: the only way from the program to a terminal.

`main` puts them in place before a command runs, so whatever prints (click, logging, a traceback) goes through them.
Only rich, which draws bars, writes to the terminal itself; what it shows is made printable first (terminal.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO

from newsletter.printable import printable


class SafeStream:
    """A text stream that escapes control characters; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.rich_proxied_file: TextIO = getattr(stream, "rich_proxied_file", stream)
        """The stream that rich takes in place of this one: its bars are made of control characters."""

    def write(self, text: str) -> int:
        """Write the text, made printable; return its length."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def data_output() -> Iterator[TextIO]:
    """Open standard output for data in UTF-8: a file or a program gets every byte, a terminal no control character."""
    if sys.stdout.isatty():
        yield sys.stdout
        return
    stream = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    yield stream
    stream.flush()
    stream.detach()


def protect_terminal() -> None:
    """Put safe streams in the place of standard output and error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, SafeStream):
            setattr(sys, name, SafeStream(stream))
