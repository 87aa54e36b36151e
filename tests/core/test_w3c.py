"""The W3C Extended Log Format: dialects, directives, and the fast path that equals the readable one."""

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

from w3ctools.core.errors import ParseError, W3CError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.w3c import NO_FIELDS, W3CExtended, compile_fields
from w3ctools.core.formats.w3c_fields import TimeTaken
from w3ctools.core.record import FORMAT_KEYS, Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

IIS = b"""#Software: Microsoft HTTP Server API 2.0
#Version: 1.0
#Date: 2002-05-02 17:42:15
#Fields: date time c-ip cs-username s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)"""
IIS_LINE = (
    b"2002-05-02 17:42:15 172.22.255.255 - 172.30.255.255 80 GET /images/picture.jpg - 200 "
    b"Mozilla/4.0+(compatible;MSIE+5.5;+Windows+2000+Server)"
)
CLOUDFRONT = (
    b"#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem "
    b"sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id "
    b"x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    b"x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    b"time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    b"sc-range-end"
)
CLOUDFRONT_LINE = (
    b"2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\t"
    b"Mozilla/5.0%20(Windows%2520NT)\t-\ta=%22b%22\tHit\tSOX4x==\twww.Example.com\thttps\t23\t0.001\t-\t"
    b"TLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-"
)
DRAFT = b"#Version: 1.0\n#Date: 12-Jan-1996 00:00:00\n#Fields: time cs-method cs-uri"
TOMCAT = (
    b"#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status time-taken cs(User-Agent) "
    b"x-H(remoteUser)\n#Version: 2.0\n#Software: Apache Tomcat/9.0"
)
SMALL = b"#Fields: date time cs-method cs-uri-stem sc-status"


def _reader(
    directives: bytes, zone: Zone | None = None, time_taken: TimeTaken = "auto", site: str = ""
) -> W3CExtended:
    reader = W3CExtended(Settings(site, zone or Zone()), time_taken)
    for line in directives.split(b"\n"):
        reader.directive(line)
    return reader


def _pairs(reader: W3CExtended, line: bytes) -> list[tuple[str, Any]]:
    return list(msgspec.json.decode(encode(reader.parse(line))).items())


def _record(**values: Any) -> list[tuple[str, Any]]:
    """A whole record as a list of pairs: null where `values` says nothing."""
    present = (*Record.__struct_fields__, *(key for key in FORMAT_KEYS if key in values))
    return [(key, values.get(key)) for key in present]


def _small(**values: Any) -> list[tuple[str, Any]]:
    usual = {
        "time": "2024-01-02T03:04:05Z",
        "epoch": 1_704_164_645,
        "method": "GET",
        "path": "/a",
        "section": "/a",
        "status": 200,
    }
    return _record(**{**usual, **values})


