"""Apache's LogFormat strings: what each directive gives, which of two wins, what is refused."""

from __future__ import annotations

from datetime import timezone
from typing import Any

import msgspec
import pytest

from w3ctools.core.errors import FormatError
from w3ctools.core.formats.apache import SPECS, compile_log_format
from w3ctools.core.formats.format import Settings
from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

SETTINGS = Settings("", Zone(timezone.utc))
STAMP = "[10/Oct/2000:13:55:36 -0700]"
TIME = {"time": "2000-10-10T20:55:36Z", "epoch": 971_211_336}
GET_A = {"method": "GET", "path": "/a", "protocol": "HTTP/1.1", "section": "/a"}


def _record(**values: Any) -> list[tuple[str, Any]]:
    keys = (*Record.__struct_fields__, *(key for key in values if key not in Record.__struct_fields__))
    return [(key, values.get(key)) for key in keys]


def _parse(text: str, line: str) -> list[tuple[str, Any]]:
    record = compile_log_format(text, SETTINGS).parse(line.encode())
    return list(msgspec.json.decode(encode(record)).items())


@pytest.mark.parametrize(
    ("text", "line", "values"),
    [
        (
            '%h %l %u %t "%r" %>s %b',
            '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
            TIME
            | {"client": "127.0.0.1", "user": "frank", "method": "GET", "path": "/apache_pb.gif"}
            | {"protocol": "HTTP/1.0", "status": 200, "bytes": 2326, "section": "/apache_pb.gif"},
        ),
        ("%h %b", "h -", {"client": "h", "bytes": 0}),
        ("%a %{c}a %A", "fe80::1%eth0 ::1 10.0.0.1",
            {"client": "fe80::1", "peer": "::1", "server_ip": "10.0.0.1"}),
        ("%h %a", "name 1.2.3.4", {"client": "1.2.3.4", "extra": {"host": "name"}}),
        ("%h %{c}h", "a b", {"client": "a", "peer": "b"}),
        ("%s %>s", "301 200", {"status": 200, "extra": {"original_status": "301"}}),
        ("%>s %<s", "200 301", {"status": 200, "extra": {"original_status": "301"}}),
        ("%s", "-", {}),
        ("%B %O %I %S", "5 90 80 170",
            {"bytes": 5, "request_bytes": 80, "wire_bytes": 90, "extra": {"total_bytes": "170"}}),
        ("%O", "90", {"bytes": 90}),
        ("%D", "109000", {"duration": 0.109}),
        ("%T/%D", "1/1500000", {"duration": 1.5}),
        ("%{ms}T %T", "1500 1", {"duration": 1.5}),
        ("%{us}T %{s}T", "15 0", {"duration": 0.000015}),
        ("%T", "3", {"duration": 3}),
        ("%^FB", "1500", {"ttfb": 0.0015}),
        ("%v %V %p", "A.example b.example 443",
            {"vhost": "a.example", "vhost_port": 443, "extra": {"server_name": "b.example"}}),
        ("%{local}p %{remote}p %{canonical}p", "1 2 3",
            {"vhost_port": 3, "client_port": 2, "server_port": 1}),
        ('"%{Host}i"', '"My.Site.com:8080"', {"vhost": "my.site.com", "vhost_port": 8080}),
        (
            '"%{Referer}i" "%{User-agent}i" "%{X-Forwarded-For}i" "%{X-Request-ID}i" "%{Accept}i"',
            r'"http://r/" "a \"q\" caf\xc3\xa9 \x1b" "1.1.1.1, ::1" "id" "*/*"',
            {"referer": "http://r/", "user_agent": 'a "q" café \\x1b', "forwarded_for": "1.1.1.1, ::1"}
            | {"request_id": "id", "extra": {"req.accept": "*/*"}},
        ),
        (
            "%{Content-Type}o %{X}o %{sid}C %{V}e %{n}n %{T}^ti %{T}^to %{SSL_PROTOCOL}x %{SSL_CIPHER}x",
            "text/html x 1 v - t u TLSv1.3 AES",
            {"tls_protocol": "TLSv1.3", "tls_cipher": "AES", "content_type": "text/html"}

            | {"extra": {"res.x": "x", "cookie.sid": "1", "env.V": "v", "req_trailer.t": "t"}
               | {"res_trailer.t": "u"}},
        ),
        (
            "%k %L %{c}L %P %{tid}P %R %f %X",
            "0 l c 12 34 proxy-server /srv/a +",
            {"extra": {"keepalive": "0", "log_id": "l", "connection_log_id": "c", "pid": "12", "tid": "34"}
             | {"handler": "proxy-server", "file": "/srv/a", "connection": "+"}},
        ),
        ("%m %U%q %H", "GET /a?x=1 HTTP/1.1", GET_A | {"query": "x=1"}),
        ("%m %U%q %H", "GET /a HTTP/1.1", GET_A),
        ('"%r" %m %U "%q" %H', '"GET /a HTTP/1.1" GET /b "?c" HTTP/1.0', GET_A),
        ("%U", "/a/b", {"path": "/a/b", "section": "/a"}),
        ('"%r"', '"-"', {}),
        ('"%r"', r'"\x16\x03"', {"request": r"\x16\x03"}),
        ("%!200,304,302{Referer}i %400,501{User-agent}i", "- -", {"referer": None}),
        ("%{Referer}>i", "r", {"referer": "r"}),
        ("%200t %h", "- h", {"client": "h"}),
        ("%200t %h", f"{STAMP} h", TIME | {"client": "h"}),
        (r"%h\t\"%u\" 100%%", 'h\t"a b" 100%', {"client": "h", "user": "a b"}),
        ("%u x", '"" x', {"user": ""}),
        (
            "%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t",
            "10/Oct/2000 13:55:36.250 -0700",
            {"time": "2000-10-10T20:55:36.250Z", "epoch": 971_211_336.25},
        ),
        ("%t %{end:sec}t", f"{STAMP} 971211399", TIME),
        (
            '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s %(M)s %({x-a}i)s %(q)s',
            f'h - - {STAMP} "GET /a HTTP/1.1" 200 5 "-" "agent" 1500 1 v x=1',
            TIME | GET_A | {"client": "h", "status": 200, "bytes": 5, "user_agent": "agent"}
            | {"duration": 0.0015, "extra": {"req.x-a": "v"}},
        ),
        ("%(h)s %(r)s %(s)s", "h GET /a HTTP/1.1 200", GET_A | {"client": "h", "status": 200}),
    ],
)  # fmt: skip
def test_a_line_gives_its_record(text: str, line: str, values: dict[str, Any]) -> None:
    assert _parse(text, line) == _record(**values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%h %", "expected a letter behind % (column 4 of the format)"),
        ("%h %y", "expected a directive of mod_log_config, not %y (column 4 of the format)"),
        ("%i", "expected an argument in braces, not %i (column 1 of the format)"),
        ("%h%u", "expected a blank or other character behind client (column 1 of the format)"),
        ("%{%Q}t", "time: expected a strftime directive, not %Q (column 3 of the format)"),
        (r"%h\n%u", "expected one line for each request, not \\n (column 3 of the format)"),
        ("%(nope)s", "expected an atom of gunicorn, not nope (column 1 of the format)"),
        ("x", "expected a field (column 1 of the format)"),
    ],
)
def test_a_bad_string_is_refused_with_its_column(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_log_format(text, SETTINGS)
    assert str(caught.value) == message


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_a_named_format_reads_its_example_on_both_paths(spec: Any) -> None:
    fmt = spec.make(SETTINGS)
    parser = fmt.block_parser()
    assert fmt.name == spec.name
    assert parser is not None
    assert parser.parse(spec.example + b"\n")[0] == [encode(fmt.parse(spec.example))]


def test_traefik() -> None:
    (spec,) = (spec for spec in SPECS if spec.name == "traefik")
    assert list(msgspec.json.decode(encode(spec.make(SETTINGS).parse(spec.example))).items()) == _record(
        time="2000-10-10T13:55:36Z",
        epoch=971_186_136,
        client="192.0.2.7",
        **GET_A,
        status=200,
        bytes=5,
        user_agent="curl/8.5",
        duration=0.012,
        upstream="http://10.0.0.2:80",
        extra={"request_count": "17", "router": "web@docker"},
    )


def test_lighttpd_has_the_virtual_host_where_clf_has_the_identity() -> None:
    (spec,) = (spec for spec in SPECS if spec.name == "lighttpd")
    record = spec.make(SETTINGS).parse(spec.example)
    assert (record.vhost, record.ident, record.user) == ("www.example.com", None, None)
