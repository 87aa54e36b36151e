"""What real servers log of odd requests, read by the formats in their own configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Commands
from servers import Server, apache, nginx

NGINX_FORMATS = {
    "timed": "'$remote_addr [$time_local] \"$request\" $status '\n"
    '  \'$body_bytes_sent $request_time "$http_user_agent" "$http_x_trace"\'',
    "as_json": 'escape=json \'{"t":"$time_iso8601","c":"$remote_addr","r":"$request","s":$status,\'\n'
    '  \'"b":$body_bytes_sent,"a":"$http_user_agent","x":"$http_x_trace"}\'',
    "piped": "'$msec|$remote_addr|$request_method|$request_uri|$server_protocol|$status|$body_bytes_sent"
    "|$http_user_agent|$http_x_trace'",
}
APACHE_FORMATS = {
    "timed": '%h %l %u %t "%r" %>s %B "%{User-Agent}i" "%{X-Trace}i" %D',
    "iso": '%a %{%Y-%m-%dT%H:%M:%S}t.%{msec_frac}t %{%z}t "%r" %>s %B "%{User-Agent}i" "%{X-Trace}i"',
    "tabbed": '%{sec}t\t%a\t"%r"\t%>s\t%B\t%{User-Agent}i\t%{X-Trace}i\t%v',
}
AGENT = 'a "quoted" back\\slash caf\u00e9 \t end'
EXPECTED = {
    "client": "127.0.0.1",
    "method": "GET",
    "path": "/pages/create",
    "query": "x=1",
    "protocol": "HTTP/1.1",
    "status": 200,
    "bytes": 2,
    "user_agent": 'a "quoted" back\\slash caf\u00e9 \\x09 end',
    "section": "/pages",
    "request": None,
}
LONG = "/pages/" + "x" * 8000
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x8a\xff\r\n\r\n"


@pytest.fixture
def running_nginx(commands: Commands, tmp_path: Path) -> Iterator[Server]:
    with nginx(commands, tmp_path / "nginx", NGINX_FORMATS) as server:
        yield server


@pytest.fixture
def running_apache(commands: Commands, tmp_path: Path) -> Iterator[Server]:
    with apache(commands, tmp_path / "apache", APACHE_FORMATS) as server:
        yield server


def parsed(commands: Commands, server: Server, name: str, count: int) -> list[dict[str, Any]]:
    """The records of a log, once all requests are in it; the server writes when it has answered."""
    tail = commands.start("w3c-tail", "-n", "+1", server.logs[name])
    lines = b"".join(tail.read_line() for _ in range(count))
    run = commands.run("w3c-parse", "--from-config", server.configuration, "--format", name, stdin=lines)
    assert len(run.values) == count
    return run.values


def check(records: list[dict[str, Any]]) -> None:
    """Worker threads log in any order, so records are told apart by what was asked."""
    odd = next(record for record in records if record["path"] == "/pages/create")
    long = next(record for record in records if record["path"] == LONG)
    garbage = next(record for record in records if record["status"] == 400)
    assert {key: odd[key] for key in EXPECTED} == EXPECTED
    assert odd["epoch"] is not None
    assert long["user_agent"] == "curl/8"
    assert (garbage["method"], garbage["section"]) == (None, None)


@pytest.mark.parametrize("name", NGINX_FORMATS)
def test_nginx_formats_come_out_right(commands: Commands, running_nginx: Server, name: str) -> None:
    send_odd_requests(running_nginx)
    check(parsed(commands, running_nginx, name, 3))


@pytest.mark.parametrize("name", APACHE_FORMATS)
def test_apache_formats_come_out_right(commands: Commands, running_apache: Server, name: str) -> None:
    send_odd_requests(running_apache)
    check(parsed(commands, running_apache, name, 3))


def send_odd_requests(server: Server) -> None:
    assert server.get("/pages/create?x=1", User_Agent=AGENT.encode(), X_Trace=b"\xff\x80") == 200
    server.get(LONG, User_Agent="curl/8")
    server.send(TLS)


def test_several_formats_and_none_named_is_a_clear_choice(commands: Commands, running_nginx: Server) -> None:
    run = commands.run("w3c-parse", "--from-config", running_nginx.configuration)
    (note,) = run.notes
    assert run.status == 2
    assert all(name in note for name in NGINX_FORMATS)
    assert "--format NAME" in note
