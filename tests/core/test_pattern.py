"""Compiled formats: fast path and readable path are equal, errors name a field, hostile lines are cheap."""

from __future__ import annotations

import subprocess
import sys
from datetime import timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w3ctools.core.errors import FormatError, ParseError
from w3ctools.core.formats import apache, nginx
from w3ctools.core.formats import pattern_kind as kind
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.pattern import PatternFormat, compile_format
from w3ctools.core.formats.pattern_field import Field
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

SITE = "http://my.site.com"
STAMP = "[10/Oct/2000:13:55:36 -0700]"


def _settings(site: str = "") -> Settings:
    return Settings(site, Zone(timezone.utc))


def _apache(text: str, site: str = "") -> PatternFormat:
    return apache.compile_log_format(text, _settings(site))


def _nginx(text: str, site: str = "") -> PatternFormat:
    return nginx.compile_log_format(text, "default", _settings(site))


def _json(text: str, site: str = "") -> PatternFormat:
    return nginx.compile_log_format(text, "json", _settings(site))


#: Formats with a line each, cut where fields begin.
SAMPLES = [
    (
        _apache,
        '%v:%p %h %l %u %t "%r" %>s %O %D "%{Referer}i" "%{User-Agent}i" %{X-Request-Id}i',
        f'a.example:443 1.2.3.4 - joe {STAMP} "GET /a/b?c=/d HTTP/1.1" 200 5 1234 "-" "curl/8 (x)" id-1',
    ),
    (
        _apache,
        '%a:%{remote}p [%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t] "%m %U%q %H" %s %{ms}T "%{Host}i" %{X}n|%R',
        '::1:8080 [2000-10-10 13:55:36.250] "GET /a/b?c HTTP/1.1" 200 15 "a.example:80" note|proxy server',
    ),
    (
        _apache,
        '%{usec}t %!200,304{Referer}i %m %U %q %^FB %k %X "%{a}C" "%{b}C"',
        '971211336000250 - GET /a#b/c ?c 1500000 0 + "-" "cookie"',
    ),
    (
        _nginx,
        '$remote_addr [$msec] $http_host "$request_uri" $status $upstream_addr $upstream_status '
        '$upstream_response_time [$x] "$http_x_forwarded_for" $request_time',
        '1.2.3.4 [971211336.250] a.example:80 "/a/b?c" 200 1.1.1.1:80, 2.2.2.2:80 502, 200 '
        '0.1, 0.02 [x y] "1.1.1.1, 2.2.2.2" 0.120',
    ),
    (
        _nginx,
        "$time_iso8601|$host|$request_method|$uri|$args|$server_protocol|$status|$bytes_sent",
        "2000-10-10T13:55:36-07:00|a.example|GET|/a/b|c=d|HTTP/2.0|200|5",
    ),
    (
        _json,
        '{"t":"$time_local","c":"$remote_addr","r":"$request","s":$status,"u":"$http_user_agent","d":"$request_time"}',
        '{"t":"10/Oct/2000:13:55:36 -0700","c":"","r":"GET /a HTTP/1.1","s":200,"u":"","d":""}',
    ),
]
ODD = [char.encode("latin-1") for char in ' !"#$%,-./09:;?@AZ[\\]_az{|}~\x7f\x80\x85\xff\t\r\x0b\x1c\0'] + [
    b"\xe2\x80\xa8",
    b'\\"',
    b"\\x22",
    b"- ",
    b' "',
    b"] [",
    b", ",
    b" : ",
    b"HTTP/1.1",
]


def _fast(fmt: PatternFormat, lines: list[bytes]) -> list[str | None]:
    parser = fmt.block_parser()
    assert parser is not None
    rendered, rows = parser.parse(b"".join(line + b"\n" for line in lines))
    assert len(rows) == len(rendered) == len(lines)
    for line, piece, row in zip(lines, rendered, rows, strict=True):
        assert piece is not None or row[-1].encode("latin-1") == line
    return rendered


def _readable(fmt: PatternFormat, line: bytes) -> str | None:
    try:
        return encode(fmt.parse(line))
    except ParseError:
        return None


def _assert_equal(fmt: PatternFormat, lines: list[bytes]) -> None:
    pairs = [
        (piece, _readable(fmt, line), line) for piece, line in zip(_fast(fmt, lines), lines, strict=True)
    ]
    assert [pair for pair in pairs if pair[0] is not None and pair[0] != pair[1]] == []


@pytest.mark.parametrize("site", ["", SITE])
@pytest.mark.parametrize(("make", "text", "line"), SAMPLES)
def test_a_line_changed_at_any_place_is_rendered_as_by_the_readable_path(make, text, line, site):  # type: ignore[no-untyped-def]
    raw = line.encode()
    lines = [
        raw[:at] + odd + raw[at + cut :]
        for at in range(len(raw) + 1)
        for odd in [b"", *ODD]
        for cut in (0, 1, 2)
    ]
    _assert_equal(make(text, site), lines)


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 6), st.one_of(st.sampled_from(ODD), st.binary(max_size=2))),
    max_size=4,
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SAMPLES), st.lists(MUTATIONS, min_size=1, max_size=5), st.sampled_from(["", SITE]))
def test_every_line_that_is_taken_is_rendered_as_by_the_readable_path(sample, changes, site):  # type: ignore[no-untyped-def]
    make, text, line = sample
    lines = []
    for mutations in changes:
        raw = line.encode()
        for at, cut, put in mutations:
            at %= len(raw) + 1
            raw = raw[:at] + put + raw[at + cut :]
        lines.append(raw.replace(b"\n", b""))
    _assert_equal(make(text, site), lines)


