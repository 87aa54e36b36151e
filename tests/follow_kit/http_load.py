"""Asks a web server for numbered targets over one connection, so that its log has them in order."""

from __future__ import annotations

import socket

from follow_kit.lines import Combined
from follow_kit.writer import bursts

#: nginx closes a connection after 1,000 requests (keepalive_requests).
REQUESTS_PER_CONNECTION = 1_000
#: Requests that are under way together: fewer than fill the socket's buffers.
PIPELINED = 64
STATUS_LINE = b"HTTP/1.1 "


def ask(port: int, count: int, rate_per_s: float, shape: Combined, first: int = 1) -> range:
    """Send requests at a rate, each answered; the numbers that were asked for."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    sent = 0
    try:
        for burst in bursts(count, rate_per_s):
            for start in range(burst.start, burst.stop, PIPELINED):
                batch = range(start, min(start + PIPELINED, burst.stop))
                if sent + len(batch) > REQUESTS_PER_CONNECTION:
                    connection.close()
                    connection, sent = socket.create_connection(("127.0.0.1", port), timeout=60), 0
                connection.sendall(b"".join(_request(shape, first + index) for index in batch))
                _read_answers(connection, len(batch))
                sent += len(batch)
    finally:
        connection.close()
    return range(first, first + count)


def _request(shape: Combined, number: int) -> bytes:
    head = f"GET {shape.target(number)} HTTP/1.1\r\nHost: localhost\r\n"
    return f"{head}User-Agent: {shape.user_agent(number)}\r\n\r\n".encode()


def _read_answers(connection: socket.socket, count: int) -> None:
    """Read until so many answers have begun; what follows their heads is small and comes with them."""
    answers = b""
    while answers.count(STATUS_LINE) < count or not answers.endswith(b"ok"):
        block = connection.recv(1 << 16)
        if not block:
            raise ConnectionError("the server closed the connection")
        answers += block
