"""Made-up lines in every format, read by w3c-parse's own code: what went in comes out again."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import msgspec
import pytest

from w3ctools.core.errors import FormatError, W3CError
from w3ctools.core.formats import apache, nginx, registry
from w3ctools.core.formats.format import MakeFormat, Settings
from w3ctools.core.formats.w3c import compile_fields
from w3ctools.core.parse import LogParser
from w3ctools.core.synth.formats import NAMES, line_format
from w3ctools.core.synth.line import (
    Exchange,
    Host,
    LineFormat,
    Moment,
    OfExchange,
    OfMoment,
    OfVisit,
    Part,
    Visit,
)
from w3ctools.core.timestamp import Zone, parse_rfc3339

HOST = Host("http", "my.site.com", 8080)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VISITS = (
    Visit("203.0.113.7", None, None, None),
    Visit("198.18.4.1", "frank", "http://my.site.com:8080/pages?q=a%20b", BROWSER),
    Visit("2001:db8:1:2::3", "j.doe", None, BROWSER),
)
EXCHANGES = (
    Exchange("GET", "/items/77?sort=price&order=asc", "HTTP/1.1", 200, 5123, 245, 410, 1_050_000),
    Exchange("GET", "/", "HTTP/1.0", 304, 0, 180, 380, 2_000),
    Exchange("POST", "/api/v1/session", "HTTP/2.0", 204, 0, 201, 902, 12_345),
    Exchange("HEAD", "/images/logo.svg", "HTTP/1.1", 200, 0, 230, 120, 0),
    Exchange("DELETE", "/api/v1/orders/100391", "HTTP/1.1", 500, 312, 160, 333, 61_000_000),
)
MOMENTS = (Moment(971_211_336), Moment(1_764_028_799), Moment(1_764_028_800))
ENTRIES = list(product(MOMENTS, VISITS, EXCHANGES))

STRINGS = [
    # Apache
    '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"',
    '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %D',
    '%a [%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t] "%m" %U "%q" %H %s %B %I %O %T %V %P',
    '%{sec}t %h "%r" %>s %b %{ms}T "%{X-Forwarded-For}i" %{Host}i',
    '%{msec}t %h "%r" %>s %b %{us}T %k %X "%{Foo}o" %{bar}C %{UNIQUE_ID}e',
    "%{%a, %d %B %Y %I:%M:%S %p %Z}t|%h|%u|%r|%>s|%b|",
    '%{end:%e/%b/%y %k:%M:%S}t %h "%r" %s %S %f %L',
    "%{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}t %a %m %U%q %s",
    '%{usec}t.%{usec_frac}t "%r" %>s 100%%',
    '%!200,304{Referer}i %t "%r"',
    '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s" "%(q)s" %(s)s %(b)s "%(f)s" "%(a)s" %(M)s',
    # nginx
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent"',
    "[$time_iso8601] $remote_addr $request_method $scheme $host $request_uri $server_protocol $status "
    '$bytes_sent $request_length $request_time $upstream_response_time $upstream_addr "$http_referer"',
    '$msec "$http_x_forwarded_for" $remote_addr $http_host "$request_method $uri$is_args$args" $status',
    '$msec $remote_addr $uri "$args" $status $upstream_status $server_name:$server_port $foo $request_id',
    'escape=json {"t":"$time_iso8601","a":"$remote_addr","u":"$remote_user","r":"$request","s":$status,'
    '"q":"$args","b":$body_bytes_sent,"f":"$http_referer","n":"caf\xe9"}',
    '$proxy_add_x_forwarded_for $remote_addr [$time_local] "$request" $status',
    # W3C extended
    "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status bytes time-taken cs(User-Agent) "
    "cs(Referer) cs-username cs-version cs-host",
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version "
    "cs(User-Agent) cs(Referer) cs-host sc-status sc-substatus sc-win32-status time-taken",
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken x-forwarded-for cs-protocol-version",
    "#Fields: date time cs-method cs-uri",
    "#Fields: c-ip cs-uri-stem",
    # Apache, on a condition: the brackets of the time are absent too
    '%!500t %h "%r" %>s %!204b',
]
every_text = pytest.mark.parametrize("text", [*NAMES, *STRINGS])


def written(part: Part, moment: Moment, visit: Visit, exchange: Exchange) -> str:
    if isinstance(part, OfVisit):
        return part.write(visit)
    if isinstance(part, OfExchange):
        return part.write(exchange)
    return part.write(moment) if isinstance(part, OfMoment) else part


def line_of(line: LineFormat, moment: Moment, visit: Visit, exchange: Exchange) -> str:
    return "".join(written(part, moment, visit, exchange) for part in line.template)


def log_of(line: LineFormat, entries: list[tuple[Moment, Visit, Exchange]] = ENTRIES) -> bytes:
    return (line.header(MOMENTS[0]) + "".join(f"{line_of(line, *entry)}\n" for entry in entries)).encode()


def maker(text: str) -> MakeFormat:
    """What ``w3c-parse --format`` takes the text for."""
    if text.startswith("#Fields:"):
        return lambda settings: compile_fields(text, settings)
    if "%" in text:
        return lambda settings: apache.compile_log_format(text, settings)
    if text.startswith("escape=json "):
        return lambda settings: nginx.compile_log_format(text[len("escape=json ") :], "json", settings)
    if "$" in text:
        return lambda settings: nginx.compile_log_format(text, "default", settings)
    spec = registry.by_name(text)
    assert spec is not None
    return spec.make


class Read(NamedTuple):
    """What became of a log."""

    records: list[dict[str, Any]]
    unparsed: int
    chosen: list[str]


def read(log: bytes, make_format: MakeFormat | None) -> Read:
    parser = LogParser(Settings("", Zone()), make_format)
    fed, flushed = parser.feed(log), parser.flush()
    records = [msgspec.json.decode(line) for line in (fed.output + flushed.output).splitlines()]
    chosen = [found.name for found in (*fed.chosen.values(), *flushed.chosen.values())]
    return Read(records, parser.counts.unparsed, chosen)


#: Whole seconds, or six, three and no decimals: what formats tell of a duration.
def durations_of(exchange: Exchange) -> set[float | None]:
    us = exchange.duration_us
    return {None, us / 1_000_000, us // 1_000 / 1_000, us // 1_000_000}


def moment_of(record: dict[str, Any]) -> int | None:
    if record["time"] is None:
        return None
    assert record["epoch"] == parse_rfc3339(record["time"])
    return int(record["epoch"])


def expected(line: LineFormat, moment: Moment, visit: Visit, exchange: Exchange) -> dict[str, Any]:
    """The keys that `LineFormat.tells` speaks of, and the size."""
    told = {
        "time": moment.epoch_s,
        "client": visit.client,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
    }
    known: dict[str, Any] = {key: value if key in line.tells else None for key, value in told.items()}
    return known | {"bytes": line.size_bytes(exchange)}


def found(record: dict[str, Any]) -> dict[str, Any]:
    keys = ("client", "method", "path", "status", "bytes")
    return {"time": moment_of(record)} | {key: record[key] for key in keys}


def test_the_names_are_those_that_w3c_parse_lists() -> None:
    assert len(NAMES) > 20
    assert sorted(NAMES) == sorted(spec.name for spec in registry.ALL)


@every_text
def test_what_it_says_it_tells_is_read_again(text: str) -> None:
    line = line_format(text, HOST)
    records, unparsed, _ = read(log_of(line), maker(text))
    assert unparsed == 0
    assert [found(record) for record in records] == [expected(line, *entry) for entry in ENTRIES]


@every_text
def test_what_else_is_read_is_what_was_put_in_or_unknown(text: str) -> None:
    line = line_format(text, HOST)
    for record, (_, visit, exchange) in zip(read(log_of(line), maker(text)).records, ENTRIES, strict=True):
        assert record["query"] in (exchange.query, None)
        assert record["protocol"] in (exchange.protocol, None)
        assert record["user"] in (visit.user, None)
        assert record["referer"] in (visit.referer, None)
        assert record["user_agent"] in (visit.user_agent, None)
        assert record["vhost"] in (HOST.name, None)
        assert record["request"] is None or text in ("varnish", "alb", "elb")  # of absolute targets
        assert record.get("duration") in durations_of(exchange)
        assert record.get("request_bytes") in (exchange.request_bytes, None)


#: What each of the usual formats must tell beside what `LineFormat.tells` says.
_HEADERS = {"user", "referer", "user_agent"}
TOLD = {
    "common": {"user", "query"},
    "combined": {*_HEADERS, "query"},
    "vhost_main": {*_HEADERS, "query", "vhost", "vhost_port"},
    "varnish": {*_HEADERS, "query"},
    "w3c": {*_HEADERS, "query", "duration", "request_bytes", "server_port"},
    "record": {*_HEADERS, "query", "vhost"},
    "caddy": {*_HEADERS, "query", "vhost", "duration", "request_bytes"},
    "traefik_json": {*_HEADERS, "query", "vhost", "duration", "request_bytes"},
    "json": {*_HEADERS, "query", "vhost", "duration", "request_bytes"},
    "alb": {"query", "user_agent", "vhost", "vhost_port", "duration", "request_bytes"},
    "elb": {"query", "user_agent", "vhost", "vhost_port", "duration", "request_bytes"},
    "s3": {*_HEADERS, "query", "vhost", "duration"},
    "envoy": {"query", "user_agent", "vhost", "duration", "request_bytes"},
    "haproxy": {"query", "duration"},
    "ltsv": {*_HEADERS, "query", "vhost", "duration", "request_bytes"},
    "uvicorn": {"query"},
    "ingress_nginx": {*_HEADERS, "query", "duration", "request_bytes", "upstream"},
    "traefik": {*_HEADERS, "query", "duration"},
    "lighttpd": {*_HEADERS, "query", "vhost"},
    STRINGS[1]: {*_HEADERS, "query", "vhost", "vhost_port", "duration"},
    STRINGS[2]: {"query", "protocol", "duration", "request_bytes", "wire_bytes", "vhost"},
    STRINGS[3]: {"vhost", "vhost_port", "duration"},
    STRINGS[12]: {"query", "referer", "scheme", "duration", "upstream", "upstream_duration", "request_bytes"},
    STRINGS[13]: {"query", "vhost", "vhost_port"},
    STRINGS[17]: {*_HEADERS, "query", "protocol", "duration", "vhost"},
    STRINGS[18]: {*_HEADERS, "query", "protocol", "duration", "vhost", "server_port"},
    STRINGS[19]: {"query", "referer", "user_agent", "protocol", "duration", "vhost", "scheme"},
}


@pytest.mark.parametrize(("text", "keys"), TOLD.items(), ids=list(TOLD))
def test_a_line_with_everything_tells_it(text: str, keys: set[str]) -> None:
    line = line_format(text, HOST)
    log = log_of(line, [(MOMENTS[0], VISITS[1], EXCHANGES[0])])
    (record,) = read(log, maker(text)).records
    assert {key for key in keys if record[key] is None} == set()


DETECTED = [spec.name for spec in registry.DETECTED]
LAYOUTS = ["common", "combined", "vhost_combined", "vhost_main", "main"]


@pytest.mark.parametrize("name", [*LAYOUTS, "w3c", *DETECTED])
def test_it_is_detected_as_what_it_is(name: str) -> None:
    log = log_of(line_format(name, HOST))
    records, unparsed, chosen = read(log, None)
    fixed = read(log, maker(name)).records
    assert unparsed == 0
    assert chosen == ["iis" if name == "w3c" else name]
    assert records == fixed


@pytest.mark.parametrize(
    "text", ["combined", "vhost_combined", "main", "lighttpd", "ingress_nginx", *STRINGS[:2]]
)
def test_its_lines_take_the_fast_path(text: str) -> None:
    line = line_format(text, HOST)
    entries = [entry for entry in ENTRIES if entry[1].user_agent is not None]
    fast = maker(text)(Settings("", Zone())).block_parser()
    assert fast is not None
    rendered, _ = fast.parse(log_of(line, entries))
    assert len(rendered) == len(entries)
    assert None not in rendered


def test_the_header_of_a_w3c_log_dates_it() -> None:
    header = line_format("w3c", HOST).header(MOMENTS[0])
    assert header.startswith("#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n")
    assert "#Date: 2000-10-10 20:55:36\n#Fields: date time s-ip" in header
    assert header.endswith("time-taken\n")


def test_the_header_dates_lines_that_have_a_time_only() -> None:
    line = line_format("#Fields: time cs-method cs-uri", HOST)
    (record,) = read(log_of(line, [(MOMENTS[0], VISITS[0], EXCHANGES[0])]), None).records
    assert record["epoch"] == MOMENTS[0].epoch_s
    assert "time" in line.tells


def test_only_the_family_of_clf_is_clf() -> None:
    of_family = {name for name in NAMES if line_format(name, HOST).is_clf}
    assert of_family == {
        *("common", "combined", "vhost_combined", "vhost_common", "vhost_main", "main"),
        *("gunicorn", "varnish", "tomcat", "jetty"),
    }


def test_a_size_with_the_head_is_told_as_such() -> None:
    exchange = EXCHANGES[0]
    assert line_format("vhost_combined", HOST).size_bytes(exchange) == 5123 + 245
    assert line_format("combined", HOST).size_bytes(exchange) == 5123
    assert line_format("uvicorn", HOST).size_bytes(exchange) is None


def test_the_port_of_the_scheme_is_not_in_a_host_header() -> None:
    line = line_format('%{Host}i "%r"', Host("https", "my.site.com", 443))
    assert line_of(line, *ENTRIES[0]).startswith('my.site.com "GET ')


def test_what_the_site_does_not_know_is_a_dash() -> None:
    line = line_format("%{Foo}i %h %{SSL_PROTOCOL}x %>s", HOST)
    assert line_of(line, *ENTRIES[0]) == "- 203.0.113.7 - 200"


@pytest.mark.parametrize(
    ("directive", "text"),
    [
        ("%c", "Tue Oct 10 20:55:36 2000"),
        ("%A %j %u %w %U %V %W %g %G %C", "Tuesday 284 2 2 41 41 41 00 2000 20"),
        ("%l:%M %P, %-d %h", " 8:55 pm, 10 Oct"),
        ("%s %Z %z %D %F %R", "971211336 UTC +0000 10/10/00 2000-10-10 20:55"),
    ],
)
def test_a_time_of_its_own_form(directive: str, text: str) -> None:
    line = line_format(f"%{{{directive}}}t %>s", HOST)
    assert line_of(line, *ENTRIES[0]) == f"{text} 200"


@pytest.mark.parametrize(
    ("text", "column"),
    [("%h %Q", 4), ("$remote_addr $", 14), ("escape=json $remote_addr $", 26), ("%{%Q}t", 3)],
)
def test_a_string_is_refused_as_w3c_parse_refuses_it(text: str, column: int) -> None:
    with pytest.raises(FormatError) as refused:
        line_format(text, HOST)
    assert refused.value.column == column
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["#Fields: date time", "cobined", ""])
def test_what_is_no_format_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(W3CError) as refused:
        line_format(text, HOST)
    assert "\n" not in str(refused.value)
