"""Flat objects: the names of keys that servers use, what is repaired, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from format_kit import parse, whole_record

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.flat_json import SPECS
from w3ctools.core.record import FORMAT_KEYS

(SPEC,) = SPECS


def test_a_flat_object_gives_its_whole_record() -> None:
    flat_keys = dict.fromkeys(key for key in FORMAT_KEYS if key not in ("peer", "ttfb"))
    values = {
        "time": "2024-12-31T17:32:06Z",
        "epoch": 1_735_666_326,
        "client": "172.24.0.3",
        "user": "alice",
        "method": "GET",
        "path": "/a/b",
        "query": "c",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 615,
        "user_agent": "curl/8.11.1",
        "section": "/a",
        "duration": 0.05,
        "upstream_duration": 0.049,
        "extra": {"upstream_response_time": "0.010, 0.049"},
    }
    assert list(parse(SPEC, SPEC.example).items()) == whole_record(**{**flat_keys, **values})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            b'{"time_local":"10/Oct/2000:13:55:36 -0700","remote_addr":"::1",'
            b'"request":"GET /a\\x22b HTTP/1.1","status":200,"http_user_agent":"\\xC3\\xA9 \\x1B \\xFF"}',
            {"time": "2000-10-10T20:55:36Z", "path": '/a"b', "user_agent": r"é \x1b \xff"},
            id="nginx without escape=json",
        ),
        pytest.param(
            b'{"msec":1700000000.123,"uri":"/x","args":"a=1","request_method":"GET","status":"009","t":,'
            b'"ua":"\\":,","u":}',
            {
                "epoch": 1_700_000_000.123,
                "path": "/x",
                "query": "a=1",
                "status": None,
                "extra": {"ua": '":,'},
            },
            id="nginx's escape=json with an empty variable",
        ),
        pytest.param(
            b'{"msec":1,"request":"GET /\\\\x41 HTTP/1.1","status":200,"t":,"x":"\xff"}',
            {"path": "/\\x41", "extra": {"x": r"\xff"}},
            id="an escaped backslash before x is none of nginx's escapes",
        ),
        pytest.param(
            b'{"start_time":"2025-12-31T16:37:40.479Z","method":"GET","x-envoy-origin-path":"/admin",'
            b'"response_code":404,"downstream_remote_address":"10.0.0.12:59292",":authority":"app:81",'
            b'"duration":5}',
            {
                "client": "10.0.0.12",
                "client_port": 59_292,
                "vhost": "app",
                "vhost_port": 81,
                "path": "/admin",
                "duration": None,
                "extra": {"duration": "5"},
            },
            id="Envoy's JSON: a duration without unit is not guessed at",
        ),
        pytest.param(
            b'{"time":"noon","client":"1.1.1.1","path":"/","method":"GET","status":200,"bytes":5,'
            b'"bytes_sent":7,"duration_ms":109}',
            {"time": None, "bytes": 7, "duration": 0.109, "extra": {"time": "noon", "bytes": "5"}},
            id="a time of an unknown shape is kept",
        ),
        pytest.param(
            b'{"time":"2020-01-01T00:00:00","status":200,"request":"-","size":'
            + b"9" * 6000
            + b',"body_bytes_sent":1,"upstream_addr":"10.0.0.1:80 : 10.0.0.2:80"}',
            {"method": None, "bytes": 1, "upstream": "10.0.0.2:80"},
            id="no request, a number of 6000 digits",
        ),
        pytest.param(
            b'{"time":"2020-01-01T00:00:00Z","status":200,"request":"GET / HTTP/1.1","a\\u202e":"\\u0007"}',
            {"extra": {r"a\xe2\x80\xae": r"\x07"}},
            id="keys are made safe too",
        ),
    ],
)
def test_a_variant_of_a_flat_object_is_read(line: bytes, expected: dict[str, Any]) -> None:
    record = parse(SPEC, line)
    assert {key: record[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("line", "column"),
    [
        pytest.param(b"", 1, id="nothing"),
        pytest.param(b"hello", 1, id="no JSON"),
        pytest.param(b"[1]", 1, id="no object"),
        pytest.param(b'{"status":200}', 1, id="a status alone"),
        pytest.param(b'{"status":200,"request":"GET / HTTP/1.1"', 41, id="cut"),
        pytest.param(b'{"a":' + b"[" * 100_000, 1, id="too deep"),
    ],
)
def test_a_bad_line_is_refused_with_its_column(line: bytes, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPEC, line)
    assert caught.value.column == column