@pytest.mark.parametrize(
    ("directives", "line", "name", "record"),
    [
        pytest.param(
            IIS,
            IIS_LINE,
            "iis",
            _record(
                time="2002-05-02T17:42:15Z",
                epoch=1_020_361_335,
                client="172.22.255.255",
                method="GET",
                path="/images/picture.jpg",
                status=200,
                user_agent="Mozilla/4.0 (compatible;MSIE 5.5; Windows 2000 Server)",
                section="/images",
                server_ip="172.30.255.255",
                server_port=80,
            ),
            id="the example of Microsoft's documentation",
        ),
        pytest.param(
            CLOUDFRONT,
            CLOUDFRONT_LINE,
            "cloudfront",
            _record(
                time="2019-12-04T21:02:31Z",
                epoch=1_575_493_351,
                client="192.0.2.100",
                vhost="www.example.com",
                method="GET",
                path="/index.html",
                protocol="HTTP/2.0",
                status=200,
                bytes=392,
                user_agent="Mozilla/5.0 (Windows%20NT)",
                section="/index.html",
                scheme="https",
                vhost_port=None,
                client_port=11040,
                forwarded_for=None,
                duration=0.001,
                ttfb=0.001,
                request_bytes=23,
                cache="Hit",
                request_id="SOX4x==",
                tls_protocol="TLSv1.2",
                tls_cipher="ECDHE-RSA-AES128-GCM-SHA256",
                content_type="text/html",
                extra={
                    "x-edge-location": "LAX1",
                    "cs(Host)": "d111111abcdef8.cloudfront.net",
                    "cs(Cookie)": 'a="b"',
                    "x-edge-response-result-type": "Hit",
                    "x-edge-detailed-result-type": "Hit",
                    "sc-content-len": "78",
                },
            ),
            id="CloudFront, headers decoded once",
        ),
        pytest.param(
            DRAFT,
            b"00:34:23 GET /foo/bar.html",
            "w3c",
            _record(
                time="1996-01-12T00:34:23Z",
                epoch=821_406_863,
                method="GET",
                path="/foo/bar.html",
                section="/foo",
            ),
            id="the draft's own",
        ),
        pytest.param(
            TOMCAT,
            b"2024-01-02 03:04:05 ::1 GET /a/b c=d 200 0.015 'a b' 'jo'",
            "w3c",
            _small(
                client="::1",
                user="jo",
                path="/a/b",
                query="c=d",
                user_agent="a b",
                duration=0.015,
            ),
            id="Tomcat 7 with apostrophes, #Fields first",
        ),
        pytest.param(
            TOMCAT,
            b'2024-01-02 03:04:05 ::1 GET /a - 200 2 "a ""b"" + c" -',
            "w3c",
            _small(client="::1", user_agent='a "b" + c', duration=2),
            id="Tomcat with doubled quotes",
        ),
        pytest.param(
            b"#Fields: cs-uri sc-status TimeTakenMS",
            b"http://H:80/a/b?c 200 109",
            "w3c",
            _record(path="/a/b", query="c", status=200, section="http://h/a", duration=0.109),
            id="a whole URL, no method, no time",
        ),
        pytest.param(
            b"#Fields: cs-uri cs-uri-query",
            b"/a c=d",
            "w3c",
            _record(path="/a", query="c=d", section="/a"),
            id="cs-uri with its query apart",
        ),
        pytest.param(
            b"#Fields: time c-ip cs-method cs-uri-stem",
            b"03:04:05 1.2.3.4 GET /a",
            "w3c",
            _record(client="1.2.3.4", method="GET", path="/a", section="/a", extra={"time": "03:04:05"}),
            id="no date anywhere",
        ),
        pytest.param(
            b"#Fields: date c-ip cs-uri-stem",
            b"2024-01-02 1.2.3.4 /a",
            "w3c",
            _record(client="1.2.3.4", path="/a", section="/a", extra={"date": "2024-01-02"}),
            id="a date without time",
        ),
        pytest.param(
            b"#Fields: cs-method cs-uri-stem cs-uri-query x-a x-a X-A",
            b"USER anonymous - 1 2 -",
            "w3c",
            _record(method="USER", request="USER anonymous", extra={"x-a": "1", "x-a.2": "2"}),
            id="a stem that is no path; a field given twice",
        ),
        pytest.param(
            b"#Fields: CS-METHOD Cs-Uri-Stem CS-HOST",
            b"GET /a?b/c [2001:DB8::1]:8080",
            "w3c",
            _record(method="GET", path="/a?b/c", section="/a", vhost="2001:db8::1", vhost_port=8080),
            id="names in any case; a decoded question mark in a stem",
        ),
    ],
)
def test_a_dialect_gives_its_whole_record(
    directives: bytes, line: bytes, name: str, record: list[tuple[str, Any]]
) -> None:
    reader = _reader(directives)
    assert _pairs(reader, line) == record
    assert reader.name == name


