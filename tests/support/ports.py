"""Find ports on the loopback address that no other process takes meanwhile."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def _first_outgoing() -> int:
    """Return the lowest port that Linux gives to outgoing connections (ip-sysctl, `ip_local_port_range`)."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768


BELOW_OUTGOING = range(_first_outgoing() // 2, _first_outgoing())
"""Ports that Linux gives to no outgoing connection."""


def free_port() -> int:
    """Return a port to listen on, for a program that cannot report the port it was given."""
    for port in random.SystemRandom().sample(BELOW_OUTGOING, 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("a hundred ports were taken")


@contextmanager
def deaf_port() -> Iterator[int]:
    """Return a port where every connection is refused: it is taken, and no server listens on it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])
