"""Every scenario of w3c-gen through the whole pipe: the commands say what w3c-gen knows to be true."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import Commands, tool

from w3ctools.core.synth.scenario import SCENARIOS

START = "2020-09-13T12:26:40Z"
RULE = "-t 6 -w 60"
PIPE_DEADLINE_S = 30.0


class Case(NamedTuple):
    """Options of w3c-gen, and how far lines are out of order in what it writes."""

    options: str
    lateness: str = "2s"


CASES = {
    "steady": Case("--scenario steady --rate 10 --duration 5m --junk 5% --late 10%", "6s"),
    "burst": Case("--scenario burst --rate 3 --duration 20m"),
    "day": Case("--scenario day --rate 1 --duration 4h -t 1.5 -w 10m"),
    "deploy-500": Case("--scenario deploy-500 --rate 6 --duration 10m --junk 2%"),
    "crawler": Case("--scenario crawler --rate 4 --duration 10m --late 5%", "6s"),
    "flood": Case("--scenario flood --rate 1 --duration 10m --format vhost_combined --junk 1%"),
    "quiet-night": Case("--scenario quiet-night --rate 8 --duration 20m"),
    "rotation-storm": Case("--scenario rotation-storm --rate 20 --duration 30s"),
    "copies": Case("--scenario burst --rate 5 --duration 6m --rotate copytruncate --rotate-every 1m"),
    "w3c": Case("--scenario deploy-500 --rate 6 --duration 6m --format w3c --rotate rename --junk 1%"),
}


def test_every_scenario_has_a_case() -> None:
    assert SCENARIOS.keys() <= CASES.keys()


class Judged(NamedTuple):
    """What is compared: the same from the truth and from the events of w3c-stats and w3c-alert."""

    #: Requests, unparsed lines and bytes.
    numbers: dict[str, int]
    status: dict[str, int]
    methods: dict[str, int]
    #: Requests, errors and bytes of each section.
    sections: dict[str | None, Counter[str]]
    #: State, second and hits.
    alerts: list[tuple[str, int, int]]


_NUMBERS = ("requests", "unparsed", "bytes")
_OF_A_SECTION = ("requests", "errors", "bytes")


def truth_of(path: Path) -> Judged:
    truth = json.loads(path.read_bytes())
    assert truth["lines"] == truth["records"] + truth["unparsed"] > 0
    return _judged([truth], truth["alert"]["events"])


def judge(events: list[dict[str, Any]]) -> Judged:
    """The sum over all intervals."""
    return _judged(
        [event for event in events if event["event"] == "summary"],
        [event for event in events if event["event"] == "alert"],
    )


def _judged(summaries: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> Judged:
    numbers, status, methods = Counter[str](), Counter[str](), Counter[str]()
    sections: dict[str | None, Counter[str]] = {}
    for summary in summaries:
        numbers.update({key: summary[key] for key in _NUMBERS})
        status.update(summary["status"])
        methods.update(summary["methods"])
        for row in summary["sections"]:
            sections.setdefault(row["section"], Counter()).update({key: row[key] for key in _OF_A_SECTION})
    events = [(alert["state"], alert["epoch"], alert["hits"]) for alert in alerts]
    return Judged(dict(numbers), dict(status), dict(methods), sections, events)


def rule_of(options: str) -> str:
    """That of the case itself, or the usual one."""
    return options[options.index("-t ") :] if "-t " in options else RULE


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_pipe_says_what_is_true(commands: Commands, case: Case) -> None:
    rule = rule_of(case.options)
    commands.bash(
        f"w3c-gen --fast --seed 3 --start {START} --file access.log --truth truth.json {case.options} {rule}",
        deadline_s=PIPE_DEADLINE_S,
    )
    run = commands.bash(
        # Names in the order of time; the log itself sorts before them but is the newest.
        "cat $(ls access.log-* 2>/dev/null) access.log | w3c-parse"
        f" | tee >(w3c-alert -o json {rule} --lateness {case.lateness})"
        f" | w3c-stats -o json --top 1000 --lateness {case.lateness}",
        deadline_s=PIPE_DEADLINE_S,
    )
    assert judge(run.values) == truth_of(commands.folder / "truth.json")


@pytest.mark.parametrize("case", ["steady", "flood", "quiet-night"])
def test_the_total_says_what_is_true(commands: Commands, case: str) -> None:
    commands.bash(f"w3c-gen --fast --start {START} --truth truth.json {CASES[case].options} > access.log")
    total = commands.bash("w3c-parse access.log | w3c-stats --total --top 1000 -o json --lateness 6s").values[
        -1
    ]
    truth = json.loads((commands.folder / "truth.json").read_bytes())
    same = ("from", "to", "requests", "unparsed", "bytes", "clients", "status", "methods")
    assert {key: total[key] for key in same} == {key: truth[key] for key in same}
    assert total["sections"] == truth["sections"]


@pytest.mark.parametrize("way", ["rename", "copytruncate"])
def test_a_log_followed_through_rotations_says_what_is_true(commands: Commands, way: str) -> None:
    commands.write("access.log", b"")
    rule = "-t 30 -w 3"
    read_fd, write_fd = os.pipe()
    tail = commands.start("w3c-tail", "-n", "+1", "access.log", stdout=write_fd)
    pipe = commands.start(
        tool("bash"),
        "-c",
        f"tee seen.log | w3c-parse | tee >(w3c-alert -o json {rule}) | w3c-stats -o json --top 1000",
        stdin=read_fd,
    )
    os.close(read_fd)
    os.close(write_fd)
    options = f"--start {START} --speed 20x --duration 48s --rate 60 --junk 1% --rotate-every 6s {rule}"
    commands.run(
        "w3c-gen", "--file", "access.log", "--truth", "truth.json", "--rotate", way, *options.split()
    )
    truth = json.loads((commands.folder / "truth.json").read_bytes())
    assert truth["rotations"] == 7
    seen = commands.folder / "seen.log"
    tail.until(lambda: seen.read_bytes().count(b"\n") == truth["lines"], "every line read")
    tail.send_signal(signal.SIGINT)
    assert judge(pipe.result().values) == truth_of(commands.folder / "truth.json")
