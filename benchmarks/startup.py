"""How long a command takes to be there: a pipe starts several at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import ROOT, Usage, Workbench
from benchmarks.tables import Report, Target, spread

ROUNDS = 15
INSTALLED = Path(sys.executable).parent
#: Each starts in full, finds nothing to read and ends; w3c-gen writes one second of a log.
WORDS: Mapping[str, Sequence[str]] = {
    "w3c-tail": ["-n", "+1", "--no-follow", os.devnull],
    "w3c-parse": [],
    "w3c-alert": [],
    "w3c-stats": [],
    "w3c-gen": ["--fast", "--rate", "1", "--duration", "1s"],
}
CLICK = "python -c 'import click'"
MOST_TIMES_CLICK = 2


def _commands() -> dict[str, list[str]]:
    commands = {
        CLICK: [sys.executable, "-c", "import click"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    for folder, kind in ((INSTALLED, "installed"), (ROOT / "bin", "launcher in bin")):
        commands |= {f"{name}, {kind}": [str(folder / name), *words] for name, words in WORDS.items()}
    return commands


def measure(bench: Workbench, report: Report) -> None:
    """Start every command in turn, and show how long each took to end again."""
    commands = _commands()
    runs: dict[str, list[Usage]] = {name: [] for name in commands}
    for number in range(-1, ROUNDS):
        for name, command in commands.items():
            usage = _run(bench, command)
            if number >= 0:  # the first one compiles what is not compiled yet
                runs[name].append(usage)
    times = {
        name: [own.wall_s / click.wall_s for own, click in zip(usages, runs[CLICK], strict=True)]
        for name, usages in runs.items()
    }
    report.targets += [
        Target(
            f"start-up of {name}, times `import click`",
            MOST_TIMES_CLICK,
            times[f"{name}, installed"],
            "x",
            True,
        )
        for name in WORDS
    ]
    rows = [
        [
            name,
            spread([usage.wall_s * 1e3 for usage in usages], ".0f"),
            spread([usage.cpu_s * 1e3 for usage in usages], ".0f"),
            spread(times[name]),
        ]
        for name, usages in runs.items()
    ]
    limits = [
        f"Median (least-greatest) of {ROUNDS}, files cached and modules compiled. stdin is /dev/null, "
        "w3c-tail reads an empty file: each starts up in full and ends.",
        "All run the same interpreter; the last column is the wall time as a multiple of that of "
        f"`{CLICK}`, within each round.",
    ]
    report.show("Start-up", limits, ["command", "wall ms", "CPU ms", "times import click"], rows)


def _run(bench: Workbench, command: Sequence[str]) -> Usage:
    pipeline, output = bench.start([command])
    usage = pipeline.wait()[1]
    os.close(output)
    return usage
