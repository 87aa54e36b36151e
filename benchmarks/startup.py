"""How long a command takes to be there: a pipe starts several at once."""

from __future__ import annotations

import sys

from benchmarks.processes import Usage, Workbench
from benchmarks.tables import show, spread

ROUNDS = 10
PYTHON = f"{sys.executable} -c"
COMMANDS = {
    **{
        f"w3c-{name} --version": f"w3c-{name} --version"
        for name in ("tail", "parse", "alert", "stats", "gen")
    },
    "python -c 'import click'": f"{PYTHON} 'import click'",
    "python -c pass": f"{PYTHON} pass",
}


def measure(bench: Workbench) -> None:
    """Start every command in turn, and print how long each took to end again."""
    runs: dict[str, list[Usage]] = {name: [] for name in COMMANDS}
    for script in COMMANDS.values():
        bench.run(script)  # compiles what is not compiled yet
    for _ in range(ROUNDS):
        for name, script in COMMANDS.items():
            runs[name].append(bench.run(script))
    rows = [
        [
            name,
            spread([usage.wall_s * 1e3 for usage in usages], ".0f"),
            spread([usage.cpu_s * 1e3 for usage in usages], ".0f"),
        ]
        for name, usages in runs.items()
    ]
    limits = [
        f"Median (least-greatest) of {ROUNDS}, files cached and modules compiled; bash, which starts each, "
        "is included, and for ours the launcher in bin.",
    ]
    show("Start-up", limits, ["command", "wall ms", "CPU ms"], rows)
