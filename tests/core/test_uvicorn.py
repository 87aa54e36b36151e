"""uvicorn's access log line by line."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from format_kit import column_of_failure
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.uvicorn import SPECS, Uvicorn
from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode


def _record(**values: Any) -> list[tuple[str, Any]]:
    """A whole record as a list of pairs: usual values where `values` says nothing."""
    usual = {
        "client": "127.0.0.1",
        "client_port": 54910,
        "method": "GET",
        "path": "/api/fleet",
        "protocol": "HTTP/1.1",
        "status": 200,
        "section": "/api",
    }
    return [(key, values.get(key, usual.get(key))) for key in (*Record.__struct_fields__, "client_port")]


def _parse(line: bytes, site: str = "") -> list[tuple[str, Any]]:
    return list(msgspec.json.decode(encode(Uvicorn(Settings(site, Zone())).parse(line))).items())


@pytest.mark.parametrize(
    ("line", "record"),
    [
        pytest.param(b'INFO:     127.0.0.1:54910 - "GET /api/fleet HTTP/1.1" 200 OK', _record(), id="plain"),
        pytest.param(
            b'\x1b[32mINFO\x1b[0m:     127.0.0.1:54910 - "\x1b[1mGET /api/fleet HTTP/1.1\x1b[0m" '
            b"\x1b[32m200 OK\x1b[0m",
            _record(),
            id="coloured",
        ),
        pytest.param(
            b'INFO:     ::1:54910 - "GET /api/fleet?a=%22 HTTP/1.1" 404 Not Found',
            _record(client="::1", query="a=%22", status=404),
            id="IPv6, a query",
        ),
        pytest.param(
            b'INFO:     127.0.0.1:54910 - "GET /api/fleet HTTP/1.1" 200', _record(), id="no reason phrase"
        ),
        pytest.param(
            b'INFO:      - "GET /api/fleet HTTP/1.1" 299 ',
            _record(client=None, client_port=None, status=299),
            id="a Unix socket: no client",
        ),
        pytest.param(
            b'INFO:     localhost - "GET /api/fleet HTTP/1.1" 200 OK',
            _record(client="localhost", client_port=None),
            id="no port",
        ),
        pytest.param(
            b'INFO:     127.0.0.1:54910 - "GET /api/"a" HTTP/1.1" 200 OK',
            _record(path='/api/"a"'),
            id="quotes in the path",
        ),
        pytest.param(
            b'INFO:     127.0.0.1:54910 - "WebSocket /ws" 403',
            _record(method="WebSocket", path="/ws", section="/ws", protocol=None, status=403),
            id="a WebSocket that was refused",
        ),
    ],
)
def test_a_line_gives_its_whole_record(line: bytes, record: list[tuple[str, Any]]) -> None:
    assert _parse(line) == record


def test_a_site_goes_before_the_section() -> None:
    assert dict(_parse(SPECS[0].example, "http://h"))["section"] == "http://h/api"


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        pytest.param(b"", "level: expected INFO:", 1, id="nothing"),
        pytest.param(
            b"INFO:     Started server process [7]", 'client: expected address:port - "', 11, id="a message"
        ),
        pytest.param(
            b"\x1b[32mINFO\x1b[0m:     Started server process [7]",
            'client: expected address:port - "',
            20,
            id="a coloured message: the column counts the colours",
        ),
        pytest.param(
            b'INFO:     ::1:1 - "GET / HTTP/1.1" OK',
            "request: expected a quoted request line and a status",
            19,
            id="no status",
        ),
    ],
)
def test_a_bad_line_is_refused_with_reason_and_column(line: bytes, reason: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        _parse(line)
    assert (caught.value.reason, caught.value.column) == (reason, column)


@given(st.one_of(st.binary(), st.binary().map(lambda rest: b'INFO:   ::1:5 - \x1b[m"' + rest + b'" 200')))
def test_any_line_gives_a_record_or_a_parse_error_within_it(line: bytes) -> None:
    assert column_of_failure(_parse, line) in (None, *range(1, len(line) + 2))


def test_the_example_of_each_name_is_in_its_format() -> None:
    assert [spec.name for spec in SPECS] == ["uvicorn"]
    for spec in SPECS:
        reader = spec.make(Settings("", Zone()))
        assert reader.parse(spec.example).path == "/api/fleet"
        assert (reader.name, reader.block_parser()) == (spec.name, None)


HOSTILE = """
from w3ctools.core.errors import ParseError
from w3ctools.core.formats.uvicorn import SPECS
from w3ctools.core.formats.format import Settings
from w3ctools.core.timestamp import Zone
reader = SPECS[0].make(Settings("", Zone()))
pieces = [b"A", b" ", b"\\t", b":", b":1", b"1", b"- ", b' - "', b'"', b'" 200', b'" 2', b" 200",
          b"\\x1b[", b"\\x1b[m",
          b"\\x1b[0;", b"\\xff", b"a"]
for before in (b"", b"INFO: ", b"INFO: ::1:5 - ", b'INFO: ::1:5 - "', b'INFO: ::1:5 - "GET /" 200'):
    for piece in pieces:
        for behind in (b"", b'" 200', b"x"):
            try:
                reader.parse(before + piece * ((1 << 18) // len(piece)) + behind)
            except ParseError:
                pass
"""


def test_hostile_lines_of_256_kib_take_no_long_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
