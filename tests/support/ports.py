"""Ports on the loopback address that nobody else takes meanwhile."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def _first_outgoing() -> int:
    """From here on Linux gives connections that go out a port of their own (ip-sysctl, `ip_local_port_range`)."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768


BELOW_OUTGOING = range(_first_outgoing() // 2, _first_outgoing())
"""These are left alone."""


def free_port() -> int:
    """One to listen on, for a program that cannot say which it was given."""
    for port in random.SystemRandom().sample(BELOW_OUTGOING, 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("a hundred ports were taken")


@contextmanager
def deaf_port() -> Iterator[int]:
    """One where every connection is refused: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])