@pytest.mark.parametrize(
    ("make", "text", "line"), [sample for number, sample in enumerate(SAMPLES) if number != 3]
)
def test_an_ordinary_line_is_taken(make, text, line):  # type: ignore[no-untyped-def]
    fmt = make(text)
    usual = line.replace("proxy server", "proxy-server").replace('"c":""', '"c":"1.2.3.4"').encode()
    assert _fast(fmt, [usual]) == [_readable(fmt, usual)]
    assert _readable(fmt, usual) is not None


FORMAT = '%h %l %u %t "%r" %>s %b'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "client: expected an address or name (column 1)"),
        ("1.2.3.4 -", "ident: expected text (column 9)"),
        ("1.2.3.4 - - 10/Oct", "user: expected a user or - before ' [' (column 11)"),
        ("1.2.3.4 - - [10/Okt]", "time: expected dd/Mon/yyyy:hh:mm:ss zone before '] \"' (column 14)"),
        (f'1.2.3.4 - - {STAMP} "GET / HTTP/1.1', "request: expected a request line before '\" ' (column 43)"),
        (f'1.2.3.4 - - {STAMP} "GET / HTTP/1.1" 20 5', "status: expected 3 digits or - (column 59)"),
        (f'1.2.3.4 - - {STAMP} "GET / HTTP/1.1" 200 x', "bytes: expected digits or - (column 63)"),
        (f'1.2.3.4 - - {STAMP} "GET / HTTP/1.1" 200 5 x', "line: expected its end behind bytes (column 64)"),
    ],
)
def test_the_first_field_that_fails_is_named_with_its_column(line: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        _apache(FORMAT).parse(line.encode())
    assert str(caught.value) == message


def test_a_literal_in_front_that_is_missing_is_named() -> None:
    with pytest.raises(ParseError, match=r"line: expected '<' \(column 1\)"):
        _apache("<%h>").parse(b"1.2.3.4")


def test_quotes_that_are_not_escaped_are_read_in_one_field() -> None:
    record = _apache(f'{FORMAT} "%{{Referer}}i" "%{{User-Agent}}i"').parse(
        f'1.2.3.4 - - {STAMP} "GET /a HTTP/1.1" 200 5 "-" "a "b" c"'.encode()
    )
    assert (record.path, record.referer, record.user_agent) == ("/a", None, 'a "b" c')


def test_a_user_may_hold_blanks_and_brackets() -> None:
    line = f'1.2.3.4 - John [x Doe {STAMP} "GET /a HTTP/1.1" 200 5'
    assert _apache(FORMAT).parse(line.encode()).user == "John [x Doe"


def test_blanks_at_the_end_are_no_part_of_the_line() -> None:
    line = f'1.2.3.4 - - {STAMP} "GET /a HTTP/1.1" 200 5 \t'
    assert _apache(FORMAT).parse(line.encode()).bytes == 5


def test_two_fields_that_nothing_keeps_apart_are_refused() -> None:
    with pytest.raises(FormatError) as caught:
        compile_format([Field("client", kind.CLIENT), Field("user", kind.USER, column=3)], _settings(), "x")
    assert (caught.value.column, caught.value.reason) == (
        1,
        "expected a blank or other character behind client",
    )


def test_a_format_without_fields_is_refused() -> None:
    with pytest.raises(FormatError):
        compile_format(["x"], _settings(), "x")


def test_stamps_without_zone_are_counted_on_both_paths() -> None:
    zone = Zone(timezone.utc)
    fmt = apache.compile_log_format("%{%F %T}t %h", Settings("", zone))
    assert _fast(fmt, [b"2000-10-10 13:55:36 a", b"x", b"2000-10-10 13:55:36 b"])[1] is None
    assert zone.used == 2
    fmt.parse(b"2000-10-10 13:55:36 a")
    assert zone.used == 3


def test_a_zone_with_summer_time_has_no_fast_path() -> None:
    fmt = apache.compile_log_format("%{%F %T}t %h", Settings("", Zone(ZoneInfo("Europe/Berlin"))))
    assert fmt.block_parser() is None
    assert fmt.parse(b"2000-07-10 13:55:36 a").time == "2000-07-10T11:55:36Z"


HOSTILE = r"""
import sys
sys.path.insert(0, sys.argv[1])
from test_pattern import SAMPLES, _readable
fillers = [b"a", b" ", b'"', b'" "', b'\\"', b"\\", b" : ", b", ", b"a, ", b"a : ", b": "]
fillers += [b"[", b"] [", b" [", b"?", b"/", b"/?", b"|", b":", b"a:1", b"1", b'" 1 ']
fillers += [b"- ", b'"-" ', b"GET / HTTP/1.1 ", b".", b"%"]
for make, text, line in SAMPLES:
    fmt = make(text)
    raw = line.encode()
    for filler in fillers:
        fill = filler * (262144 // len(filler))
        for at in (len(raw) // 3, len(raw)):
            bad = raw[:at] + fill + raw[at:] + b'\x01"'
            _readable(fmt, bad)
            block = fmt.block_parser()
            block.parse(bad + b"\n")
"""


def test_hostile_lines_take_linear_time() -> None:
    folder = __file__.rpartition("/")[0]
    subprocess.run([sys.executable, "-c", HOSTILE, folder], check=True, timeout=60)
