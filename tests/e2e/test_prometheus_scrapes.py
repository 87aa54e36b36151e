"""A real Prometheus, or what node_exporter would read, on the totals of a log."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from harness import DEADLINE_S, EPOCH, Commands, Proc, log_line, tool

#: Requests per second that are logged; every tenth of them fails.
RATE_PER_S = 200
WINDOW_S = 5
#: What a busy machine may make of a rate over so short a window.
TOLERANCE = 0.15

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: w3c
    static_configs: [targets: ["{target}"]]
"""


class Prometheus(NamedTuple):
    """A running Prometheus that scrapes every second."""

    process: Proc
    port: int

    def until(self, expression: str, low: float, high: float) -> None:
        """Wait until an expression has one value, and that is between these."""
        seen: list[float] = []

        def found() -> bool:
            seen[:] = self.values(expression)
            return len(seen) == 1 and low <= seen[0] <= high

        try:
            self.process.until(found, f"{expression} from {low:g} to {high:g}", deadline_s=30)
        finally:
            print(f"{expression} was {seen} at last")

    def values(self, expression: str) -> list[float]:
        """The values of an expression now."""
        found = self._ask("query", query=expression)
        return [float(result["value"][1]) for result in found]

    def history(self, expression: str, since_s: float) -> list[float]:
        """The values of an expression in each second since then, of all its series."""
        now_s = time.time()
        found = self._ask("query_range", query=expression, start=since_s, end=now_s, step=1)
        return [float(value) for result in found for _, value in result["values"]]

    def _ask(self, what: str, **words: object) -> list[dict[str, Any]]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            client.request("GET", f"/api/v1/{what}?{urlencode(words)}")
            answer = json.loads(client.getresponse().read())
        finally:
            client.close()
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


class Load:
    """Requests that are logged at a steady rate while the context lasts."""

    def __init__(self, log: Path) -> None:
        self.lines = 0
        self._log = log
        self._over = Event()
        self._thread = Thread(target=self._write)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        started_s = time.monotonic()
        with open(self._log, "ab", buffering=0) as file:
            while not self._over.wait(0.05):
                due = int((time.monotonic() - started_s) * RATE_PER_S)
                now = int(time.time())
                numbers = range(self.lines, due)
                file.write(b"".join(log_line(now, status=503 if n % 10 == 0 else 200) for n in numbers))
                self.lines = due


@pytest.fixture
def log(commands: Commands) -> Path:
    return commands.write("access.log", b"")


@pytest.fixture
def address(commands: Commands, log: Path) -> str:
    """Where the canonical pipe listens on that log."""
    pipe = commands.start_bash(
        'w3c-tail -n +1 "$1" | w3c-parse | w3c-stats -o prometheus --listen 127.0.0.1:0', log
    )
    notes = "\n".join(pipe.read_notes("/metrics"))
    match = re.search(r"http://(127\.0\.0\.1:[1-9]\d*)/metrics", notes)
    assert match, notes
    return match[1]


def _free_port() -> int:
    """Where nobody listens. Of a port that it chooses itself Prometheus does not always say which."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def prometheus(commands: Commands, address: str) -> Prometheus:
    configuration = commands.write("prometheus.yml", CONFIGURATION.format(target=address))
    port = _free_port()
    process = commands.start(
        tool("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={commands.folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    process.read_notes("ready to receive web requests")
    server = Prometheus(process, port)
    server.until("up", 1, 1)
    return server


def test_rate_in_prometheus_is_the_rate_of_the_log(prometheus: Prometheus, log: Path) -> None:
    started_s = time.time()
    with Load(log) as load:
        prometheus.until(f"count_over_time(w3c_log_clock_timestamp_seconds[{WINDOW_S}s])", WINDOW_S, 99)
        low, high = RATE_PER_S * (1 - TOLERANCE), RATE_PER_S * (1 + TOLERANCE)
        prometheus.until(f"sum(rate(w3c_requests_total[{WINDOW_S}s]))", low, high)
        prometheus.until(
            f'sum(rate(w3c_requests_total{{status="5xx"}}[{WINDOW_S}s]))'
            f" / sum(rate(w3c_requests_total[{WINDOW_S}s]))",
            0.09,
            0.11,
        )
        prometheus.until("abs(time() - w3c_log_clock_timestamp_seconds)", 0, 5)
    prometheus.until("sum(w3c_requests_total)", load.lines, load.lines)
    prometheus.until("sum(w3c_response_bytes_total)", load.lines * 2326, load.lines * 2326)
    # Every scrape was of one moment, and nothing ever went back.
    difference = "sum(w3c_section_requests_total) - sum(w3c_requests_total)"
    assert set(prometheus.history(difference, started_s)) == {0}
    for name in ("requests", "section_requests", "section_errors", "response_bytes"):
        assert prometheus.values(f"sum(resets(w3c_{name}_total[5m]))") == [0]


def test_file_has_the_totals_of_the_whole_input(commands: Commands) -> None:
    lines = [log_line(EPOCH + number // 20, status=503 if number < 5 else 200) for number in range(400)]
    log, path = commands.write("access.log", b"".join([*lines, b"junk\n"])), commands.folder / "w3c.prom"
    run = commands.bash(
        'w3c-parse < "$1" | w3c-alert --pass-through -t 10 -w 5 | w3c-stats -o prometheus --file "$2"',
        log,
        path,
    )
    assert (run.status, run.stdout) == (0, b"")
    assert [note for note in run.notes if note.startswith("w3c-stats")] == [
        "w3c-stats: 1 lines had no readable time: counted at the log's clock"
    ]
    text = path.read_text()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'w3c_requests_total{status="2xx"} 395.0',
        'w3c_requests_total{status="3xx"} 0.0',
        'w3c_requests_total{status="4xx"} 0.0',
        'w3c_requests_total{status="5xx"} 5.0',
        'w3c_requests_total{status="other"} 0.0',
        f"w3c_response_bytes_total {400 * 2326}.0",
        "w3c_unparsed_lines_total 1.0",
        "w3c_late_lines_total 0.0",
        'w3c_section_requests_total{section="other"} 9.0',
        'w3c_section_requests_total{section="/pages"} 391.0',
        'w3c_section_errors_total{section="other"} 5.0',
        'w3c_section_errors_total{section="/pages"} 0.0',
        'w3c_alerts_total{rule="traffic"} 1.0',
        'w3c_alert_open{rule="traffic"} 1.0',
        "w3c_log_clock_timestamp_seconds 1.600000019e+09",
    ]
    lint = commands.run(tool("promtool"), "check", "metrics", stdin=text.encode())
    assert (lint.status, lint.stdout, lint.stderr) == (0, b"", b"")


def test_address_in_use_ends_the_command_at_once(commands: Commands, address: str) -> None:
    run = commands.run("w3c-stats", "-o", "prometheus", "--listen", address)
    assert run.status == 2
    assert run.notes == [f"w3c-stats: cannot listen on {address}: Address already in use"]
