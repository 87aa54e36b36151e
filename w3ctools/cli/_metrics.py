"""`w3c-stats -o prometheus`: counters that only grow, in a file or over HTTP.

Imported only where it is asked for.
"""

from __future__ import annotations

from contextlib import nullcontext

from w3ctools.cli._command import say, say_if_any
from w3ctools.cli._reading import Batch, ClockMode, Records
from w3ctools.core.metrics import Metrics
from w3ctools.core.summary import Spec, StatsRow, stats_row_type
from w3ctools.edge.prometheus import Listener, TextFile
from w3ctools.edge.streams import Output


def serve(
    spec: Spec,
    lateness_s: int,
    mode: ClockMode,
    most_sections: int,
    every_s: int,
    path: str | None,
    address: str | None,
) -> Records[StatsRow]:
    """Count what comes on stdin, to its end. Raises PrometheusError."""
    metrics = Metrics(lateness_s, most_sections, spec)
    listener = Listener(address, metrics.families) if address is not None else None
    if listener is not None:
        say(f"metrics are at {listener.url}")
    file = TextFile(path, metrics.families, every_s) if path is not None else None
    records: Records[StatsRow] = Records(
        stats_row_type(spec), metrics.clock, mode, Output(), lambda: records.report()
    )
    lock = listener.lock if listener is not None else nullcontext()
    for item in records:
        if isinstance(item, Batch):
            with lock:
                metrics.feed(item.read, item.wall_s)
        say_if_any(file.write_if_due() if file is not None else None)
    with lock:
        metrics.flush()
    say_if_any(file.write() if file is not None else None)
    return records
