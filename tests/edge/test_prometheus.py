"""Metrics over HTTP and in a file, as prometheus_client and promtool read them."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from socket import gaierror
from typing import Any

import pytest
from harness import DEADLINE_S, tool
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from w3ctools.core.metrics import Family, Metrics, Sample
from w3ctools.core.summary import Spec, stats_row_type
from w3ctools.core.wire import AlertEvent, Read
from w3ctools.edge.prometheus import Listener, PrometheusError, TextFile

ANY_PORT = "127.0.0.1:0"


class Source:
    """A metric that a test changes."""

    def __init__(self) -> None:
        self.count = 0

    def families(self) -> list[Family]:
        return [Family("w3c_things_total", "Things.", "counter", (Sample((), self.count),))]


def get(url: str, path: str | None = None, accept: str = "") -> tuple[int, str]:
    """Status and body."""
    match = re.fullmatch(r"http://\[?([^/]+?)\]?:(\d+)(/.*)", url)
    assert match
    client = http.client.HTTPConnection(match[1], int(match[2]), timeout=DEADLINE_S)
    try:
        client.request("GET", path or match[3], headers={"Accept": accept})
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


def everything(sections: tuple[str, ...] = ("/api",)) -> list[Family]:
    """All families there are, with values."""
    spec = Spec(timings=True)
    new_row: Any = stats_row_type(spec)
    metrics = Metrics(2, 10, spec)
    rows = [
        new_row(epoch=1_600_000_000, status=200, bytes=512, duration=0.25, section=section)
        for section in sections * 12
    ]
    raised = AlertEvent(state="raised", message="High traffic generated an alert - hits = 7")
    metrics.feed(Read(rows=rows, alerts=[(0, raised)]))
    return metrics.families()


def parsed(text: str) -> list[Family]:
    """The families in a text, as prometheus_client reads it."""
    found = []
    for metric in text_string_to_metric_families(text):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        samples = [
            Sample(tuple(sample.labels.items()), sample.value, sample.name.removeprefix(name))
            for sample in metric.samples
        ]
        found.append(Family(name, metric.documentation, metric.type, tuple(samples)))  # type: ignore[arg-type]
    return found


# The text.


def test_text_says_what_the_families_say(tmp_path: Path) -> None:
    families = everything(("/api", 'quote " backslash \\ line\nend', "/café", ""))
    path = tmp_path / "w3c.prom"
    TextFile(str(path), lambda: families, 10)
    assert parsed(path.read_text()) == families


def test_promtool_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w3c.prom"
    TextFile(str(path), everything, 10)
    with path.open() as file:
        run = subprocess.run(
            [tool("promtool"), "check", "metrics"],
            stdin=file,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


# The file.


def test_file_is_there_from_the_start_and_for_all_to_read(tmp_path: Path) -> None:
    path = tmp_path / "w3c.prom"
    before = os.umask(0o022)
    try:
        TextFile(str(path), Source().families, 10)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "w3c_things_total 0.0\n" in path.read_text()
    assert os.listdir(tmp_path) == ["w3c.prom"]


def test_file_is_written_when_that_is_due(tmp_path: Path) -> None:
    path, source, now_s = tmp_path / "w3c.prom", Source(), 100.0
    file = TextFile(str(path), source.families, 10, lambda: now_s)
    source.count = 7
    now_s = 109.9
    assert file.write_if_due() is None
    assert "w3c_things_total 0.0\n" in path.read_text()
    now_s = 110.0
    assert file.write_if_due() is None
    assert "w3c_things_total 7.0\n" in path.read_text()


def test_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "w3c.prom"
    with pytest.raises(PrometheusError, match=f"{path}: No such file or directory: metrics are not written"):
        TextFile(str(path), Source().families, 10)


def test_later_a_failure_and_its_end_are_told_once(tmp_path: Path) -> None:
    folder, source = tmp_path / "folder", Source()
    folder.mkdir()
    path = folder / "w3c.prom"
    file = TextFile(str(path), source.families, 10)
    folder.rename(tmp_path / "away")
    assert [file.write(), file.write()] == [
        f"{path}: No such file or directory: metrics are not written",
        None,
    ]
    (tmp_path / "away").rename(folder)
    source.count = 7
    assert [file.write(), file.write()] == [f"{path}: written again", None]
    assert "w3c_things_total 7.0\n" in path.read_text()


# The listener.


def test_every_scrape_has_the_values_of_its_moment() -> None:
    source = Source()
    listener = Listener(ANY_PORT, source.families)
    assert "w3c_things_total 0.0\n" in get(listener.url)[1]
    source.count = 7
    assert "w3c_things_total 7.0\n" in get(listener.url)[1]


def test_url_names_the_port_that_was_taken() -> None:
    url = Listener(ANY_PORT, Source().families).url
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+/metrics", url)


def test_openmetrics_is_given_where_it_is_asked_for() -> None:
    listener = Listener(ANY_PORT, everything)
    status, text = get(listener.url, accept="application/openmetrics-text;version=1.0.0")
    assert status == 200
    assert text.endswith("# EOF\n")
    names = {metric.name for metric in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert names == {family.name.removesuffix("_total") for family in everything()}


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/favicon.ico"])
def test_there_is_nothing_else(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    listener = Listener(ANY_PORT, Source().families)
    status, text = get(listener.url, path)
    assert status == 404
    assert "/metrics" in text
    assert capfd.readouterr() == ("", "")


def test_query_of_a_scrape_is_no_other_path() -> None:
    assert get(Listener(ANY_PORT, Source().families).url, "/metrics?x=1")[0] == 200


def test_scrape_waits_until_a_batch_is_counted() -> None:
    source = Source()
    listener = Listener(ANY_PORT, source.families)
    found: list[str] = []
    scrape = threading.Thread(target=lambda: found.append(get(listener.url)[1]))
    with listener.lock:
        source.count = 1
        scrape.start()
        scrape.join(0.1)  # time for a wrong answer
        source.count = 2
    scrape.join(DEADLINE_S)
    assert "w3c_things_total 2.0\n" in found[0]


def test_client_that_says_nothing_keeps_nobody_waiting() -> None:
    listener = Listener(ANY_PORT, Source().families)
    port = int(listener.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)):
        assert get(listener.url)[0] == 200


def test_client_that_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w3ctools.edge.prometheus._CLIENT_S", 0.05)
    listener = Listener(ANY_PORT, Source().families)
    port = int(listener.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
        assert client.recv(1) == b""


def test_its_threads_take_no_signal() -> None:
    masks: list[set[Any]] = []

    def families() -> list[Family]:
        masks.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        return []

    get(Listener(ANY_PORT, families).url)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM} <= masks[0]
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_listener_speaks_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")
    listener = Listener("[::1]:0", Source().families)
    assert listener.url.startswith("http://[::1]:")
    assert get(listener.url)[0] == 200


def test_host_may_be_a_name() -> None:
    assert get(Listener("localhost:0", Source().families).url)[0] == 200


def test_address_in_use_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(PrometheusError) as told:
            Listener(address, Source().families)
    assert str(told.value) == f"cannot listen on {address}: Address already in use"


def test_second_listener_does_not_share_the_port_of_the_first() -> None:
    address = Listener(ANY_PORT, Source().families).url.split("/")[2]
    with pytest.raises(PrometheusError, match="Address already in use"):
        Listener(address, Source().families)


def test_address_of_another_machine_is_told() -> None:
    with pytest.raises(PrometheusError) as told:
        Listener("192.0.2.1:9107", Source().families)
    assert str(told.value) == "cannot listen on 192.0.2.1:9107: Cannot assign requested address"


def test_host_that_is_unknown_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_keys: object) -> None:
        raise gaierror

    monkeypatch.setattr("w3ctools.edge.prometheus.getaddrinfo", unknown)
    with pytest.raises(PrometheusError, match=r"cannot listen on nowhere:9107: host not found"):
        Listener("nowhere:9107", Source().families)


@pytest.mark.parametrize(
    "address",
    ["", "9107", ":9107", "localhost", "localhost:", "localhost:http", "::1:9107", "a:65536", "a b:1"],
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(PrometheusError) as told:
        Listener(address, Source().families)
    assert str(told.value) == f"{address!r} is no address: expected HOST:PORT, such as 127.0.0.1:9107"


def test_host_that_no_name_can_be_is_not_found() -> None:
    with pytest.raises(PrometheusError, match="host not found"):
        Listener(f"{'a' * 64}.b:9107", Source().families)


# The extra.


def test_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    told = (
        r"^-o prometheus needs prometheus_client: "
        r"pip install 'w3ctools\[prometheus\]', in a checkout '\.\[prometheus\]'$"
    )
    with pytest.raises(PrometheusError, match=told):
        Listener(ANY_PORT, Source().families)
    with pytest.raises(PrometheusError, match=told):
        TextFile(str(tmp_path / "w3c.prom"), Source().families, 10)


def test_extra_is_imported_only_when_it_is_used() -> None:
    program = "import sys, w3ctools.edge.prometheus; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=DEADLINE_S, check=False).returncode == 0
