"""Whole commands over the whole log, in turns with their peers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import GOACCESS, JC, MAWK, NGXTOP, PEERS, Peer
from benchmarks.processes import Usage, Workbench, find
from benchmarks.sample import RATE_PER_S, Sample
from benchmarks.tables import Report, Target, size, spread

ROUNDS = 3
#: Command lines by the names that the tables show.
Scripts = Mapping[str, str]
Runs = Mapping[str, Sequence[Usage]]

TAIL = "w3c-tail -n +1 --no-follow LOG"
PARSE = "w3c-parse LOG"
ALERT = "w3c-alert < JSON"
FIVE_RULES = "w3c-alert --config rules.ini < JSON"
STATS = "w3c-stats < JSON"
STORE = "w3c-store FILE < JSON"
STORE_READ = "w3c-store read FILE"
PIPE = "w3c-tail LOG | w3c-parse | tee >(w3c-alert) | w3c-stats"
GEN = "w3c-gen --fast"
GEN_TRUTH = "w3c-gen --fast --truth FILE"
#: On every log; the pipe as it is written in the manual.
BASIC: Scripts = {
    PARSE: "w3c-parse $LOG",
    PIPE: "w3c-tail -n +1 --no-follow $LOG | w3c-parse | tee >(w3c-alert) | w3c-stats",
}
#: What the peers' wall time is compared with on each log.
COMPARED = (PIPE, PARSE)
#: Peer, how many times faster the command of ours must be.
FASTER = ((GOACCESS, PIPE, 7), (NGXTOP, PIPE, 5), (JC, PIPE, 4), (JC, PARSE, 10))
#: How many times slower than mawk the whole pipe may be, and how many it is meant to be.
SLOWER_THAN_MAWK, STRETCH = 9, 5
LEAST_GENERATED_PER_S = 300_000
LEAST_STORED_PER_S = 100_000
#: How fast w3c-alert must be with five rules, of its speed with one.
LEAST_WITH_FIVE_RULES = 0.5


@dataclass(frozen=True)
class Round:
    """What is run on one log, ours and theirs, and how often."""

    sample: Sample
    ours: Scripts
    peers: Sequence[Peer]

    def measure(self, bench: Workbench) -> Runs:
        """Ours and theirs in turn; every other round runs backwards, so that none always goes first."""
        scripts = _in_turn(list(self.ours.items()), [(peer.program, peer.script) for peer in self.peers])
        runs: dict[str, list[Usage]] = {name: [] for name, _ in scripts}
        for number in range(ROUNDS):
            for name, script in scripts[:: -1 if number % 2 else 1]:
                runs[name].append(bench.run(script))
        return runs

    def lines(self, name: str) -> int:
        """How many lines the command of that name reads."""
        is_short = any(peer.program == name and peer.is_short for peer in self.peers)
        return self.sample.short_lines if is_short else self.sample.lines

    def times(self, runs: Runs, slow: str, fast: str) -> list[float]:
        """How many times longer `slow` takes for a line than `fast`, each round; empty if one was not run."""
        share = self.lines(fast) / self.lines(slow)
        pairs = zip(runs.get(slow, ()), runs.get(fast, ()), strict=False)
        return [slower.wall_s * share / faster.wall_s for slower, faster in pairs]


def _in_turn(ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    turns = []
    while ours or theirs:
        turns += [queue.pop(0) for queue in (ours, theirs) if queue]
    return turns


def all_of_ours(lines: int) -> Scripts:
    """Every command, on the first log; w3c-gen makes one of as many lines."""
    generate = (
        f"w3c-gen --fast --start 2026-01-01T00:00:00Z --rate {RATE_PER_S} --duration {lines // RATE_PER_S}s"
    )
    return {
        **BASIC,
        TAIL: "w3c-tail -n +1 --no-follow $LOG",
        ALERT: "w3c-alert < $JSON",
        FIVE_RULES: f"w3c-alert --config {Path(__file__).with_name('rules.ini')} < $JSON",
        STATS: "w3c-stats < $JSON",
        "w3c-stats --total < JSON": "w3c-stats --total < $JSON",
        STORE: "rm -f $STORED; w3c-store $STORED < $JSON",
        STORE_READ: "w3c-store read $STORED",
        "w3c-parse LOG | w3c-alert --pass-through | w3c-stats": (
            "w3c-parse $LOG | w3c-alert --pass-through | w3c-stats"
        ),
        "w3c-parse LOG | w3c-stats --total": "w3c-parse $LOG | w3c-stats --total",
        GEN: generate,
        GEN_TRUTH: f"{generate} --truth $TRUTH",
    }


def measure(bench: Workbench, report: Report, sample: Sample, ours: Scripts) -> None:
    """Run all rounds on one log; show the commands' figures and how the peers compare."""
    bench.variables["REPORT"] = str(bench.folder / "report.json")
    bench.variables["TRUTH"] = str(bench.folder / "truth.jsonl")
    bench.variables["STORED"] = str(bench.folder / "stored.db")
    plan = Round(sample, ours, [peer for peer in PEERS if find(peer.program)])
    runs = plan.measure(bench)
    _show(report, plan, runs)
    if ALERT in ours:
        _judge(report, plan, runs)


