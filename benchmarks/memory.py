"""The largest size of each command and of the whole pipe, on a log and on one five times as long."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers import GOACCESS
from benchmarks.processes import PssWatch, Workbench, find, floor_bytes
from benchmarks.sample import LONG_FACTOR
from benchmarks.tables import Report, Target, megabytes, size

#: Stages of what is run; LOG stands for the file.
TAIL = ["w3c-tail", "-n", "+1", "--no-follow", "LOG"]
PIPE = [TAIL, ["w3c-parse"], ["bash", "-c", "tee >(w3c-alert > /dev/null)"], ["w3c-stats"]]
TOTAL = [["w3c-parse", "LOG"], ["w3c-stats", "--total"]]
THEIRS = [
    ["goaccess", "LOG", "--log-format=COMBINED", "--no-global-config", "--no-progress", "-o", "REPORT.json"]
]
MOST_BYTES = 200_000_000
#: How much larger on the long log still counts as no growth.
MOST_GROWTH = 1.1


@dataclass(frozen=True)
class Sizes:
    """Of the processes of one run: the stages', the sum of all peaks, the peak of all their PSS."""

    wall_s: float
    stages_bytes: Sequence[int]
    sum_rss_bytes: int
    pss_bytes: int


def measure(bench: Workbench, report: Report, lines: int) -> None:
    """Run everything on both logs and show the sizes side by side."""
    bench.variables["REPORT"] = str(bench.folder / "report.json")
    pipes = {"whole pipe": PIPE, "w3c-parse | w3c-stats --total": TOTAL}
    if find(GOACCESS.program):
        pipes[GOACCESS.program] = THEIRS
    rows = []
    for name, commands in pipes.items():
        short, long = (_run(bench, commands, bench.variables[log]) for log in ("LOG", "LONG_LOG"))
        if commands is PIPE:
            _judge(report, short, long, lines)
        rows.append(
            [
                f"**{name}**, all processes",
                megabytes(short.sum_rss_bytes),
                megabytes(long.sum_rss_bytes),
                megabytes(short.pss_bytes),
                megabytes(long.pss_bytes),
                f"{lines / short.wall_s:,.0f}",
                f"{LONG_FACTOR * lines / long.wall_s:,.0f}",
            ]
        )
        if len(commands) > 1:
            rows += [
                [" ".join(command), *map(size, sizes), "", "", "", ""]
                for command, *sizes in zip(commands, short.stages_bytes, long.stages_bytes, strict=True)
            ]
    limits = [
        "RSS: the largest resident size of each process, added up, although not all are largest at once and "
        "all share libraries; bash and tee are among them. Each counts as at least the benchmark itself, "
        f"{megabytes(floor_bytes())} MB.",
        "PSS: what the processes take together, pages that several share counted once; the largest of a look "
        "every 0.2 s.",
        "w3c-stats --total holds what it counts by key, such as clients; a third of the lines have a client "
        "of their own.",
    ]
    counts = [f"{lines:,} lines", f"{lines * LONG_FACTOR:,} lines"]
    header = [
        "command",
        *(f"{what}, {count}" for what in ("RSS MB", "PSS MB", "lines/s") for count in counts),
    ]
    report.show("Memory", limits, header, rows)


def _judge(report: Report, short: Sizes, long: Sizes, lines: int) -> None:
    name = "whole pipe, memory"
    growth = long.sum_rss_bytes / short.sum_rss_bytes
    report.targets += [
        Target(
            f"{name} on {lines:,} lines", MOST_BYTES / 1e6, [short.sum_rss_bytes / 1e6], " MB", is_most=True
        ),
        Target(
            f"{name}, {LONG_FACTOR} times the lines", MOST_GROWTH, [growth], "x", is_most=True, form=".2f"
        ),
    ]


def _run(bench: Workbench, commands: Sequence[Sequence[str]], log: str) -> Sizes:
    """Of one run; its last output is thrown away."""
    names = {"LOG": log, "REPORT.json": bench.variables["REPORT"]}
    words = [[names.get(word, word) for word in command] for command in commands]
    words[-1] = ["sh", "-c", f'exec "$@" > {os.devnull}', "sh", *words[-1]]
    pipeline, output = bench.start(words)
    with PssWatch(pipeline.pids[0]) as watch:
        stages, total = pipeline.wait()
    os.close(output)
    return Sizes(
        total.wall_s, [usage.max_rss_bytes for usage in stages], total.sum_rss_bytes, watch.largest_bytes
    )