@pytest.mark.parametrize(
    ("line", "record"),
    [
        pytest.param(b"2024-01-02 03:04:05 GET /a 200", _small(), id="single blanks"),
        pytest.param(b"2024-01-02   03:04:05\tGET  /a 200  ", _small(), id="blanks in a row"),
        pytest.param(b"2024-01-02\t03:04:05\tGET\t/a\t200", _small(), id="tabs"),
        pytest.param(b"2024-01-02\t03:04:05\tGET\t/a\t200\t\t", _small(), id="empty fields too many"),
        pytest.param(b"2024-01-02\t03:04:05\tGET\t/a\t", _small(status=None), id="an empty field"),
        pytest.param(b'2024-01-02\t03:04:05\tGET\t"/a\tb"\t200', _small(
            path=r"/a\x09b", section=r"/a\x09b"), id="a tab within quotes"),
        pytest.param(b'2024-01-02 03:04:05 GET "/a""b c" 200', _small(
            path='/a"b c', section='/a"b c'), id="doubled quotes in a target"),
        pytest.param(b'"2024-01-02" "03:04:05" "GET" "/a" "200"', _small(), id="all in quotes"),
        pytest.param(b'2024-01-02 03:04:05 "GET /a 200', _small(method='"GET'), id="a quote never closed"),
        pytest.param(b"2024-01-02 03:04:05 GET /a 000", _small(status=None), id="status 000"),
        pytest.param(b"2024-01-02 03:04:05 GET /a 12007", _small(status=None), id="status of 5 digits"),
        pytest.param(b"2024-01-02 03:04 GET /a 200", _small(
            time="2024-01-02T03:04:00Z", epoch=1_704_164_640), id="no seconds"),
        pytest.param(b"2024-01-02 03:04:05.25 GET /a 200", _small(
            time="2024-01-02T03:04:05.25Z", epoch=1_704_164_645.25), id="a fraction"),
        pytest.param(b"2024-01-02 03:04:60 GET /a 200", _small(
            time="2024-01-02T03:05:00Z", epoch=1_704_164_700), id="a leap second"),
        pytest.param(b"2024-02-31 03:04:05 GET /a 200", _small(time=None, epoch=None), id="31 February"),
        pytest.param(b"2024-01-02 24:04:05 GET /a 200", _small(time=None, epoch=None), id="hour 24"),
        pytest.param(b"- 03:04:05 GET /a 200", _small(time=None, epoch=None), id="date is -"),
        pytest.param(b"2024-01-02 - GET /a 200", _small(time=None, epoch=None), id="time is -"),
        pytest.param(b"1969-12-31 23:59:59 GET /a 200", _small(
            time="1969-12-31T23:59:59Z", epoch=-1), id="before 1970"),
        pytest.param(b"2024-01-02 03:04:05 GET - 200", _small(path=None, section=None), id="no stem"),
        pytest.param(b"2024-01-02 03:04:05 CONNECT h:443 200", _small(
            method="CONNECT", path=None, section=None, request="CONNECT h:443"), id="CONNECT"),
        pytest.param(b"2024-01-02 03:04:05 GET /D\\r\\x41%2F+ 200", _small(
            path="/D\\r\\x41%2F+", section="/D\\r\\x41%2F+"), id="nothing of a path is undone"),
        pytest.param(b"2024-01-02 03:04:05 GET /\x1b[31m\xe2\x80\xa8\x85\xc3\xa9 200", _small(
            path=r"/\x1b[31m\xe2\x80\xa8\x85" + "\u00e9",
            section=r"/\x1b[31m\xe2\x80\xa8\x85" + "\u00e9"), id="control characters stay visible"),
    ],
)  # fmt: skip
def test_a_line_gives_its_whole_record(line: bytes, record: list[tuple[str, Any]]) -> None:
    assert _pairs(_reader(SMALL), line) == record


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        pytest.param(b"", "fields: 0 values, 5 in #Fields", 1, id="nothing"),
        pytest.param(b"2024-01-02 03:04:05 GET /a", "fields: 4 values, 5 in #Fields", 27, id="too few"),
        pytest.param(b"2024-01-02 03:04:05 GET /a b 200", "fields: 6 values, 5 in #Fields", 30, id="many"),
        pytest.param(b"02.01.2024 03:04:05 GET /a 200", "time: expected yyyy-mm-dd", 1, id="a date"),
        pytest.param(b"2024-01-02 3:04:05 GET /a 200", "time: expected hh:mm:ss", 12, id="a time"),
        pytest.param(b"2024-01-02 03:04:05 GET /a OK", "status: expected 3 digits or -", 28, id="a status"),
        pytest.param(
            b'2024-01-02 03:04:05 GET /a "OK"', "status: expected 3 digits or -", 29, id="status in quotes"
        ),
    ],
)
def test_a_bad_line_is_refused_with_reason_and_column(line: bytes, reason: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        _reader(SMALL).parse(line)
    assert (caught.value.reason, caught.value.column) == (reason, column)


@pytest.mark.parametrize(
    ("directives", "reason"),
    [
        pytest.param(b"#Version: 1.0", NO_FIELDS, id="no #Fields yet"),
        pytest.param(b"#Fields:", NO_FIELDS, id="#Fields that names none"),
        pytest.param(
            b"#Fields: date time action protocol src-ip",
            "fields: no method, target or status is among them",
            id="a firewall's log",
        ),
    ],
)
def test_a_line_without_usable_fields_is_refused(directives: bytes, reason: str) -> None:
    reader = _reader(directives)
    with pytest.raises(ParseError) as caught:
        reader.parse(b"2024-01-02 03:04:05 OPEN UDP 1.2.3.4")
    assert caught.value.reason == reason
    assert not reader.has_usable_fields


@pytest.mark.parametrize(
    ("directives", "time_taken", "duration"),
    [
        pytest.param(b"#Software: Microsoft Internet Information Services 8.5", "auto", 0.015, id="IIS"),
        pytest.param(b"", "auto", 15, id="any other"),
        pytest.param(b"#Software: Microsoft HTTP Server API 2.0", "s", 15, id="the user says seconds"),
        pytest.param(b"", "ms", 0.015, id="the user says milliseconds"),
        pytest.param(b"", "us", 1.5e-05, id="the user says microseconds"),
    ],
)
def test_time_taken_has_the_unit_of_its_dialect(
    directives: bytes, time_taken: TimeTaken, duration: float
) -> None:
    reader = _reader(directives + b"\n#Fields: cs-method time-taken", time_taken=time_taken)
    assert dict(_pairs(reader, b"GET 15"))["duration"] == duration


@pytest.mark.parametrize("field", [b"sc-win32-status", b"sc-substatus", b"s-sitename"])
def test_fields_tell_iis_where_its_header_is_missing(field: bytes) -> None:
    reader = _reader(b"#Fields: cs-method cs(Referrer) cs-uri-stem cs(Cookie) time-taken " + field)
    found = dict(_pairs(reader, b"GET http://h/+ /a+b c+d 15 0"))
    assert (found["referer"], found["path"], found["duration"]) == ("http://h/ ", "/a+b", 0.015)
    assert found["extra"] == {"cs(Cookie)": "c d", field.decode(): "0"}


def _times(reader: W3CExtended, lines: list[bytes]) -> list[str | None]:
    return [reader.parse(line).time for line in lines]


@pytest.mark.parametrize(
    ("date", "times", "expected"),
    [
        pytest.param(
            b"#Date: 1996-01-12 00:00:00",
            [b"23:59:00", b"00:01:00", b"00:02:00"],
            ["1996-01-12T23:59:00Z", "1996-01-13T00:01:00Z", "1996-01-13T00:02:00Z"],
            id="midnight",
        ),
        pytest.param(
            b"#Start-Date: 1996-02-28 23:59:59.5  // comment",
            [b"00:00:01", b"23:59:59", b"00:00:02", b"12:00:00", b"11:00:00", b"23:30:00", b"00:10:00"],
            [
                "1996-02-29T00:00:01Z",
                "1996-02-28T23:59:59Z",
                "1996-02-29T00:00:02Z",
                "1996-02-29T12:00:00Z",
                "1996-02-29T11:00:00Z",
                "1996-02-29T23:30:00Z",
                "1996-03-01T00:10:00Z",
            ],
            id="lines out of order",
        ),
        pytest.param(b"#Date: 12/Jan/1996", [b"00:00:01"], ["1996-01-12T00:00:01Z"], id="a day alone"),
        pytest.param(b"#Date: 31-Feb-1996 00:00:00", [b"00:00:01"], [None], id="an impossible day"),
        pytest.param(b"#Date: yesterday", [b"00:00:01"], [None], id="no date at all"),
        pytest.param(b"#End-Date: 1996-01-12 00:00:00", [b"00:00:01"], [None], id="not the end's date"),
    ],
)
def test_the_day_of_a_line_without_date(date: bytes, times: list[bytes], expected: list[str | None]) -> None:
    reader = _reader(date + b"\n#Fields: time cs-method")
    assert _times(reader, [time + b" GET" for time in times]) == expected
    assert reader.block_parser() is None


def test_a_new_date_starts_its_day_anew() -> None:
    reader = _reader(DRAFT)
    assert _times(reader, [b"23:59:00 GET /", b"00:01:00 GET /"])[-1] == "1996-01-13T00:01:00Z"
    reader.directive(b"#Date: 1996-01-12 00:00:00")
    assert _times(reader, [b"00:02:00 GET /"]) == ["1996-01-12T00:02:00Z"]


def test_fields_may_change_anywhere_in_a_stream() -> None:
    reader = _reader(IIS)
    assert reader.parse(IIS_LINE).status == 200
    reader.directive(b"#Remark: the next server")
    reader.directive(b"#Time Format: Local")
    reader.directive(b"#Fields: sc-status cs-method")
    assert _pairs(reader, b"404 HEAD") == _record(status=404, method="HEAD")


def test_local_times_are_of_the_zone_given() -> None:
    zone = Zone(timezone(timedelta(hours=2)))
    reader = _reader(b"#Fields: date-local time-local cs-method cs-uri-stem", zone)
    assert _times(reader, [b"2024-01-02 03:04:05 GET /"]) == ["2024-01-02T01:04:05Z"]
    assert zone.used == 1
    assert reader.block_parser() is None


def test_utc_times_may_say_so() -> None:
    reader = _reader(b"#Fields: date-UTC time-UTC cs-method")
    assert _times(reader, [b"2024-01-02 03:04:05 GET"]) == ["2024-01-02T03:04:05Z"]


def test_a_site_goes_before_the_section() -> None:
    reader = _reader(SMALL, site="http://my.site.com")
    assert reader.parse(b"2024-01-02 03:04:05 GET /a/b 200").section == "http://my.site.com/a"


def test_fields_given_by_the_user() -> None:
    reader = compile_fields("#Fields: cs-method sc-status time-taken", Settings("", Zone()), "ms")
    assert _pairs(reader, b"GET 200 15") == _record(method="GET", status=200, duration=0.015)


@pytest.mark.parametrize("directive", ["", "date time", "#Fields:", "#Fields: date time", "#Version: 1.0"])
def test_a_directive_that_names_no_access_log_is_refused(directive: str) -> None:
    with pytest.raises(W3CError, match="names no fields of an access log"):
        compile_fields(directive, Settings("", Zone()))


def _readable(reader: W3CExtended, line: bytes) -> str | None:
    try:
        return encode(reader.parse(line))
    except ParseError:
        return None


def _fast(reader: W3CExtended, lines: list[bytes]) -> list[str | None]:
    parser = reader.block_parser()
    assert parser is not None
    block = b"".join(line + b"\n" for line in lines)
    rendered, rows = parser.parse(block)
    assert [row[-1].encode("latin-1") for row in rows] == lines
    return rendered


FULL = IIS + b" cs(Referer) sc-substatus cs-host time-taken sc-bytes x-odd"
FULL_LINE = IIS_LINE + b" http://h/+ 0 h:80 15 5 x"


@pytest.mark.parametrize(
    ("directives", "line"),
    [
        pytest.param(IIS, IIS_LINE, id="IIS"),
        pytest.param(FULL, FULL_LINE, id="IIS with all kinds of fields"),
        pytest.param(CLOUDFRONT, CLOUDFRONT_LINE, id="CloudFront"),
        pytest.param(SMALL, b"2024-01-02 03:04:05.25 GET /a?b/c 200", id="a fraction"),
        pytest.param(SMALL, b"2024-01-02 03:04 GET /D\\r\"' 200", id="signs that JSON escapes"),
        pytest.param(SMALL, b"2024-01-02 03:04:05 GET /\xc3\xa9\x85\x1b 200", id="not ASCII"),
        pytest.param(SMALL, b"2024-02-31 03:04:05 GET / 000", id="an impossible date"),
        pytest.param(SMALL, b"1970-01-01 00:00:00 GET / 100", id="epoch 0"),
        pytest.param(SMALL, b"1969-12-31 23:59:59 - /a 100", id="epoch -1"),
        pytest.param(b"#Fields: c-ip cs-uri-stem", b"fe80::1%eth0 /a", id="IPv6, no time"),
    ],
)
def test_an_ordinary_line_is_taken_and_rendered_as_by_the_readable_path(
    directives: bytes, line: bytes
) -> None:
    reader = _reader(directives, site="http://my.site.com")
    expected = _readable(reader, line)
    assert expected is not None
    assert _fast(reader, [line, line]) == [expected, expected]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="a blank line"),
        pytest.param(b"2024-01-02 03:04:05 GET /a 200 x", id="too many values"),
        pytest.param(b"2024-01-02  03:04:05 GET /a", id="blanks in a row"),
        pytest.param(b'2024-01-02 03:04:05 "GET" /a 200', id="quotes"),
        pytest.param(b"2024-01-02 03:04:05 'GET' /a 200", id="apostrophes"),
        pytest.param(b"2024-01-02\t03:04:05 GET /a 200", id="a tab"),
        pytest.param(b"2024-01-02 03:04:05 GET h:443 200", id="no path"),
        pytest.param(b"2024-01-02 03:04:05 GET /a OK", id="a bad status"),
        pytest.param(b"2024-01-0 03:04:05 GET /a 200", id="a bad date"),
        pytest.param(b"2024-01-02 03:04:5 GET /a 200", id="a bad time"),
    ],
)
def test_a_line_of_another_kind_is_not_taken(line: bytes) -> None:
    usual = b"2024-01-02 03:04:05 GET /a 200"
    reader = _reader(SMALL)
    assert _fast(reader, [usual, line, usual]) == [_readable(reader, usual), None, _readable(reader, usual)]