def _show(report: Report, plan: Round, runs: Runs) -> None:
    does = {peer.program: peer.does for peer in plan.peers}
    rows = []
    for name in [*plan.ours, *does]:
        lines = plan.lines(name)
        wall_s = [usage.wall_s for usage in runs[name]]
        cpu_s = [usage.cpu_s for usage in runs[name]]
        rows.append(
            [
                name,
                does.get(name, ""),
                f"{lines:,}",
                f"{lines / statistics.median(wall_s):,.0f}",
                spread(wall_s),
                f"{statistics.median(cpu_s) / lines * 1e6:.2f}",
                size(max(usage.max_rss_bytes for usage in runs[name])),
                *(spread(plan.times(runs, name, own)) if name in does else "" for own in COMPARED),
            ]
        )
    limits = [
        f"The log: {plan.sample.description}.",
        f"Median (least-greatest) of {ROUNDS} rounds. Stages of a pipe share the cores: its wall time "
        "depends on how many those are, its CPU time hardly. RSS is that of the largest process.",
        "The last columns say how many times longer a line takes the peer than ours, within each round: "
        "above 1 ours is faster. A peer's start counts in full also where it reads fewer lines.",
    ]
    header = ["command", "does otherwise", "lines", "lines/s", "wall s", "CPU us/line", "RSS MB"]
    header += ["times the whole pipe", "times w3c-parse"]
    report.show(f"Throughput, {plan.sample.name}", limits, header, rows, names=2)


def _judge(report: Report, plan: Round, runs: Runs) -> None:
    for peer, own, times in FASTER:
        what = "whole pipe" if own == PIPE else "w3c-parse"
        ratios = plan.times(runs, peer.program, own)
        report.targets.append(Target(f"{what}, faster than {peer.program}", times, ratios, "x"))
    slower = plan.times(runs, PIPE, MAWK.program)
    for name, most in (("", SLOWER_THAN_MAWK), (" (stretch)", STRETCH)):
        report.targets.append(Target(f"whole pipe, slower than mawk{name}", most, slower, "x", is_most=True))
    for own in (ALERT, STATS):
        ratios = plan.times(runs, PARSE, own)
        report.targets.append(Target(f"{own.split()[0]}, faster than w3c-parse", 1, ratios, "x", form=".2f"))
    shares = plan.times(runs, ALERT, FIVE_RULES)
    report.targets.append(
        Target("w3c-alert with five rules, of one", LEAST_WITH_FIVE_RULES, shares, "x", form=".2f")
    )
    least = {GEN: LEAST_GENERATED_PER_S, GEN_TRUTH: LEAST_GENERATED_PER_S, STORE: LEAST_STORED_PER_S}
    for own, per_s in least.items():
        rates = [plan.sample.lines / usage.wall_s for usage in runs.get(own, ())]
        report.targets.append(Target(own, per_s, rates, " lines/s", form=",.0f"))
