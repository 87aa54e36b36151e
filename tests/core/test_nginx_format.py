"""nginx's log_format strings: what each variable gives, escapes, lists of upstreams, what is refused."""

from __future__ import annotations

from datetime import timezone
from typing import Any

import msgspec
import pytest

from w3ctools.core.errors import FormatError
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.nginx import SPECS, Escape, compile_log_format
from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

SETTINGS = Settings("", Zone(timezone.utc))
GET_A = {"method": "GET", "path": "/a", "protocol": "HTTP/1.1", "section": "/a"}
MAIN = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" "$http_x_forwarded_for"'
)


def _record(**values: Any) -> list[tuple[str, Any]]:
    keys = (*Record.__struct_fields__, *(key for key in values if key not in Record.__struct_fields__))
    return [(key, values.get(key)) for key in keys]


def _parse(text: str, line: str, escape: Escape = "default") -> list[tuple[str, Any]]:
    record = compile_log_format(text, escape, SETTINGS).parse(line.encode())
    return list(msgspec.json.decode(encode(record)).items())


@pytest.mark.parametrize(
    ("text", "line", "values"),
    [
        (
            MAIN,
            '172.24.0.3 - alice [31/Dec/2024:17:32:06 +0000] "GET / HTTP/1.1" 200 615 '
            '"https://domain.tld/path" "curl/8.11.1" "1.2.3.4, 10.10.1.1"',
            {"time": "2024-12-31T17:32:06Z", "epoch": 1_735_666_326, "client": "172.24.0.3", "user": "alice"}
            | {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "status": 200, "bytes": 615}
            | {"referer": "https://domain.tld/path", "user_agent": "curl/8.11.1", "section": "/"}
            | {"forwarded_for": "1.2.3.4, 10.10.1.1"},
        ),
        ("$msec", "971211336.250", {"time": "2000-10-10T20:55:36.250Z", "epoch": 971_211_336.25}),
        ("$time_iso8601", "2000-10-10T13:55:36-07:00",
            {"time": "2000-10-10T20:55:36Z", "epoch": 971_211_336}),
        (
            "$time_local $msec",
            "10/Oct/2000:13:55:36 -0700 971211336.250",
            {"time": "2000-10-10T20:55:36.250Z", "epoch": 971_211_336.25},
        ),
        ("$status", "000", {}),
        ("$status", "009", {}),
        ("$bytes_sent", "90", {"bytes": 90}),
        ("$body_bytes_sent $bytes_sent $request_length", "5 90 80",
            {"bytes": 5, "request_bytes": 80, "wire_bytes": 90}),
        ("$request_time", "0.050", {"duration": 0.05}),
        ("$request_method $request_uri $server_protocol", "GET /a?b HTTP/1.1", GET_A | {"query": "b"}),
        ("$request_method $uri?$args $server_protocol", "GET /a?b HTTP/1.1", GET_A | {"query": "b"}),
        ("$request_method $uri?$args $server_protocol", "GET /a?- HTTP/1.1", GET_A),
        ("$uri$is_args$args", "/a?b", {"path": "/a", "query": "b", "section": "/a"}),
        ("$request_uri $uri $args", "/a?b /index b", {"path": "/a", "query": "b", "section": "/a"}),
        (
            "$scheme://$host$request_uri",
            "https://a.example/a",
            {"vhost": "a.example", "path": "/a", "section": "/a", "scheme": "https"},
        ),
        ("$server_name $host", "x A.example", {"vhost": "a.example", "extra": {"server_name": "x"}}),
        ("$http_host", "a.example:80", {"vhost": "a.example", "vhost_port": 80}),
        ("${remote_addr}:$remote_port $server_port", "::1:8080 80",
            {"client": "::1", "client_port": 8080, "server_port": 80}),
        (
            "$ssl_protocol $ssl_cipher $upstream_cache_status $request_id $sent_http_content_type",
            "TLSv1.3 AES HIT id text/html",
            {"cache": "HIT", "request_id": "id", "tls_protocol": "TLSv1.3", "tls_cipher": "AES"}
            | {"content_type": "text/html"},
        ),
        (
            "$http_x_a $sent_http_b_c $cookie_s_t $arg_u_v $pipe [$own]",
            "1 2 3 4 . x y",
            {},
        ),
        (
            "$upstream_addr $upstream_status $upstream_response_time",
            "1.1.1.1:80, 2.2.2.2:80 : 3.3.3.3:80 502, 504 : 200 0.100, 0.2 : 0.025",
            {"upstream": "3.3.3.3:80", "upstream_status": 200, "upstream_duration": 0.025}
            | {"extra": {"upstream_addr": "1.1.1.1:80, 2.2.2.2:80 : 3.3.3.3:80"}
               | {"upstream_status": "502, 504 : 200", "upstream_response_time": "0.100, 0.2 : 0.025"}},
        ),
        (
            "$upstream_addr $upstream_status",
            "1.1.1.1:80 -",
            {"upstream": "1.1.1.1:80", "upstream_status": None, "extra": None},
        ),
        (r'"$http_user_agent"', r'"a \x22q\x22 \xC3\xA9 \x1B"', {"user_agent": 'a "q" é \\x1B'}),
    ],
)  # fmt: skip
def test_a_line_gives_its_record(text: str, line: str, values: dict[str, Any]) -> None:
    if "$own" in text:
        line = line.replace("x y", "[x y]")
        values = {
            "extra": {
                "req.x-a": "1",
                "res.b-c": "2",
                "cookie.s_t": "3",
                "arg.u_v": "4",
                "pipe": ".",
                "own": "x y",
            }
        }
    assert _parse(text, line) == _record(**values)


