"""Whole commands over the whole log, in turns with their peers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.processes import Usage, Workbench, find
from benchmarks.sample import RATE_PER_S, Sample
from benchmarks.tables import show, size, spread

ROUNDS = 3
OURS = "w3ctools"

MAWK = (
    """mawk -F'"' '{ split($2, request, " "); split(request[2], part, "[/?]"); count["/" part[2]]++ }"""
    """ END { for (section in count) print count[section], section }' $LOG"""
)


@dataclass(frozen=True)
class Trial:
    """A command line of bash; `against` names the trials of ours that a peer is compared with."""

    name: str
    script: str
    program: str = OURS
    is_short: bool = False
    against: tuple[str, ...] = ()


TAIL = Trial("w3c-tail -n +1 --no-follow LOG", "w3c-tail -n +1 --no-follow $LOG")
PARSE = Trial("w3c-parse LOG", "w3c-parse $LOG")
ALERT = Trial("w3c-alert < JSON", "w3c-alert < $JSON")
STATS = Trial("w3c-stats < JSON", "w3c-stats < $JSON")
TOTAL = Trial("w3c-stats --total < JSON", "w3c-stats --total < $JSON")
PIPE = Trial("w3c-parse LOG | tee >(w3c-alert) | w3c-stats", "w3c-parse $LOG | tee >(w3c-alert) | w3c-stats")
PASS_THROUGH = Trial(
    "w3c-parse LOG | w3c-alert --pass-through | w3c-stats",
    "w3c-parse $LOG | w3c-alert --pass-through | w3c-stats",
)
SUMMARY = Trial("w3c-parse LOG | w3c-stats --total", "w3c-parse $LOG | w3c-stats --total")
CAT = Trial("cat LOG | cat", "cat $LOG | cat", "cat", against=(TAIL.name, PIPE.name))
JC = Trial("jc --clf-s < SHORT_LOG", "jc --clf-s -qq < $SHORT_LOG", "jc", True, (PARSE.name,))
GOACCESS = Trial(
    "goaccess LOG -o JSON",
    "goaccess $LOG --log-format=COMBINED --no-global-config --no-progress -o $REPORT",
    "goaccess",
    against=(SUMMARY.name, PIPE.name),
)
SECTIONS = Trial("mawk: requests by section", MAWK, "mawk", against=(SUMMARY.name,))


def trials(sample: Sample) -> list[Trial]:
    """In the order of a round: ours and peers in turn, while there are peers."""
    gen = Trial(
        "w3c-gen --fast",
        f"w3c-gen --fast --start 2026-01-01T00:00:00Z --rate {RATE_PER_S} "
        f"--duration {max(1, sample.lines // RATE_PER_S)}s",
    )
    return [TAIL, CAT, PARSE, JC, SUMMARY, GOACCESS, PIPE, SECTIONS, PASS_THROUGH, ALERT, STATS, TOTAL, gen]


def measure(bench: Workbench, sample: Sample) -> None:
    """Run all rounds, then print the commands' figures and how the peers compare."""
    bench.variables["REPORT"] = str(bench.folder / "report.json")
    here = [trial for trial in trials(sample) if trial.program == OURS or find(trial.program)]
    runs: dict[str, list[Usage]] = {trial.name: [] for trial in here}
    for _ in range(ROUNDS):
        for trial in here:
            runs[trial.name].append(bench.run(trial.script))
    missing = [trial.program for trial in trials(sample) if trial.name not in runs]
    _show_commands(sample, here, runs, missing)
    _show_peers(sample, here, runs)


def _show_commands(
    sample: Sample, here: Sequence[Trial], runs: dict[str, list[Usage]], missing: Sequence[str]
) -> None:
    rows = []
    # Ours first.
    for trial in sorted(here, key=lambda trial: trial.program != OURS):
        lines = _lines(trial, sample)
        wall_s = [usage.wall_s for usage in runs[trial.name]]
        cpu_s = [usage.cpu_s for usage in runs[trial.name]]
        rows.append(
            [
                trial.name,
                f"{lines / statistics.median(wall_s):,.0f}",
                spread(wall_s),
                spread(cpu_s),
                f"{statistics.median(cpu_s) / lines * 1e6:.2f}",
                size(max(usage.max_rss_bytes for usage in runs[trial.name])),
            ]
        )
    limits = [
        f"{sample.describe()} It and its JSON lie in the page cache; a disk is not measured.",
        "Whole processes from start to end, launcher and interpreter included; output goes to /dev/null.",
        f"Median (least-greatest) of {ROUNDS} rounds. Stages of a pipe share the cores: its wall time "
        "depends on how many those are, its CPU time hardly. RSS is that of the largest process.",
        f"SHORT_LOG is the first {sample.short_lines:,} lines.",
        f"Not installed, so not run: {', '.join(missing) or 'none'}.",
    ]
    show("Throughput", limits, ["command", "lines/s", "wall s", "CPU s", "CPU us/line", "RSS MB"], rows)


def _show_peers(sample: Sample, here: Sequence[Trial], runs: dict[str, list[Usage]]) -> None:
    rows = []
    for peer in here:
        for name in peer.against:
            share = sample.lines / _lines(peer, sample)
            pairs = list(zip(runs[peer.name], runs[name], strict=True))
            wall = [theirs.wall_s * share / ours.wall_s for theirs, ours in pairs]
            cpu = [theirs.cpu_s * share / ours.cpu_s for theirs, ours in pairs]
            rows.append([peer.name, name, spread(wall), spread(cpu)])
    limits = [
        "What the peer takes for a line, as a multiple of what our command takes, within each round: above 1 "
        "ours is faster.",
        "None does the same work. goaccess counts more (every URL, browsers, referrers, hours) but no "
        "intervals and no alerts; mawk splits at quotes and blanks, so that odd lines count wrongly; "
        "cat only copies: it is the floor.",
        "jc's start counts in full, on fewer lines.",
    ]
    show("Beside peers", limits, ["peer", "ours", "wall, times ours", "CPU, times ours"], rows, names=2)


def _lines(trial: Trial, sample: Sample) -> int:
    return sample.short_lines if trial.is_short else sample.lines
