"""Serve requests with Postmark's or Mailgun's answers, and do nothing else: `python -m bench.sink`.

It prints its port and ends with its stdin. It is as cheap as Python allows, so that the figures are the sender's.
"""

from __future__ import annotations

import socket
import sys
import threading

MESSAGE = b'"delivery_id"'
"""The text that every message in a request to Postmark has once."""
ONE = b'{"ErrorCode":0,"MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817"}'
QUEUED = b'{"id":"<1@news.example.com>","message":"Queued. Thank you."}'


def serve(connection: socket.socket) -> None:
    """Answer the requests of one connection until the other side closes it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb", buffering=1 << 16) as stream:
        while line := stream.readline():
            length = 0
            while (header := stream.readline()) not in (b"\r\n", b""):
                if header[:15].lower() == b"content-length:":
                    length = int(header[15:])
            answer = _answer(line, stream.read(length))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def _answer(line: bytes, body: bytes) -> bytes:
    if b"/v3/" in line:
        return QUEUED
    return b"[" + b",".join([ONE] * body.count(MESSAGE)) + b"]"


def _listen(listener: socket.socket) -> None:
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def main() -> None:
    """Listen until stdin ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_listen, args=(listener,), daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
