"""Caddy's access log: every variation that its settings give, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from format_kit import changed, parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.caddy import SPECS

(SPEC,) = SPECS


def test_a_line_of_caddy_gives_its_whole_record() -> None:
    assert list(parse(SPEC, SPEC.example).items()) == whole_record(
        time="2022-03-09T21:30:01.5241024Z",
        epoch=1_646_861_401.524102,
        client="127.0.0.1",
        vhost="localhost",
        method="GET",
        path="/",
        protocol="HTTP/2.0",
        status=200,
        bytes=10_900,
        user_agent="curl/7.82.0",
        section="/",
        vhost_port=None,
        client_port=41_342,
        peer=None,
        forwarded_for=None,
        duration=0.000929675,
        request_bytes=0,
        tls_protocol="TLSv1.3",
        tls_cipher="TLS_AES_128_GCM_SHA256",
        content_type="text/html; charset=utf-8",
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b'"user_id":""', b'"user_id":"Bob"', {"user": "Bob"}, id="a user"),
        pytest.param(b'"status":200', b'"status":0', {"status": None}, id="no status"),
        pytest.param(
            b'"host":"localhost"',
            b'"host":"WWW.Example.com:8443"',
            {"vhost": "www.example.com", "vhost_port": 8443},
            id="host with port",
        ),
        pytest.param(
            b'"client_ip":"127.0.0.1"',
            b'"client_ip":"10.0.0.9"',
            {"client": "10.0.0.9", "peer": "127.0.0.1", "client_port": None},
            id="the client wins over the peer",
        ),
        pytest.param(
            b'"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"127.0.0.1"',
            b'"remote_addr":"[::1]:41342"',
            {"client": "::1", "client_port": 41_342},
            id="Caddy before 2.5",
        ),
        pytest.param(
            b"1646861401.5241024",
            b'"2022-03-09T22:30:01.524+01:00"',
            {"time": "2022-03-09T21:30:01.524Z", "epoch": 1_646_861_401.524},
            id="time_format iso8601",
        ),
        pytest.param(
            b"1646861401.5241024",
            b'"2022/03/09 21:30:01.524"',
            {"time": "2022-03-09T21:30:01.524Z"},
            id="time_format wall_milli",
        ),
        pytest.param(
            b"1646861401.5241024",
            b"1646861401524.1024",
            {"time": "2022-03-09T21:30:01.5241024Z"},
            id="time_format unix_milli_float",
        ),
        pytest.param(
            b"1646861401.5241024",
            b"1646861401524102400",
            {"time": "2022-03-09T21:30:01.524102400Z"},
            id="time_format unix_nano",
        ),
        pytest.param(b"0.000929675", b'"929.675\xc2\xb5s"', {"duration": 0.000929675}, id="Go duration"),
        pytest.param(b"0.000929675", b'"1m2.5s"', {"duration": 62.5}, id="Go duration of a minute"),
        pytest.param(b"0.000929675", b'"0.25"', {"duration": 0.25}, id="duration as text"),
        pytest.param(b"0.000929675", b"929675", {"duration": None}, id="an integer tells no unit"),
        pytest.param(b"0.000929675", b"0", {"duration": 0}, id="no duration at all"),
        pytest.param(
            b'{"User-Agent":["curl/7.82.0"]}',
            b'{"User-Agent":["a","b"],"Referer":["http://h/"],"X-Forwarded-For":["1.1.1.1, ::1"]}',
            {"user_agent": "a, b", "referer": "http://h/", "forwarded_for": "1.1.1.1, ::1"},
            id="headers",
        ),
        pytest.param(b'["curl/7.82.0"]', b"[]", {"user_agent": None}, id="an empty header"),
        pytest.param(
            b"curl/7.82.0",
            b"\\u001b[31m\\u202e \xe2\x80\xa8 \x7f caf\xc3\xa9",
            {"user_agent": "\\x1b[31m\\xe2\\x80\\xae \\xe2\\x80\\xa8 \\x7f café"},
            id="what could act on a terminal stays visible",
        ),
        pytest.param(b"curl/7.82.0", b"a\xffb", {"user_agent": "a\\xffb"}, id="not UTF-8"),
        pytest.param(
            b'"method":"GET","host":"localhost","uri":"/"',
            b'"method":"CONNECT","host":"h:443","uri":"h:443"',
            {"path": None, "section": None, "request": "CONNECT h:443 HTTP/2.0"},
            id="CONNECT",
        ),
        pytest.param(b'"cipher_suite":4865', b'"cipher_suite":49199', {"tls_cipher": "0xc02f"}, id="cipher"),
        pytest.param(b'"size":10900', b'"size":' + b"9" * 30, {"bytes": None}, id="no size any server wrote"),
    ],
)
def test_a_variant_of_caddy_is_read(old: bytes, new: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPEC, changed(SPEC, old, new))
    assert {key: record[key] for key in expected} == expected


def test_a_site_goes_before_the_section() -> None:
    assert parse(SPEC, SPEC.example, "http://my.site.com")["section"] == "http://my.site.com/"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"level":"info","ts":1.5,"msg":"serving"}', id="Caddy's own words"),
        pytest.param(changed(SPEC, b"http.log.access", b"http.log.error"), id="Caddy's error log"),
        pytest.param(changed(SPEC, b"1646861401.5241024", b'"noon"'), id="no time"),
        pytest.param(changed(SPEC, b"1646861401.5241024", b'"\xff"'), id="no time, no UTF-8"),
        pytest.param(changed(SPEC, b'"size":10900,', b""), id="no size"),
        pytest.param(changed(SPEC, b'"status":200', b'"status":"x"'), id="no status"),
    ],
)
def test_a_bad_line_is_refused(line: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPEC, line)
    assert caught.value.column == 1