def test_nothing_below_a_directive_is_taken() -> None:
    usual = b"2024-01-02 03:04:05 GET /a 200"
    reader = _reader(SMALL)
    assert _fast(reader, [usual, b"#Date: x", usual]) == [_readable(reader, usual), None, None]


@pytest.mark.parametrize(
    "directives",
    [b"", b"#Fields: sc-status", b"#Fields: date time cs-method cs-uri", b"#Fields: date time action x"],
)
def test_there_is_no_fast_path_for_what_is_uncommon(directives: bytes) -> None:
    assert _reader(directives).block_parser() is None


VALUES = [
    *(b"- 0 007 15 200 404 000 5x 99999999999999999999 1.5 GET / /a /a/b /a?b/c#d *".split()),
    *(b"http://h/a 2024-01-02 2024-02-31 2024-1-2 03:04:05 03:04:59 23:59:60 03:04 03:04:05.5".split()),
    *(b'1.2.3.4 ::1 [::1]:80 fe80::1%e h:80 H a+b a%20b %2D %25 D\\u " \' "a" \'a b\' "a b"'.split()),
    b"\xc3\xa9",
    b"\x85",
    b"\x1b",
    b"",
]


@st.composite
def _lines(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    directives = draw(st.sampled_from([IIS, FULL, CLOUDFRONT, SMALL, b"#Fields: cs-uri-stem c-ip"]))
    usual = {IIS: IIS_LINE, FULL: FULL_LINE, CLOUDFRONT: CLOUDFRONT_LINE, SMALL: b"- - GET /a 200"}
    base = usual.get(directives, b"/a ::1")
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        separator = b"\t" if b"\t" in base else b" "
        values = base.split(separator)
        for _ in range(draw(st.integers(0, 4))):
            values[draw(st.integers(0, len(values) - 1))] = draw(st.sampled_from(VALUES))
        separator = draw(st.sampled_from([separator] * 4 + [b" ", b"\t"]))
        lines.append(draw(st.sampled_from([b""] * 4 + [b" ", b"#"])) + separator.join(values))
    return directives, lines


@given(_lines())
def test_the_fast_path_equals_the_readable_path(case: tuple[bytes, list[bytes]]) -> None:
    directives, lines = case
    reader = _reader(directives)
    for fast, line in zip(_fast(reader, lines), lines, strict=True):
        assert fast in (None, _readable(reader, line))


@given(st.sampled_from([SMALL, CLOUDFRONT, TOMCAT, DRAFT]), st.binary())
def test_any_line_gives_a_record_or_a_parse_error_within_it(directives: bytes, line: bytes) -> None:
    assert column_of_failure(_reader(directives).parse, line) in (None, *range(1, len(line) + 2))


@given(st.binary())
def test_any_directive_is_survived(rest: bytes) -> None:
    for directive in (b"#", b"#Fields:", b"#Date:", b"#Software:"):
        reader = _reader(SMALL)
        reader.directive(directive + rest)
        try:
            reader.parse(b"2024-01-02 03:04:05 GET /a 200")
        except ParseError:
            pass


HOSTILE = """
from w3ctools.core.errors import ParseError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.w3c import W3CExtended
from w3ctools.core.timestamp import Zone
size = 1 << 18
pieces = [b'"', b"'", b'"a ', b"'a ", b'""', b'"" ', b"\\t", b"\\t\\"", b" ", b"- ", b"%", b"%25", b"+",
          b"\\\\x",
          b"\\xff", b"\\xc3\\xa9", b"a:", b"[", b"#Fields:", b"/", b'""' + b'"a ', b"\\x1b"]
for fields in (b"time cs-method", b"cs-uri-stem cs(Cookie) x-edge-location"):
    for piece in pieces:
        for before, behind in ((b'"', b"x"), (b"/a\\t-\\t", b'"')):
            reader = W3CExtended(Settings("", Zone()))
            reader.directive(b"#Fields: " + fields)
            line = before + piece * (size // len(piece)) + behind
            parser = reader.block_parser()
            if parser is not None:
                parser.parse(line + b"\\n")
            try:
                reader.parse(line)
            except ParseError:
                pass
            reader.directive(b"#" + line)
"""


def test_hostile_lines_of_256_kib_take_no_long_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
