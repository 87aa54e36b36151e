"""Metrics where Prometheus finds them: over HTTP, or in a file for node_exporter's textfile collector.

Both ask for the families when they are wanted. prometheus_client is an extra, and imported here alone.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from socket import AF_INET6, SOCK_STREAM, gaierror, getaddrinfo
from socketserver import TCPServer
from threading import Lock, Thread
from typing import Any

from w3ctools.core.errors import W3CError
from w3ctools.core.metrics import Family
from w3ctools.edge.replacing import replace_file

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:\[\]\s]+)):(\d{1,5})")
_PATH = "/metrics"
#: A client that has connected and says nothing is hung up on.
_CLIENT_S = 10.0

Families = Callable[[], Sequence[Family]]


class PrometheusError(W3CError):
    """Metrics cannot be given away: an address or a file of no use, or prometheus_client is missing."""


class TextFile:
    """Writes metrics to a file, whole or not at all; its name must end in ``.prom`` for node_exporter.

    The first time at once, so that a path of no use is told at the start: raises PrometheusError. Later it
    goes on trying. `clock` counts seconds.
    """

    def __init__(
        self, path: str, families: Families, every_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._registry = _registry(families)
        self._every_s = every_s
        self._clock = clock
        self._is_failing = False
        self._written_s = 0.0
        failure = self.write()
        if failure is not None:
            raise PrometheusError(failure)

    def write_if_due(self) -> str | None:
        """Write unless that was done less than `every_s` ago. Gives what `write` gives."""
        return self.write() if self._clock() - self._written_s >= self._every_s else None

    def write(self) -> str | None:
        """Write. Gives what to tell the user, once, when writing has begun to fail or works again."""
        was_failing = self._is_failing
        self._written_s = self._clock()
        try:
            replace_file(self._path, _client().generate_latest(self._registry), 0o644)
        except OSError as error:
            self._is_failing = True
            return None if was_failing else f"{self._path}: {error.strerror}: metrics are not written"
        self._is_failing = False
        return f"{self._path}: written again" if was_failing else None


class Listener:
    """Serves metrics at http://ADDRESS/metrics, on threads beside the pipe, until the process ends.

    `address` is HOST:PORT, an IPv6 host in brackets; port 0 is any that is free. Raises PrometheusError.
    """

    def __init__(self, address: str, families: Families) -> None:
        #: Hold it while what `families` gives changes: a scrape is of before or after, not of between.
        self.lock = Lock()

        def locked_families() -> Sequence[Family]:
            with self.lock:
                return families()

        client = _client()
        server = _bind(address, _handler(client, _registry(locked_families)))
        host, port = server.server_address[:2]
        host = host.decode() if isinstance(host, bytes) else host
        #: Where it is, with the port that was taken for 0.
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}{_PATH}"
        # A signal must find the main thread, which waits for it. Threads take over what is blocked here.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            Thread(target=server.serve_forever, name="prometheus", daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Server(ThreadingHTTPServer):
    """One that asks no name server for its own name, and shares its port with nobody."""

    allow_reuse_port = False

    def server_bind(self) -> None:
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away before its answer: nothing that this command's user could mend."""


class _Server6(_Server):
    address_family = AF_INET6


def _bind(address: str, handler: Any) -> _Server:
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise PrometheusError(f"{address!r} is no address: expected HOST:PORT, such as 127.0.0.1:9107")
    try:
        found = getaddrinfo(match[1] or match[2], int(match[3]), type=SOCK_STREAM)
        family, _, _, _, place = found[0]
        return (_Server6 if family == AF_INET6 else _Server)(place, handler)  # type: ignore[arg-type]
    except (gaierror, UnicodeError):
        raise PrometheusError(f"cannot listen on {address}: host not found") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise PrometheusError(f"cannot listen on {address}: {reason}") from None


def _handler(client: Any, registry: Any) -> Any:
    metrics: Any = client.MetricsHandler.factory(registry)

    class Handler(metrics):  # type: ignore[misc]
        timeout = _CLIENT_S

        def do_GET(self) -> None:
            if self.path.partition("?")[0] == _PATH:
                super().do_GET()
            else:
                self.send_error(HTTPStatus.NOT_FOUND, explain=f"Metrics are at {_PATH}")

    return Handler


def _registry(families: Families) -> Any:
    registry = _client().CollectorRegistry()
    registry.register(_Collector(families))
    return registry


class _Collector:
    """What prometheus_client asks for metrics."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def describe(self) -> Iterable[Any]:
        """Nothing: names are not reserved, there is no other collector."""
        return ()

    def collect(self) -> Iterator[Any]:
        """The families in its own words; it has a counter's name without ``_total``."""
        from prometheus_client.metrics_core import Metric

        for family in self._families():
            metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
            for sample in family.samples:
                metric.add_sample(family.name + sample.suffix, dict(sample.labels), sample.value)
            yield metric


def _client() -> Any:
    try:
        import prometheus_client
    except ImportError:
        raise PrometheusError(
            "-o prometheus needs prometheus_client: "
            "pip install 'w3ctools[prometheus]', in a checkout '.[prometheus]'"
        ) from None
    return prometheus_client
