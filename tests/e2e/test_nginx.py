"""The canonical pipe on the access log of a real nginx that answers real requests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import Commands, tool

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "ok"; }}
        location /missing {{ return 404; }}
        location /broken {{ return 503; }}
    }}
}}
"""


class Server(NamedTuple):
    """A running nginx."""

    port: int
    access_log: Path


@pytest.fixture
def nginx(commands: Commands, tmp_path: Path) -> Iterator[Server]:
    """A real nginx on loopback."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, user=user))
    server = commands.start(tool("nginx"), "-e", folder / "error.log", "-c", configuration)
    server.until(lambda: answers(port), "nginx listens")
    yield Server(port, folder / "access.log")
    server.send_signal(signal.SIGTERM)
    server.wait()


@pytest.fixture
def close() -> Iterator[ExitStack]:
    """Closes connections when a test is over."""
    with ExitStack() as stack:
        yield stack


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_sections_counts_the_alert_and_its_recovery_are_seen(
    commands: Commands, nginx: Server, close: ExitStack
) -> None:
    pipe = commands.start_bash(
        'w3c-tail -n +1 "$1" | w3c-parse | tee >(w3c-alert -t 5 -w 4) | w3c-stats -i 1m -o json',
        nginx.access_log,
    )
    sent: Counter[tuple[str, int]] = Counter()
    client = http.client.HTTPConnection("127.0.0.1", nginx.port)
    close.callback(client.close)
    for target in [
        "/pages/create?x=/a",
        "/pages/list",
        "/api/v1/items",
        "/missing/a b".replace(" ", "%20"),
        "/broken",
    ] * 12:
        client.request("GET", target, headers={"User-Agent": 'a "quoted" \\ agent'})
        response = client.getresponse()
        response.read()
        sent["/" + target.split("/")[1].partition("?")[0], response.status] += 1
    raised = json.loads(pipe.read_line(deadline_s=30))
    recovered = json.loads(pipe.read_line(deadline_s=30))
    assert (raised["state"], recovered["state"]) == ("raised", "recovered")
    assert raised["message"].startswith("High traffic generated an alert - hits = ")
    assert 20 < raised["hits"] <= 60
    assert abs(raised["epoch"] - time.time()) < 60
    pipe.signal_group(signal.SIGINT)
    intervals = [value for value in pipe.result().values if value["event"] == "summary"]
    sections: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for interval in intervals:
        sections.update({row["section"]: row["requests"] for row in interval["sections"]})
        statuses.update(interval["status"])
    assert sections == {"/pages": 24, "/api": 12, "/missing": 12, "/broken": 12}
    assert statuses == {"200": 36, "404": 12, "503": 12}
    assert sum(sent.values()) == sum(interval["requests"] for interval in intervals)


def test_what_nginx_escapes_is_read_back(commands: Commands, nginx: Server, close: ExitStack) -> None:
    agent = 'a "quoted" \\ ag\u00e9nt \t end'
    client = http.client.HTTPConnection("127.0.0.1", nginx.port)
    close.callback(client.close)
    client.request("GET", "/caf%C3%A9/x", headers={"User-Agent": agent.encode()})
    client.getresponse().read()
    with socket.create_connection(("127.0.0.1", nginx.port)) as garbage:
        garbage.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n")
        garbage.recv(4096)
    log = commands.start("w3c-tail", "-n", "+1", nginx.access_log)
    lines = log.read_line() + log.read_line()
    first, second = commands.run("w3c-parse", stdin=lines).values
    assert first["user_agent"] == 'a "quoted" \\ ag\u00e9nt \\x09 end'
    assert (first["path"], first["section"]) == ("/caf%C3%A9/x", "/caf%C3%A9")
    assert (second["status"], second["method"]) == (400, None)
    assert second["request"].startswith("\\x16\\x03\\x01")
