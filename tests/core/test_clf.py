"""The Common Log Format's family line by line: every variation that servers write, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from format_kit import column_of_failure
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import Layout, parse_line, stamp_of
from w3ctools.core.record import FORMAT_KEYS, Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

STAMP = b"[10/Oct/2000:13:55:36 -0700]"
REQUEST = b'"GET /a HTTP/1.1"'


def _record(**values: Any) -> list[tuple[str, Any]]:
    """A whole record as a list of pairs: usual values where `values` says nothing."""
    usual = {
        "time": "2000-10-10T20:55:36Z",
        "epoch": 971_211_336,
        "client": "1.2.3.4",
        "method": "GET",
        "path": "/a",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 5,
        "section": "/a",
    }
    present = (*Record.__struct_fields__, *(key for key in FORMAT_KEYS if key in values))
    return [(key, values.get(key, usual.get(key))) for key in present]


def _no_request(**values: Any) -> list[tuple[str, Any]]:
    return _record(**{"method": None, "path": None, "protocol": None, "section": None, **values})


def _parse(line: bytes, zone: Zone | None = None) -> list[tuple[str, Any]]:
    return list(msgspec.json.decode(encode(parse_line(line, zone=zone).record)).items())


def _line(
    before: bytes = b"1.2.3.4 - -", stamp: bytes = STAMP, request: bytes = REQUEST, behind: bytes = b"200 5"
) -> bytes:
    return b" ".join((before, stamp, request, behind))


@pytest.mark.parametrize(
    ("line", "record"),
    [
        pytest.param(
            b'127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
            _record(
                client="127.0.0.1",
                user="frank",
                path="/apache_pb.gif",
                protocol="HTTP/1.0",
                bytes=2326,
                section="/apache_pb.gif",
            ),
            id="the example of the Apache manual",
        ),
        pytest.param(
            b"10.112.72.172 - - [11/Feb/2013:06:43:36 +0000] "
            b'"GET /client/ HTTP/1.1" 200 5778 "-" "Mozilla/5.0 (...)"',
            _record(
                time="2013-02-11T06:43:36Z",
                epoch=1_360_565_016,
                client="10.112.72.172",
                path="/client/",
                bytes=5778,
                user_agent="Mozilla/5.0 (...)",
                section="/client",
            ),
            id="combined",
        ),
        pytest.param(
            _line(behind=b'200 5 "http://h/?q=\\"x\\"" "a \\"q\\" b"'),
            _record(referer='http://h/?q="x"', user_agent='a "q" b'),
            id="combined with escaped quotes",
        ),
        pytest.param(
            _line(behind=b'200 5 "" ""'),
            _record(),
            id="empty referer and agent",
        ),
        pytest.param(
            b'1.1.1.2 - - [11/Nov/2016:03:04:55 +0100] "GET /" 200 83 - 9221 1.1.1.1',
            _record(
                time="2016-11-11T02:04:55Z",
                epoch=1_478_829_895,
                client="1.1.1.2",
                path="/",
                protocol=None,
                bytes=83,
                section="/",
                extra={"tail": "- 9221 1.1.1.1"},
            ),
            id="no protocol, a tail behind common",
        ),
        pytest.param(
            _line(request=b'"GET /~scottp/publish.html"', behind=b"200 271"),
            _record(path="/~scottp/publish.html", protocol=None, bytes=271, section="/~scottp"),
            id="no protocol",
        ),
        pytest.param(
            _line(request=b'"-"', behind=b"408 -"), _no_request(status=408, bytes=0), id="no request, no size"
        ),
        pytest.param(
            _line(request=b'""', behind=b"408 0"), _no_request(status=408, bytes=0), id="empty request"
        ),
        pytest.param(
            _line(request=b'"\\x16\\x03\\x01"', behind=b'400 0 "-" "-"'),
            _no_request(status=400, bytes=0, request=r"\x16\x03\x01"),
            id="TLS to a plain port, escaped",
        ),
        pytest.param(
            _line(request=b'"\x16\x03\x01\x00\xff"', behind=b"400 0"),
            _no_request(status=400, bytes=0, request=r"\x16\x03\x01\x00\xff"),
            id="TLS to a plain port, raw",
        ),
        pytest.param(
            _line(request=b'"GET /a b/c?x y HTTP/1.1"'),
            _record(path="/a b/c", query="x y", section="/a b"),
            id="blanks in the target",
        ),
        pytest.param(
            _line(request=b'"GET /a?x=1&y=%22 HTTP/1.1"'),
            _record(query="x=1&y=%22"),
            id="query",
        ),
        pytest.param(
            _line(request=b'"GET http://My.Site.com/a/b HTTP/1.1"'),
            _record(
                path="/a/b", section="http://my.site.com/a", request="GET http://My.Site.com/a/b HTTP/1.1"
            ),
            id="absolute form",
        ),
        pytest.param(
            _line(before=b"10.1.1.1 - John Doe", behind=b"304 -"),
            _record(client="10.1.1.1", user="John Doe", status=304, bytes=0),
            id="user with a blank",
        ),
        pytest.param(
            _line(before=b"1.2.3.4 - [x] [10/Oct"),
            _record(user="[x] [10/Oct"),
            id="user with brackets",
        ),
        pytest.param(_line(before=b'1.2.3.4 - ""'), _record(user=""), id="empty user"),
        pytest.param(_line(before=b"1.2.3.4 joe -"), _record(ident="joe"), id="ident"),
        pytest.param(
            _line(before=b"1.2.3.4 - ren\\xc3\\xa9\\x1b"), _record(user="ren\u00e9\\x1b"), id="escaped user"
        ),
        pytest.param(_line(before=b"- - -"), _record(client=None), id="no client"),
        pytest.param(
            b'::1 - - [29/Aug/2023 22:02:58] "GET / HTTP/1.1" 200 -',
            _record(
                time="2023-08-29T22:02:58Z", epoch=1_693_346_578, client="::1", path="/", bytes=0, section="/"
            ),
            id="Python's http.server: blank in the date, no zone",
        ),
        pytest.param(
            b'  1.2.3.4  -\t-   [10/Oct/2000:13:55:36 -0700]  "GET /a HTTP/1.1"  200\t5  "r"   "u"  ',
            _record(referer="r", user_agent="u"),
            id="runs of blanks and tabs, also at both ends",
        ),
        pytest.param(
            _line(stamp=b"[1/Oct/2000:20:55:36 +0000]"),
            _record(time="2000-10-01T20:55:36Z", epoch=970_433_736),
            id="day of one digit",
        ),
        pytest.param(
            _line(stamp=b"[10/Oct/2000:20:55:36.120 +0000]"),
            _record(time="2000-10-10T20:55:36.120Z", epoch=971_211_336.12),
            id="fraction of a second",
        ),
        pytest.param(
            _line(stamp=b"[31/Dec/2016:23:59:60 +0000]"),
            _record(time="2017-01-01T00:00:00Z", epoch=1_483_228_800),
            id="leap second",
        ),
        pytest.param(
            _line(stamp=b"[31/Feb/2000:13:55:36 -0700]"), _record(time=None, epoch=None), id="impossible date"
        ),
        pytest.param(
            _line(stamp=b"[10/Okt/2000:13:55:36 -0700]"),
            _record(time=None, epoch=None),
            id="month name of another language",
        ),
        pytest.param(_line(before=b"fe80::1%eth0 - -"), _record(client="fe80::1"), id="IPv6 with zone"),
        pytest.param(
            _line(before=b"[2001:db8::1] - -"), _record(client="2001:db8::1"), id="IPv6 in brackets"
        ),
        pytest.param(_line(before=b"1.2.3.4:5678 - -"), _record(client_port=5678), id="client with port"),
        pytest.param(
            _line(before=b"[2001:db8::1]:5678 - -"),
            _record(client="2001:db8::1", client_port=5678),
            id="IPv6 client with port",
        ),
        pytest.param(
            _line(before=b"1.1.1.1, 2.2.2.2 - -"),
            _record(client="1.1.1.1", forwarded_for="2.2.2.2"),
            id="two clients",
        ),
        pytest.param(
            _line(before=b"1.1.1.1,2.2.2.2, ::1 - joe"),
            _record(client="1.1.1.1", user="joe", forwarded_for="2.2.2.2, ::1"),
            id="three clients, not all with blanks",
        ),
        pytest.param(
            _line(before=b"1.1.1.1, 2.2.2.2 - -", behind=b'200 5 "-" "u" "3.3.3.3"'),
            _record(client="1.1.1.1", user_agent="u", forwarded_for="2.2.2.2", extra={"tail": '"3.3.3.3"'}),
            id="two clients and a third quoted value",
        ),
        pytest.param(
            b"www.example.com:80 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "
            b'"GET /a HTTP/1.1" 200 5 "-" "a \\"q\\" b"',
            _record(vhost="www.example.com", user_agent='a "q" b', vhost_port=80),
            id="vhost with port",
        ),
        pytest.param(
            _line(before=b"WWW.Example.com 1.2.3.4 - -"),
            _record(vhost="www.example.com", vhost_port=None),
            id="vhost without port, upper case",
        ),
        pytest.param(
            _line(before=b"h:80 client.example.net - -"),
            _record(vhost="h", client="client.example.net", vhost_port=80),
            id="vhost with port before a client's name",
        ),
        pytest.param(
            _line(before=b"h 2001:db8::1 - John Doe"),
            _record(vhost="h", client="2001:db8::1", user="John Doe", vhost_port=None),
            id="vhost before IPv6, user with a blank",
        ),
        pytest.param(
            _line(before=b"*:80 1.2.3.4 - -"), _record(vhost="*", vhost_port=80), id="vhost is an asterisk"
        ),
        pytest.param(
            _line(before=b"_default_:443 1.2.3.4 - -"),
            _record(vhost="_default_", vhost_port=443),
            id="vhost is Apache's default",
        ),
        pytest.param(
            _line(before=b"[2001:DB8::1]:80 1.2.3.4 - -"),
            _record(vhost="2001:db8::1", vhost_port=80),
            id="vhost is IPv6",
        ),
        pytest.param(
            _line(before=b"h:80 1.1.1.1, 2.2.2.2 - -"),
            _record(vhost="h", client="1.1.1.1", vhost_port=80, forwarded_for="2.2.2.2"),
            id="vhost before two clients",
        ),
        pytest.param(
            _line(before=b"a.example b.example - joe"),
            _record(client="a.example", ident="b.example", user="- joe"),
            id="a name without port before a name is no vhost",
        ),
        pytest.param(
            _line(before=b"1.2.3.4 - 5.6.7.8 x"),
            _record(user="5.6.7.8 x"),
            id="an address as a user's first word",
        ),
        pytest.param(
            b"172.24.0.3 - alice [31/Dec/2024:17:32:06 +0000] "
            b'"GET / HTTP/1.1" 200 615 "https://domain.tld/path" "curl/8.11.1" "1.2.3.4, 10.10.1.1"',
            _record(
                time="2024-12-31T17:32:06Z",
                epoch=1_735_666_326,
                client="172.24.0.3",
                user="alice",
                path="/",
                bytes=615,
                referer="https://domain.tld/path",
                user_agent="curl/8.11.1",
                section="/",
                forwarded_for="1.2.3.4, 10.10.1.1",
            ),
            id="nginx's main",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "u" "-"'),
            _record(user_agent="u", forwarded_for=None),
            id="nginx's main without forwarded address",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "u" ""'),
            _record(user_agent="u", forwarded_for=None),
            id="nginx's main with an empty forwarded address",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "u" 462 0.050 [a-b-80] [] 10.0.50.80:9000'),
            _record(user_agent="u", extra={"tail": "462 0.050 [a-b-80] [] 10.0.50.80:9000"}),
            id="a tail behind combined",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "u" "1.1.1.1" 0.1'),
            _record(user_agent="u", extra={"tail": '"1.1.1.1" 0.1'}),
            id="a tail behind main",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" 17'),
            _record(extra={"tail": '"-" 17'}),
            id="a tail that begins with one quoted value",
        ),
        pytest.param(
            _line(behind=b"200 5 \\x1b\\x41"), _record(extra={"tail": r"\x1bA"}), id="an escaped tail"
        ),
        pytest.param(
            _line(request=b'"GET /a"b" HTTP/1.1"'),
            _record(path='/a"b"', section='/a"b"'),
            id="unescaped quotes in the request",
        ),
        pytest.param(
            _line(request=b'"GET /a" x HTTP/1.1"', behind=b'200 5 "-" "u"'),
            _record(path='/a" x', section='/a" x', user_agent="u"),
            id="an unescaped quote and a blank in the request",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "a "q" b"'),
            _record(user_agent='a "q" b'),
            id="unescaped quotes in the agent",
        ),
        pytest.param(
            _line(behind=b'200 5 "http://h/?"x" "u"'),
            _record(referer='http://h/?"x', user_agent="u"),
            id="an unescaped quote in the referer",
        ),
        pytest.param(
            _line(behind=b'200 5 "r" "u\\"'),
            _record(referer="r", user_agent="u\\"),
            id="an unescaped backslash at the agent's end",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "\\x1b[31m\\xc2\\x9b31m\\xe2\\x80\\xae caf\\xc3\\xa9"'),
            _record(user_agent="\\x1b[31m\\xc2\\x9b31m\\xe2\\x80\\xae caf\u00e9"),
            id="escape sequences stay visible, letters are decoded",
        ),
        pytest.param(
            _line(behind=b'200 5 "-" "a\xe2\x80\xa8b\x85c\x0bd\x0ce\rf"'),
            _record(user_agent=r"a\xe2\x80\xa8b\x85c\x0bd\x0ce\x0df"),
            id="other line separators are data",
        ),
        pytest.param(_line(behind=b"200 " + b"9" * 18), _record(bytes=10**18 - 1), id="size of 18 digits"),
        pytest.param(_line(behind=b"200 " + b"1" * 19), _record(bytes=None), id="size of 19 digits"),
        pytest.param(_line(behind=b"200 007"), _record(bytes=7), id="size with zeros in front"),
        pytest.param(_line(behind=b"000 5"), _record(status=None), id="status 000: nginx sent none"),
        pytest.param(_line(behind=b"009 5"), _record(status=None), id="status 009: nginx and HTTP/0.9"),
        pytest.param(_line(behind=b"- 5"), _record(status=None), id="no status"),
        pytest.param(_line(behind=b"100 5"), _record(status=100), id="least status"),
        pytest.param(_line(behind=b"999 5"), _record(status=999), id="greatest status"),
    ],
)
def test_a_line_gives_its_whole_record(line: bytes, record: list[tuple[str, Any]]) -> None:
    assert _parse(line) == record


def test_a_stamp_without_zone_is_of_the_zone_given() -> None:
    line = b'::1 - - [29/Aug/2023 22:02:58] "GET /a HTTP/1.1" 200 5'
    expected = _record(time="2023-08-29T20:02:58Z", epoch=1_693_339_378, client="::1")
    assert _parse(line, Zone(ZoneInfo("Europe/Paris"))) == expected


def test_a_site_goes_before_the_section() -> None:
    assert parse_line(_line(), "http://my.site.com").record.section == "http://my.site.com/a"


@pytest.mark.parametrize(
    ("line", "name", "format_keys"),
    [
        pytest.param(_line(), "common", (), id="common"),
        pytest.param(_line(behind=b'200 5 "-" "u"'), "combined", (), id="combined"),
        pytest.param(_line(behind=b'200 5 "-" "u" "-"'), "main", ("forwarded_for",), id="main"),
        pytest.param(_line(before=b"h 1.2.3.4 - -"), "vhost_common", ("vhost_port",), id="vhost and common"),
        pytest.param(
            _line(before=b"h:80 1.2.3.4 - -", behind=b'200 5 "-" "u"'),
            "vhost_combined",
            ("vhost_port",),
            id="vhost and combined",
        ),
        pytest.param(_line(before=b"1.2.3.4:5 - -"), "common", ("client_port",), id="common, client's port"),
        pytest.param(
            _line(before=b"1.1.1.1, ::1 - -"), "common", ("forwarded_for",), id="common, two clients"
        ),
        pytest.param(_line(behind=b'200 5 "-" "u" 1'), "combined", ("extra",), id="combined, a tail"),
        pytest.param(
            _line(before=b"h:80 1.2.3.4:5, ::1 - -", behind=b"200 5 1"),
            "vhost_common",
            ("vhost_port", "client_port", "forwarded_for", "extra"),
            id="all keys in their order",
        ),
    ],
)
def test_a_line_has_a_layout_that_names_its_keys(
    line: bytes, name: str, format_keys: tuple[str, ...]
) -> None:
    layout = parse_line(line).layout
    assert (layout.name, layout.format_keys) == (name, format_keys)


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        pytest.param(b"", "time: expected [dd/Mon/yyyy:hh:mm:ss zone]", 1, id="nothing"),
        pytest.param(b"hello", "time: expected [dd/Mon/yyyy:hh:mm:ss zone]", 6, id="no bracket at all"),
        pytest.param(
            _line(stamp=b"[2000-10-10T13:55:36Z]"),
            "time: expected [dd/Mon/yyyy:hh:mm:ss zone]",
            13,
            id="a date of another shape",
        ),
        pytest.param(
            b"1.2.3.4 - - [10/Oct/2000:13:55:36 -07",
            "time: expected [dd/Mon/yyyy:hh:mm:ss zone]",
            13,
            id="cut within the date",
        ),
        pytest.param(
            _line(stamp=b"[10/Oct/2000:13:55]"),
            "time: expected dd/Mon/yyyy:hh:mm:ss zone",
            14,
            id="no seconds",
        ),
        pytest.param(
            _line(stamp=b"[10/Oct/2000:13:55:36 UTC]"),
            "time: expected dd/Mon/yyyy:hh:mm:ss zone",
            14,
            id="a zone by its name",
        ),
        pytest.param(STAMP + b" x", "client: expected client ident user before the time", 1, id="no client"),
        pytest.param(
            b"1.2.3.4 " + STAMP, "ident: expected client ident user before the time", 8, id="no ident"
        ),
        pytest.param(
            b"1.2.3.4 - " + STAMP, "user: expected client ident user before the time", 10, id="no user"
        ),
        pytest.param(
            b"1.1.1.1, 2.2.2.2 " + STAMP,
            "user: expected client ident user before the time",
            17,
            id="clients alone",
        ),
        pytest.param(
            b"1.2.3.4 - - " + STAMP, "request: expected a quoted request line", 41, id="cut behind the date"
        ),
        pytest.param(
            _line(request=b"GET /a"),
            "request: expected a quoted request line",
            42,
            id="request without quotes",
        ),
        pytest.param(
            _line(request=b'"GET /a', behind=b""),
            "request: expected a quoted request line",
            42,
            id="cut within the request",
        ),
        pytest.param(_line(behind=b"20 5"), "status: expected 3 digits or -", 60, id="status of 2 digits"),
        pytest.param(_line(behind=b"2000 5"), "status: expected 3 digits or -", 60, id="status of 4 digits"),
        pytest.param(_line(behind=b"OK 5"), "status: expected 3 digits or -", 60, id="status in words"),
        pytest.param(_line(behind=b""), "status: expected 3 digits or -", 60, id="cut behind the request"),
        pytest.param(
            _line(request=b'"GET /a"x', behind=b"200 5"),
            "request: expected a quoted request line",
            42,
            id="a letter glued to the request",
        ),
        pytest.param(_line(behind=b"200"), "bytes: expected digits or -", 63, id="cut behind the status"),
        pytest.param(_line(behind=b"200 5k"), "bytes: expected digits or -", 64, id="size with a unit"),
        pytest.param(_line(behind=b"200 -1"), "bytes: expected digits or -", 64, id="a negative size"),
        pytest.param(_line(behind=b'200 5 "r'), "referer: no closing quote", 66, id="cut within the referer"),
        pytest.param(
            _line(behind=b'200 5 "r" "u'), "user_agent: no closing quote", 70, id="cut within the agent"
        ),
    ],
)
def test_a_bad_line_is_refused_with_reason_and_column(line: bytes, reason: str, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_line(line)
    assert (caught.value.reason, caught.value.column) == (reason, column)


@pytest.mark.parametrize(
    ("line", "time"),
    [
        pytest.param(b"x " + STAMP + b" x", "2000-10-10T20:55:36Z", id="a stamp within"),
        pytest.param(STAMP, "2000-10-10T20:55:36Z", id="a stamp alone"),
        pytest.param(b"x [31/Feb/2000:13:55:36 -0700] x", None, id="an impossible date"),
        pytest.param(b"x [10/Oct/2000:13:55] x", None, id="half a stamp"),
        pytest.param(b"x", None, id="no stamp"),
    ],
)
def test_the_stamp_of_a_bad_line_is_read_where_it_has_one(line: bytes, time: str | None) -> None:
    assert stamp_of(line)[0] == time


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    line = draw(
        st.sampled_from(
            [
                _line(),
                _line(behind=b'200 5 "r" "u\\"" "1.1.1.1, ::1"'),
                _line(before=b"h:80 1.1.1.1:5, fe80::1%x - John Doe", behind=b"- - 1"),
                _line(stamp=b"[01/Jan/0000 00:00:60.123]", request=b'"GET http://h"'),
            ]
        )
    )
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(line)))
        cut = draw(st.integers(0, 3))
        line = line[:at] + draw(st.binary(max_size=2)) + line[at + cut :]
    return line.replace(b"\n", b"")


@given(st.one_of(_mutated(), st.binary()))
def test_any_line_gives_a_record_or_a_parse_error_within_it(line: bytes) -> None:
    assert column_of_failure(partial(parse_line, zone=Zone()), line) in (
        None,
        *range(1, len(line) + 2),
    )


def test_a_layout_is_common_unless_told_otherwise() -> None:
    assert Layout().name == "common"
