"""uvicorn's access log, one line at a time.

    INFO:     127.0.0.1:54910 - "GET /api/fleet HTTP/1.1" 200 OK

It has no time, and neither size nor headers. On a terminal, level, request and status are coloured (SGR
sequences); the reason phrase behind the status says nothing that the status does not. IPv6 clients stand
without brackets, so the port is what follows the last colon (uvicorn/protocols/utils.py).
"""

from __future__ import annotations

import re

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import BlockParser, FormatSpec, Settings
from w3ctools.core.formats.request import parse_request
from w3ctools.core.formats.text import visible
from w3ctools.core.record import Record, record_type

_SGR = re.compile(rb"\x1b\[[0-9;]*m")
_LEVEL = re.compile(rb"[ \t]*[A-Z]+:[ \t]+")
_CLIENT = re.compile(rb"(?:(\S*):([0-9]{1,5})|(\S+))?[ \t]*- (?=\")")
_REQUEST = re.compile(rb'"(.*)"(?=[ \t]+[0-9]{3}(?:[ \t]|\Z))', re.DOTALL)
_STATUS = re.compile(rb"[ \t]+([0-9]{3})(?:[ \t].*)?", re.DOTALL)
_TYPE = record_type(("client_port",))


class Uvicorn:
    """The format, ready to parse."""

    name = "uvicorn"

    def __init__(self, settings: Settings) -> None:
        self._site = settings.site

    def block_parser(self) -> BlockParser | None:
        """None: this is the log of a server under development."""
        return None

    def parse(self, line: bytes) -> Record:
        """Parse a line, given without its line end. Raises ParseError with reason and column."""
        plain = _SGR.sub(b"", line)
        try:
            return self._parse(plain)
        except ParseError as error:
            raise ParseError(error.reason, _column_with_colours(line, error.column)) from None

    def _parse(self, line: bytes) -> Record:
        level = _LEVEL.match(line)
        if level is None:
            raise ParseError("level: expected INFO:", 1)
        client = _CLIENT.match(line, level.end())
        if client is None:
            raise ParseError('client: expected address:port - "', level.end() + 1)
        request = _REQUEST.match(line, client.end())
        if request is None:
            raise ParseError("request: expected a quoted request line and a status", client.end() + 1)
        status = _STATUS.fullmatch(line, request.end())
        assert status is not None  # the request's pattern looks ahead
        address = visible(client[1] or client[3] or b"")
        record = _TYPE(
            client=values.host_and_port(address)[0] or None,
            status=values.status(status[1]),
            **parse_request(visible(request[1]), self._site)._asdict(),
        )
        record.client_port = int(client[2]) if client[2] else None  # type: ignore[attr-defined]
        return record


def _column_with_colours(line: bytes, column: int) -> int:
    """The column in the line as it was, of one in the line without colours."""
    for colour in _SGR.finditer(line):
        if colour.start() + 1 > column:
            break
        column += len(colour[0])
    return column


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "uvicorn",
        "uvicorn's access log, which has no time",
        b'INFO:     127.0.0.1:54910 - "GET /api/fleet HTTP/1.1" 200 OK',
        Uvicorn,
    ),
)
