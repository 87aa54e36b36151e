"""``python -m benchmarks [PART] [--lines N] [--log FILE] [--results FILE]``; ``--help`` says more."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import latency, memory, sample, screens, soak, startup, throughput
from benchmarks.peers import PEERS, version
from benchmarks.processes import ROOT, CommandFailed, Workbench, adopt_orphans, end_all, end_on_signals
from benchmarks.tables import Report

PARTS = ("throughput", "memory", "latency", "startup")
#: These judge rather than time, so they run only when asked for.
FOLLOW, SCREENS, SOAK = "follow", "screens", "soak"
LEAST_LINES = 1_000
LIMITS = (
    "**Another machine, another day.** Compare figures within one run only. Whatever else runs shows as a "
    "wide spread between least and greatest.",
    "**Made-up logs**, of the combined format, without escapes and odd lines, which take w3c-parse longer; "
    "100 lines share a second, and a log with fewer costs more for each line. A real log is timed when one "
    "is given; it is repeated with the same stamps, so that time jumps back at each repetition.",
    "**Files in the page cache, output to `/dev/null`.** No disk, terminal or network is measured.",
    "**Peers do other work**, as the tables say. A ratio says what a job costs with either, not that one is "
    "better made. jc, ngxtop, lnav and mlr read a tenth of the lines.",
    "**Size is what the kernel says**, shared libraries included. What is smaller than the benchmark itself "
    "shows as that.",
)


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
    parser.add_argument("part", nargs="?", choices=[*PARTS, FOLLOW, SCREENS, SOAK], help="measure only this")
    parser.add_argument(
        "--lines", type=int, default=1_000_000, metavar="N", help="of the log (default: 1000000)"
    )
    parser.add_argument(
        "--backlog-mb", type=int, default=1_000, metavar="N", help="that follow reads (default: 1000)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, metavar="N", help="that soak takes (default: 10; 20 s at least)"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="a real combined log to time as well")
    parser.add_argument(
        "--log-name", metavar="TEXT", help="what the tables call it (default: its file's name)"
    )
    parser.add_argument("--results", type=Path, metavar="FILE", help="write all tables there, too")
    options = parser.parse_args()
    if options.lines < LEAST_LINES:
        parser.error(f"a log has at least {LEAST_LINES:,} lines here, not {options.lines:,}")
    if options.log and not (options.log.is_file() and options.log.stat().st_size):
        parser.error(f"{options.log}: no such file, or an empty one")
    return options


def _measure(bench: Workbench, parts: Sequence[str], options: argparse.Namespace) -> None:
    if FOLLOW in parts:
        sys.path.append(str(ROOT / "tests"))  # where its kit is
        from benchmarks import follow

        follow.measure(bench, options.backlog_mb * 1_000_000)
        return
    if SCREENS in parts:
        screens.measure(bench)
        return
    if SOAK in parts:
        if not soak.measure(bench, options.minutes):
            sys.exit(1)
        return
    report = Report(_introduction(bench))
    print(report.introduction, flush=True)
    # First what shows sizes: those of the benchmark itself only grow.
    if {"throughput", "memory"} & set(parts):
        varied = sample.varied(bench, options.lines)
        if "throughput" in parts:
            throughput.measure(bench, report, varied, throughput.all_of_ours(options.lines))
        if "memory" in parts:
            memory.measure(bench, report, options.lines)
        Path(bench.variables["LONG_LOG"]).unlink()
    if "throughput" in parts:
        throughput.measure(bench, report, sample.plain(bench, options.lines), throughput.BASIC)
    if "throughput" in parts and options.log:
        real = sample.real(bench, options.log, options.log_name or options.log.name, options.lines)
        throughput.measure(bench, report, real, throughput.BASIC)
    if "latency" in parts:
        latency.measure(bench, report)
    if "startup" in parts:
        startup.measure(bench, report)
    print(f"\n{report.judged()}", flush=True)
    if options.results:
        options.results.write_text(report.text(), encoding="utf-8")


def _introduction(bench: Workbench) -> str:
    versions = ", ".join(version(bench, peer) for peer in PEERS)
    system = ".".join(platform.release().split(".")[:2])
    load = os.getloadavg()[0]
    limits = "\n".join(f"- {limit}" for limit in LIMITS)
    return (
        f"# Results\n\nWritten by `make bench`; README.md says how it is measured.\n\n"
        f"## What the figures do not say\n\n{limits}\n\n"
        f"## Machine\n\n{time.strftime('%Y-%m-%d', time.gmtime())}, {len(os.sched_getaffinity(0))} cores, "
        f"{_processor()}, Linux {system}, load {load:.1f} at the start; Python {platform.python_version()}; "
        f"{versions}.\n"
    )


def _processor() -> str:
    """As the kernel names it (proc_cpuinfo(5)); not every architecture has a name."""
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
