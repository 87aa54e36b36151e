"""Traefik's access log in JSON: its variations, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from format_kit import changed, parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.traefik_json import SPECS

(SPEC,) = SPECS


def test_a_line_of_traefik_gives_its_whole_record() -> None:
    assert list(parse(SPEC, SPEC.example).items()) == whole_record(
        time="2025-01-08T13:27:03.200888017Z",
        epoch=1_736_342_823.200888,
        client="10.10.10.1",
        vhost="gw.local",
        method="GET",
        path="/webpages/index.html",
        query="t=1",
        protocol="HTTP/1.1",
        status=200,
        bytes=10_699,
        user_agent="curl/8.5.0",
        section="/webpages",
        scheme="http",
        vhost_port=None,
        client_port=40_084,
        forwarded_for=None,
        duration=0.031482552,
        request_bytes=0,
        upstream="10.0.0.2:80",
        upstream_status=200,
        upstream_duration=0.031390214,
        tls_protocol=None,
        tls_cipher=None,
        content_type=None,
        extra={"OriginContentSize": "10699", "Overhead": "92338", "RouterName": "web@file"},
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b'"ClientUsername":"-"', b'"ClientUsername":"joe"', {"user": "joe"}, id="a user"),
        pytest.param(b'"OriginStatus":200', b'"OriginStatus":0', {"upstream_duration": None}, id="no origin"),
        pytest.param(
            b'"ClientHost":"10.10.10.1"',
            b'"ClientHost":"1.1.1.1,2.2.2.2"',
            {"client": "1.1.1.1", "forwarded_for": "2.2.2.2"},
            id="several clients",
        ),
        pytest.param(
            b'"StartUTC":"2025-01-08T13:27:03.200888017Z",',
            b"",
            {"time": "2025-01-08T13:27:03Z", "epoch": 1_736_342_823},
            id="the end's time alone",
        ),
    ],
)
def test_a_variant_of_traefik_is_read(old: bytes, new: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPEC, changed(SPEC, old, new))
    assert {key: record[key] for key in expected} == expected


def test_a_line_without_a_time_that_can_be_read_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPEC, changed(SPEC, b"2025-01", b"noon"))
    assert caught.value.column == 1
