"""Envoy's default format and Istio's: every variation, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from format_kit import changed, parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import envoy

SPECS = {spec.name: spec for spec in envoy.SPECS}


def test_a_line_gives_its_whole_record() -> None:
    assert list(parse(SPECS["envoy"], SPECS["envoy"].example).items()) == whole_record(
        time="2016-04-15T20:17:00.310Z",
        epoch=1_460_751_420.31,
        client="10.0.35.28",
        vhost="locations",
        method="POST",
        path="/api/v1/locations",
        protocol="HTTP/2",
        status=204,
        bytes=0,
        user_agent="nsq2http",
        section="/api",
        vhost_port=None,
        forwarded_for="10.0.35.28",
        duration=0.226,
        request_bytes=154,
        upstream="tcp://10.0.2.1:80",
        upstream_duration=0.1,
        request_id="cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2",
        extra=None,
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            b'"10.0.35.28"',
            b'"1.1.1.1, 2.2.2.2"',
            {"client": "1.1.1.1", "forwarded_for": "1.1.1.1, 2.2.2.2"},
            id="the first address is the client",
        ),
        pytest.param(
            b"204 - 154 0 226 100",
            b"0 DC 0 0 5 -",
            {"status": None, "upstream_duration": None, "extra": {"response_flags": "DC"}},
            id="the client went away",
        ),
        pytest.param(
            b"POST /api/v1/locations HTTP/2",
            b"- - HTTP/1.1",
            {"method": None, "path": None, "protocol": "HTTP/1.1", "request": None},
            id="no request was read",
        ),
        pytest.param(
            b"POST /api/v1/locations HTTP/2", b"- - -", {"protocol": None, "request": None}, id="no HTTP"
        ),
        pytest.param(
            b"/api/v1/locations HTTP/2", b'/a "b" c?d HTTP/2', {"path": '/a "b" c', "query": "d"}, id="quotes"
        ),
        pytest.param(
            b'"nsq2http"', b'"a "q" " "b\x1b"', {"user_agent": 'a "q" " "b\\x1b'}, id="an agent with quotes"
        ),
        pytest.param(
            b'"10.0.35.28" "nsq2http"', b'"-" "-"', {"client": None, "user_agent": None}, id="no headers"
        ),
        pytest.param(
            b'"locations"',
            b'"Api.Example.com:8443"',
            {"vhost": "api.example.com", "vhost_port": 8443},
            id="port",
        ),
    ],
)
def test_a_variant_is_read(old: bytes, new: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPECS["envoy"], changed(SPECS["envoy"], old, new))
    assert {key: record[key] for key in expected} == expected


def test_a_line_of_istio_is_read() -> None:
    record = parse(
        SPECS["envoy"],
        b'[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" '
        b'"curl/7.73.0" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" '
        b"inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 "
        b"outbound_.8000_._.httpbin.foo.svc.cluster.local default",
    )
    assert (record["status"], record["bytes"], record["client"]) == (418, 135, "10.44.1.23")
    assert record["extra"]["response_code_details"] == "via_upstream"
    assert record["extra"]["route_name"] == "default"


@pytest.mark.parametrize(
    ("line", "column"),
    [
        pytest.param(b"", 1, id="nothing"),
        pytest.param(changed(SPECS["envoy"], b"226 100", b"226"), 1, id="a time is missing"),
        pytest.param(changed(SPECS["envoy"], b"Z]", b"]"), 1, id="no zone"),
        pytest.param(SPECS["envoy"].example.partition(b'"nsq')[0], 81, id="cut"),
        pytest.param(SPECS["envoy"].example[:-1] + b'"x', 81, id="a letter glued to the upstream"),
    ],
)
def test_a_bad_line_is_refused_with_its_column(line: bytes, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPECS["envoy"], line)
    assert caught.value.column == column
