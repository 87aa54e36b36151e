"""``python -m benchmarks [throughput|memory|latency|startup|follow] [--lines N] [--backlog-mb N]``"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import latency, memory, sample, startup, throughput
from benchmarks.processes import ROOT, CommandFailed, Workbench, adopt_orphans, end_all, end_on_signals

PARTS = ("throughput", "memory", "latency", "startup")
#: Judges rather than times, so it is measured only when asked for.
FOLLOW = "follow"
LEAST_LINES = 1_000


def main() -> None:
    """Measure in a temporary folder; leave neither files nor processes, however it ends."""
    options = _options()
    parts = [options.part] if options.part else PARTS
    end_on_signals()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="w3ctools-bench-") as folder:
        try:
            _measure(Workbench(Path(folder)), parts, options)
        except CommandFailed as error:
            sys.exit(f"benchmarks: {error}")
        finally:
            end_all()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Time the commands beside their peers."
    )
    parser.add_argument("part", nargs="?", choices=[*PARTS, FOLLOW], help="measure only this")
    parser.add_argument(
        "--lines", type=int, default=1_000_000, metavar="N", help="of the log (default: 1000000)"
    )
    parser.add_argument(
        "--backlog-mb", type=int, default=1_000, metavar="N", help="that follow reads (default: 1000)"
    )
    options = parser.parse_args()
    if options.lines < LEAST_LINES:
        parser.error(f"a log has at least {LEAST_LINES:,} lines here, not {options.lines:,}")
    return options


def _measure(bench: Workbench, parts: Sequence[str], options: argparse.Namespace) -> None:
    load = os.getloadavg()[0]
    print(
        f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f} "
        "at the start. Compare figures only within one run.",
        flush=True,
    )
    logs = sample.prepare(bench, options.lines) if {"throughput", "memory"} & set(parts) else None
    if logs and "throughput" in parts:
        throughput.measure(bench, logs)
    if logs and "memory" in parts:
        memory.measure(bench, logs)
    if "latency" in parts:
        latency.measure(bench)
    if "startup" in parts:
        startup.measure(bench)
    if FOLLOW in parts:
        sys.path.append(str(ROOT / "tests"))  # where its kit is
        from benchmarks import follow

        follow.measure(bench, options.backlog_mb * 1_000_000)


if __name__ == "__main__":
    main()
