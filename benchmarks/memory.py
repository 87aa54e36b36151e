"""The largest size of each command, on a long and on a short log."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmarks.processes import Workbench, floor_bytes
from benchmarks.sample import Sample
from benchmarks.tables import megabytes, show, size

#: Stages of a pipe that reads the log; LOG and JSON stand for the files.
PIPES: Sequence[Sequence[Sequence[str]]] = (
    [
        ["w3c-tail", "-n", "+1", "--no-follow", "LOG"],
        ["w3c-parse"],
        ["w3c-alert", "--pass-through"],
        ["w3c-stats"],
    ],
    [["w3c-parse", "LOG"], ["w3c-stats", "--total"]],
)
#: Commands alone, with what they read on stdin.
ALONE: Sequence[tuple[Sequence[str], str]] = (
    (["w3c-tail", "-n", "+1", "--no-follow", "LOG"], "/dev/null"),
    (["w3c-parse", "LOG"], "/dev/null"),
    (["w3c-alert"], "JSON"),
    (["w3c-stats"], "JSON"),
    (["w3c-stats", "--total"], "JSON"),
)


def measure(bench: Workbench, sample: Sample) -> None:
    """Run everything on both logs and print the sizes side by side."""
    short = _sizes(bench, {"LOG": str(sample.short_log), "JSON": str(sample.short_json)})
    long = _sizes(bench, {"LOG": str(sample.log), "JSON": str(sample.json)})
    rows = [
        [name, size(before), size(after), megabytes(after - before)]
        for (name, before), (_, after) in zip(short, long, strict=True)
    ]
    limits = [
        "The largest resident size of one run of each process, shared libraries and interpreter included. "
        f"A process smaller than the benchmark itself, {megabytes(floor_bytes())} MB, shows as such.",
        "Sizes differ by a few hundred kB from run to run, and with how full the blocks are that come.",
        "w3c-stats --total holds what it counts by key, such as clients; a third of the lines have a client "
        "of their own.",
    ]
    header = ["command", f"MB, {sample.short_lines:,} lines", f"MB, {sample.lines:,} lines", "growth"]
    show("Memory", limits, header, rows)


def _sizes(bench: Workbench, files: dict[str, str]) -> list[tuple[str, int]]:
    sizes = []
    for command, stdin in ALONE:
        name = " ".join(command) + (f" < {stdin}" if stdin in files else "")
        sizes += [(name, size) for size in _run(bench, [command], files, files.get(stdin, stdin))]
    for commands in PIPES:
        names = [f"{'| ' if stage else ''}{' '.join(command)}" for stage, command in enumerate(commands)]
        sizes += zip(names, _run(bench, commands, files), strict=True)
    return sizes


def _run(
    bench: Workbench, commands: Sequence[Sequence[str]], files: dict[str, str], stdin: str = "/dev/null"
) -> list[int]:
    """The size of each stage; its last output is thrown away."""
    named = [[files.get(word, word) for word in command] for command in commands]
    named[-1] = ["sh", "-c", 'exec "$@" > /dev/null', "sh", *named[-1]]
    pipeline, output = bench.start(named, stdin=stdin)
    stages, _ = pipeline.wait()
    os.close(output)
    return [usage.max_rss_bytes for usage in stages]
