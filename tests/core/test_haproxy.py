"""HAProxy's HTTP log: every variation that it writes, and what is refused."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from format_kit import changed, parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import haproxy
from w3ctools.core.timestamp import Zone

SPECS = {spec.name: spec for spec in haproxy.SPECS}


def test_a_line_gives_its_whole_record() -> None:
    assert list(parse(SPECS["haproxy"], SPECS["haproxy"].example).items()) == whole_record(
        time="2009-02-06T12:14:14.655Z",
        epoch=1_233_922_454.655,
        client="10.0.1.2",
        method="GET",
        path="/index.html",
        protocol="HTTP/1.1",
        status=200,
        bytes=2750,
        section="/index.html",
        client_port=33_317,
        duration=0.109,
        upstream="static/srv1",
        upstream_duration=0.069,
        extra={
            "frontend": "http-in",
            "timers": "10/0/30/69/109",
            "termination_state": "----",
            "connections": "1/1/1/1/0",
            "queues": "0/0",
            "captured_1": "1wt.eu",
        },
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b"Feb  6 12:14:14 localhost haproxy[14389]: ", b"", {"status": 200}, id="no syslog"),
        pytest.param(b"Feb  6 12", b"<134>Feb  6 12", {"status": 200}, id="syslog with its priority"),
        pytest.param(
            b"static/srv1 10/0/30/69/109 200 2750",
            b"http-in/<NOSRV> -1/-1/-1/-1/+50001 -1 +0",
            {"upstream": None, "upstream_duration": None, "duration": 50.001, "status": None, "bytes": 0},
            id="no server was reached",
        ),
        pytest.param(b"69/109", b"-1/-1", {"duration": None, "upstream_duration": None}, id="-1: no time"),
        pytest.param(b"1/1/1/1/0", b"1/1/1/1/+2", {"status": 200}, id="redispatched"),
        pytest.param(
            b"GET /index.html HTTP/1.1",
            b"<BADREQ>",
            {"method": None, "path": None, "section": None, "request": "<BADREQ>"},
            id="a bad request",
        ),
        pytest.param(
            b'"GET /index.html HTTP/1.1"', b'""', {"method": None, "request": None}, id="an empty request"
        ),
        pytest.param(
            b"/index.html HTTP",
            b"/a#22b#23#1B#C3#A9 HTTP",
            {"path": '/a"b#\\x1bé', "section": '/a"b'},
            id="escapes",
        ),
        pytest.param(b' HTTP/1.1"', b"", {"path": "/index.html", "protocol": None}, id="cut at its length"),
        pytest.param(b"10.0.1.2:", b"2001:db8::1:", {"client": "2001:db8::1"}, id="IPv6"),
        pytest.param(b" {1wt.eu} {}", b"", {"path": "/index.html"}, id="nothing captured"),
    ],
)
def test_a_variant_is_read(old: bytes, new: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPECS["haproxy"], changed(SPECS["haproxy"], old, new))
    assert {key: record[key] for key in expected} == expected


def test_what_httpslog_adds_is_kept() -> None:
    line = SPECS["haproxy"].example + b" 0/0000000000000000/0/0/0 1wt.eu/TLSv1.3/TLS_AES_256_GCM_SHA384"
    assert parse(SPECS["haproxy"], line)["extra"]["tail"].endswith("TLS_AES_256_GCM_SHA384")


def test_a_backend_without_server_is_kept() -> None:
    line = changed(SPECS["haproxy"], b"static/srv1", b"static/<NOSRV>")
    assert parse(SPECS["haproxy"], line)["extra"]["backend"] == "static"


def test_the_stamp_is_of_the_zone_given() -> None:
    record = parse(SPECS["haproxy"], SPECS["haproxy"].example, zone=Zone(ZoneInfo("Europe/Paris")))
    assert record["time"] == "2009-02-06T11:14:14.655Z"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"haproxy[1]: Proxy http-in started.", id="another message"),
        pytest.param(changed(SPECS["haproxy"], b"10/0/30/69/109", b"10/30/109"), id="a TCP log's timers"),
        pytest.param(changed(SPECS["haproxy"], b" 200 ", b" 2000 "), id="status of 4 digits"),
        pytest.param(
            changed(SPECS["haproxy"], b"static/srv1 10", b"in/1: SSL handshake failure 10"),
            id="an error",
        ),
        pytest.param(changed(SPECS["haproxy"], b'"GET', b"GET"), id="no quote"),
    ],
)
def test_a_bad_line_is_refused(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse(SPECS["haproxy"], line)