def test_json_escaping_logs_nothing_for_what_is_missing() -> None:
    text = (
        '{"c":"$remote_addr","r":"$request","s":$status,"d":$upstream_response_time,"u":"$http_user_agent"}'
    )
    line = r'{"c":"","r":"GET /a HTTP/1.1","s":200,"d":,"u":"a \"b\""}'
    assert _parse(text, line, "json") == _record(
        **GET_A, status=200, user_agent='a "b"', upstream_duration=None, extra=None
    )


def test_without_escaping_quotes_are_read_as_they_stand() -> None:
    line = '"GET /a HTTP/1.1" "a "b" c"'
    assert _parse('"$request" "$http_user_agent"', line, "none") == _record(**GET_A, user_agent='a "b" c')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$remote_addr $", "expected a variable's name behind $ (column 14 of the format)"),
        (
            "$remote_addr$remote_user",
            "expected a blank or other character behind client (column 1 of the format)",
        ),
        ("none", "expected a field (column 1 of the format)"),
    ],
)
def test_a_bad_string_is_refused_with_its_column(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_log_format(text, "default", SETTINGS)
    assert str(caught.value) == message


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_a_named_format_reads_its_example_on_both_paths(spec: Any) -> None:
    fmt = spec.make(SETTINGS)
    parser = fmt.block_parser()
    assert fmt.name == spec.name
    assert parser is not None
    assert parser.parse(spec.example + b"\n")[0] == [encode(fmt.parse(spec.example))]


def test_the_documented_line_of_ingress_nginx() -> None:
    line = (
        b'0.0.0.0 - bob [18/Mar/2023:15:00:00 +0000] "GET /some/path HTTP/2.0" 200 12312 '
        b'"https://10.0.0.1/some/referer" "Mozilla/5.0 (..)" 462 0.050 [some-upstream-service-9000] '
        b"[some-other-upstream-5000] 10.0.50.80:9000 19437 0.049 200 752178adb17130b291aefd8c386279e7"
    )
    record = SPECS[0].make(SETTINGS).parse(line)
    assert list(msgspec.json.decode(encode(record)).items()) == _record(
        time="2023-03-18T15:00:00Z",
        epoch=1_679_151_600,
        client="0.0.0.0",
        user="bob",
        method="GET",
        path="/some/path",
        protocol="HTTP/2.0",
        status=200,
        bytes=12312,
        referer="https://10.0.0.1/some/referer",
        user_agent="Mozilla/5.0 (..)",
        section="/some",
        duration=0.05,
        request_bytes=462,
        upstream="10.0.50.80:9000",
        upstream_status=200,
        upstream_duration=0.049,
        request_id="752178adb17130b291aefd8c386279e7",
        extra={
            "proxy_upstream_name": "some-upstream-service-9000",
            "proxy_alternative_upstream_name": "some-other-upstream-5000",
            "upstream_response_length": "19437",
        },
    )
