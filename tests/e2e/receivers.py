"""Who gets notifications: a mail server, a web server, and two that do not answer; all on localhost."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, NamedTuple, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
#: Long enough for a loaded machine: only what hangs takes so long.
DEADLINE_S = 60.0

T = TypeVar("T")


class Mail(NamedTuple):
    """A message as it came."""

    subject: str
    #: Its text, the plain one if there are two; lines end with LF.
    body: str
    to: list[str]


class Receiver(Generic[T]):
    """Somebody who listens at `host` and `port`, and all that came so far."""

    def __init__(self) -> None:
        self.host = HOST
        self.port = 0
        self._received: list[T] = []
        self._changed = threading.Condition()

    @property
    def received(self) -> list[T]:
        """All up to now, in order."""
        with self._changed:
            return list(self._received)

    def add(self, item: T) -> None:
        """Something came."""
        with self._changed:
            self._received.append(item)
            self._changed.notify_all()

    def wait_for(self, count: int, deadline_s: float = DEADLINE_S) -> list[T]:
        """The first `count`, once they are there."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, deadline_s):
                raise AssertionError(f"{len(self._received)} of {count} came within {deadline_s:g} s")
            return self._received[:count]


class MailServer(Receiver[Mail]):
    """Takes mail for everybody whose address does not begin with ``nobody``."""

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Part of aiosmtpd's protocol."""
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Part of aiosmtpd's protocol."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        text = message.get_body(("plain", "html"))
        assert text is not None
        body = text.get_content().replace("\r\n", "\n")
        self.add(Mail(str(message["subject"]), body, list(envelope.rcpt_tos)))
        return "250 OK"


class HttpEndpoint(Receiver[dict[str, Any]]):
    """Takes JSON bodies by POST."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}/"

    @property
    def notify_url(self) -> str:
        """The same as apprise writes it."""
        return f"json://{self.host}:{self.port}/"


@contextmanager
def smtp_server() -> Iterator[MailServer]:
    """A mail server, without encryption or login: ``mailto://host:port/?from=a@b.example&to=c@b.example``."""
    server = MailServer()
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        return SMTP(server, hostname="mail.example", enable_SMTPUTF8=True, loop=loop)

    listener = loop.run_until_complete(loop.create_server(protocol, HOST, 0))
    server.port = listener.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        loop.run_until_complete(_cancel_others())
        loop.close()


async def _cancel_others() -> None:
    """Connections that clients have left open."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def http_endpoint(status: int = 200, delay_s: float = 0) -> Iterator[HttpEndpoint]:
    """A web server that answers `status`, `delay_s` after it has got a body."""
    endpoint = HttpEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.add(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(delay_s)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def dead_port() -> Iterator[int]:
    """A port of localhost that refuses connections: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port of localhost that takes connections and never says a word."""
    with socket.create_server((HOST, 0), backlog=100) as listener:
        yield listener.getsockname()[1]
