"""Labeled Tab-separated Values line by line."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta, timezone
from typing import Any

import msgspec
import pytest
from format_kit import column_of_failure
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.ltsv import LTSV, SPECS
from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

FORMAT_KEYS = ("forwarded_for", "duration", "request_bytes", "upstream_duration", "cache", "extra")
NO_LABEL = "ltsv: expected one of the labels req, method, uri, status"


def _record(**values: Any) -> list[tuple[str, Any]]:
    """A whole record as a list of pairs: null where `values` says nothing."""
    return [(key, values.get(key)) for key in (*Record.__struct_fields__, *FORMAT_KEYS)]


def _parse(line: bytes, zone: Zone | None = None, site: str = "") -> list[tuple[str, Any]]:
    return list(msgspec.json.decode(encode(LTSV(Settings(site, zone or Zone())).parse(line))).items())


@pytest.mark.parametrize(
    ("line", "record"),
    [
        pytest.param(
            b"host:127.0.0.1\tident:-\tuser:-\ttime:[10/Jul/2018:13:27:05 +0200]\treq:GET /a/b?c HTTP/1.1\t"
            b"status:200\tsize:16218\treferer:http://h/\tua:Mozilla/5.0 (X11)",
            _record(
                time="2018-07-10T11:27:05Z",
                epoch=1_531_222_025,
                client="127.0.0.1",
                method="GET",
                path="/a/b",
                query="c",
                protocol="HTTP/1.1",
                status=200,
                bytes=16218,
                referer="http://h/",
                user_agent="Mozilla/5.0 (X11)",
                section="/a",
            ),
            id="Apache's combined as LTSV",
        ),
        pytest.param(
            b"time:2018-07-10T13:27:05.123+02:00\thost:[::1]:80\tvhost:Example.com:443\tforwardedfor:1.1.1.1\t"
            b"method:GET\turi:/a?b\tprotocol:HTTP/2.0\tstatus:304\tsize:-\treqsize:17\treqtime:0.250\t"
            b"apptime:0.125\tcache:HIT\truntime:0.1\tx:y:z\tempty:\tnone:-\tident:i\tuser:u",
            _record(
                time="2018-07-10T11:27:05.123Z",
                epoch=1_531_222_025.123,
                client="::1",
                ident="i",
                user="u",
                vhost="example.com",
                method="GET",
                path="/a",
                query="b",
                protocol="HTTP/2.0",
                status=304,
                bytes=0,
                section="/a",
                forwarded_for="1.1.1.1",
                duration=0.25,
                request_bytes=17,
                upstream_duration=0.125,
                cache="HIT",
                extra={"runtime": "0.1", "x": "y:z"},
            ),
            id="all labels",
        ),
        pytest.param(
            b"status:200\treqtime:0.25\treqtime_microsec:250123\tapptime:0.1, 0.2",
            _record(
                status=200,
                duration=0.250123,
                upstream_duration=0.2,
                extra={"reqtime": "0.25", "apptime": "0.1, 0.2"},
            ),
            id="the finer time, the last upstream",
        ),
        pytest.param(
            b"status:200\treqtime_microsec:-\treqtime:2", _record(status=200, duration=2), id="the only time"
        ),
        pytest.param(
            b"time:1531222025.5\tstatus:200",
            _record(time="2018-07-10T11:27:05.5Z", epoch=1_531_222_025.5, status=200),
            id="Unix seconds",
        ),
        pytest.param(b"status:000\t\ttime:-", _record(), id="nothing known, an empty field"),
        pytest.param(
            b"method:GET\tprotocol:HTTP/1.0\turi:-",
            _record(method="GET", protocol="HTTP/1.0"),
            id="no target",
        ),
        pytest.param(b"req:-", _record(), id="no request"),
        pytest.param(b"req:\\x16\\x03", _record(request=r"\x16\x03"), id="no HTTP"),
        pytest.param(
            b'status:200\tua:a \\"q\\" caf\\xc3\\xa9 \\x1b\x85\xe2\x80\xa8',
            _record(status=200, user_agent='a "q" caf\u00e9 ' + r"\x1b\x85\xe2\x80\xa8"),
            id="escapes",
        ),
    ],
)
def test_a_line_gives_its_whole_record(line: bytes, record: list[tuple[str, Any]]) -> None:
    assert _parse(line) == record


def test_settings_are_used() -> None:
    found = dict(
        _parse(
            b"time:10/Jul/2018:13:27:05\treq:GET /a/b HTTP/1.1",
            Zone(timezone(timedelta(hours=2))),
            "http://my.site.com",
        )
    )
    assert (found["time"], found["section"]) == ("2018-07-10T11:27:05Z", "http://my.site.com/a")


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        pytest.param(b"", NO_LABEL, 1, id="nothing"),
        pytest.param(
            b"host:1.2.3.4\tcpu:5",
            "ltsv: expected one of the labels req, method, uri, status",
            1,
            id="others",
        ),
        pytest.param(b"status:200\thello", "ltsv: expected label:value", 12, id="no label"),
        pytest.param(
            b"status:200\ttime:noon",
            "time: expected [dd/Mon/yyyy:hh:mm:ss zone], ISO 8601 or seconds",
            17,
            id="no time",
        ),
    ],
)
def test_a_bad_line_is_refused_with_reason_and_column(line: bytes, reason: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        _parse(line)
    assert (caught.value.reason, caught.value.column) == (reason, column)


@given(st.one_of(st.binary(), st.binary().map(lambda rest: b"status:200\ttime:" + rest)))
def test_any_line_gives_a_record_or_a_parse_error_within_it(line: bytes) -> None:
    assert column_of_failure(_parse, line) in (None, *range(1, len(line) + 2))


def test_the_example_of_each_name_is_in_its_format() -> None:
    assert [spec.name for spec in SPECS] == ["ltsv"]
    for spec in SPECS:
        reader = spec.make(Settings("", Zone()))
        assert reader.parse(spec.example).path == "/"
        assert (reader.name, reader.block_parser()) == (spec.name, None)


HOSTILE = """
from w3ctools.core.errors import ParseError
from w3ctools.core.formats.ltsv import SPECS
from w3ctools.core.formats.format import Settings
from w3ctools.core.timestamp import Zone
reader = SPECS[0].make(Settings("", Zone()))
pieces = [b"\\t", b"a:", b"a:\\t", b"a", b":", b"1", b"1,", b" ", b" : ",
          b"\\\\x", b"\\\\xff", b"\\xff", b"/", b"[", b'"']
for label in (b"status:200\\tapptime:", b"time:", b"req:GET /", b"host:", b""):
    for piece in pieces:
        try:
            reader.parse(b"status:200\\t" + label + piece * ((1 << 18) // len(piece)) + b"x")
        except ParseError:
            pass
"""


def test_hostile_lines_of_256_kib_take_no_long_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
