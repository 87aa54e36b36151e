"""Three hosts watched as docs/many-hosts.md says, live and from their files, beside their logs in one.

Each writes its log in real time. All serve a burst that would raise no alert on one of them alone; then one
is cut off until it is named silent, and comes back.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import ROOT, Commands, Proc, tool
from networks import NAMES, Network, network

RATE_PER_S, BURST_PER_S, BURST = 20, 60, "3s"
#: Two such intervals and 10 s of silence prove that a host is gone.
SETTINGS = {
    "W3C_STATS_INTERVAL": "1s",
    "W3C_ALERT_WINDOW": "4s",
    # Begin with what is there already: commands start in any order.
    "W3C_TAIL_LINES": "+1",
}
#: On a busy machine two simulations may write their lines that much out of order.
LATENESS = {"W3C_STATS_LATENESS": "4s"}
LOST = "web2"


class Watched(NamedTuple):
    """What was seen while it happened, and what was left behind."""

    commands: Commands
    #: The records of all logs, in order.
    records: bytes
    #: What the command there said, and a w3c-stats for programs beside it.
    text: str
    notes: list[str]
    events: list[dict[str, Any]]
    #: The copies of the summaries.
    copies: list[Path]

    def once(self, *words: str) -> str:
        """What a command says of all records."""
        run = self.commands.run(*words, stdin=self.records, env=SETTINGS)
        assert run.status == 0, run.stderr
        return run.stdout.decode()

    def replayed(self, *words: str) -> str:
        """What a command says of the copies, one after the other."""
        data = b"".join(copy.read_bytes() for copy in self.copies)
        run = self.commands.run(*words, "--clock", "replay", stdin=data)
        assert run.status == 0, run.stderr
        return run.stdout.decode()

    @property
    def undisturbed(self) -> list[dict[str, Any]]:
        """The summaries up to the last that the lost host has told of in time."""
        (silent,) = (event["until"] for event in self.events if event.get("state") == "silent")
        return [event for event in self.events if event["event"] == "summary" and event["to"] <= silent]


def recipe(first_words: str) -> str:
    """The code in docs/many-hosts.md that begins with these words."""
    text = (ROOT / "docs" / "many-hosts.md").read_text(encoding="utf-8")
    codes: list[str] = re.findall(r"```(?:ba)?sh\n(.*?)```", text, re.S)
    (code,) = (code for code in codes if code.startswith(first_words))
    return code


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "home").mkdir()
    commands = Commands(folder / "home")
    try:
        with network(commands, folder) as connections:
            yield watch(commands, folder, connections)
    finally:
        commands.end()


def watch(commands: Commands, folder: Path, connections: Network) -> Watched:
    hosts = [start_host(commands, folder / name, name) for name in NAMES]
    env = {**SETTINGS, "PATH": f"{connections.path}:{commands.env['PATH']}"}
    reader = commands.start_bash(recipe("# over ssh"), env=env)
    copies = [commands.folder / f"{name}.jsonl" for name in NAMES]
    program = commands.start_bash(
        "w3c-tail web1.jsonl web2.jsonl web3.jsonl | w3c-stats --merge -o json --top 1000", env=SETTINGS
    )
    sites = [simulate(commands, folder / name, seed) for seed, name in enumerate(NAMES)]
    for copy in copies:  # all hosts are there before anything happens
        wait_for_copy(reader, copy)
    bursts = [simulate(commands, folder / name, 10 + seed, burst=True) for seed, name in enumerate(NAMES)]
    reader.read_until(b"alert recovered")
    for burst in bursts:
        assert burst.wait() == 0
    connections.cut(LOST)
    reader.read_notes(f"w3c-alert: host {LOST} is silent")
    program.read_until(b'"state":"silent"')
    program.read_until(b'"event":"summary"')
    connections.mend(LOST)
    reader.read_notes(f"w3c-alert: host {LOST} is heard again")
    program.read_until(b'"state":"back"')
    for site in sites:
        site.signal_group(signal.SIGINT)
        site.wait()
    for name, host in zip(NAMES, hosts, strict=True):
        end_having_read(host, [folder / name / "access.log"])
    for name, copy in zip(NAMES, copies, strict=True):
        wait_for_copy(reader, copy, (folder / name / "summaries.jsonl").read_bytes())
    for proc in (program, reader):
        end_having_read(proc, copies)
    lines = b"".join((folder / name / "access.log").read_bytes() for name in NAMES)
    records = commands.run("w3c-parse", stdin=lines).lines
    return Watched(
        commands,
        b"".join(line + b"\n" for line in sorted(records, key=lambda line: json.loads(line)["epoch"])),
        reader.out.decode(),
        reader.err.decode().splitlines(),
        [json.loads(line) for line in program.out.splitlines()],
        copies,
    )


def start_host(commands: Commands, folder: Path, name: str) -> Proc:
    (folder / "access.log").touch()
    env = {**SETTINGS, **LATENESS, "W3C_STATS_HOST": name}
    return commands.start(tool("bash"), "-c", recipe("# on each host"), cwd=folder, env=env)


def simulate(commands: Commands, folder: Path, seed: int, *, burst: bool = False) -> Proc:
    rate = ("--rate", str(BURST_PER_S), "--duration", BURST) if burst else ("--rate", str(RATE_PER_S))
    return commands.start("w3c-gen", *rate, "--seed", str(seed), "--file", "access.log", cwd=folder)


def wait_for_copy(reader: Proc, copy: Path, whole: bytes | None = None) -> None:
    """Wait until something was copied, or this."""

    def is_made() -> bool:
        return copy.exists() and (copy.read_bytes() == whole if whole else copy.stat().st_size > 0)

    reader.until(is_made, f"{copy} made")


def end_having_read(proc: Proc, paths: list[Path]) -> None:
    """End a pipe once its w3c-tail has passed on all lines; asked, it says how many these are."""
    (pid,) = (int(text.split()[0]) for text in proc.descendants() if "/w3c-tail " in text)
    lines = sum(path.read_bytes().count(b"\n") for path in paths)

    def has_read() -> bool:
        try:
            os.kill(pid, signal.SIGUSR1)
        except ProcessLookupError:
            proc.fail("w3c-tail has ended")
        return f"w3c-tail: {lines:,} lines out" in proc.err.decode()

    proc.until(has_read, f"{lines} lines passed on")
    proc.signal_group(signal.SIGINT)
    proc.wait()


def blocks(text: str) -> dict[str, str]:
    """Blocks by their first line, without alerts and news of hosts."""
    lines = [line for line in text.splitlines() if not line.startswith(("High ", "  alerts", "host "))]
    parts = "\n".join(lines).split("\n\n")
    return {part.strip("\n").partition("\n")[0]: part.strip("\n") for part in parts}


def messages(text: str) -> list[str]:
    """The alerts in a text that repeats them."""
    return list(dict.fromkeys(line for line in text.splitlines() if line.startswith("High ")))


def sums(events: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    """All that adds up, by interval; more than one summary may tell of it."""
    found: Counter[tuple[str, ...]] = Counter()
    for event in events:
        if event["event"] != "summary":
            continue
        for key in ("requests", "unparsed", "uncounted", "bytes", "errors", "client_errors"):
            found[event["from"], key] += event[key]
        for key in ("status", "methods"):
            found.update({(event["from"], key, name): count for name, count in event[key].items()})
        for row in event["sections"]:
            for key in ("requests", "errors", "bytes"):
                found[event["from"], "section", row["section"], key] += row[key]
    return +found


def values(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_live_summaries_are_those_of_all_logs_in_one(watched: Watched) -> None:
    once = values(watched.once("w3c-stats", "-o", "json", "--top", "1000"))
    assert len(watched.undisturbed) >= 5
    assert watched.undisturbed == once[: len(watched.undisturbed)]


def test_live_blocks_are_those_of_all_logs_in_one(watched: Watched) -> None:
    once, live = blocks(watched.once("w3c-stats")), blocks(watched.text)
    headings = [*once][: len(watched.undisturbed)]
    assert [live[heading] for heading in headings] == [once[heading] for heading in headings]


def test_live_alerts_are_those_of_all_logs_in_one(watched: Watched) -> None:
    once = watched.once("w3c-alert", "-t", "100").splitlines()
    assert [" ".join(line.split()[2:4]) for line in once] == ["generated an", "alert recovered"]
    assert messages(watched.text) == once


def test_host_that_is_cut_off_is_named_and_heard_again(watched: Watched) -> None:
    news = [event for event in watched.events if event["event"] == "host"]
    assert [(event["host"], event["state"]) for event in news] == [(LOST, "silent"), (LOST, "back")]
    said = [line for line in watched.text.splitlines() if line.startswith("host ")]
    assert [line.partition(",")[0].partition(":")[0] for line in said] == [
        f"host {LOST} is silent",
        f"host {LOST} is heard again",
    ]
    assert [f"w3c-alert: {line}" for line in said if "silent" in line] == [
        note for note in watched.notes if "is silent" in note
    ]


def test_others_go_on_meanwhile(watched: Watched) -> None:
    states = [event.get("state") for event in watched.events]
    meanwhile = watched.events[states.index("silent") : states.index("back")]
    assert sum(event.get("requests", 0) for event in meanwhile) > 0


def test_nothing_is_missing_in_the_sums(watched: Watched) -> None:
    once = values(watched.once("w3c-stats", "-o", "json", "--top", "1000"))
    assert sum(event["requests"] for event in once if event["event"] == "summary") == len(
        watched.records.splitlines()
    )
    assert sums(watched.events) == sums(once)
    assert {event["host"] for event in watched.events if event["event"] == "summary"} == {None, LOST}


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("total", [(), ("--total",)], ids=["intervals", "total"])
def test_files_give_the_statistics_of_all_logs_in_one(
    watched: Watched, output: str, total: tuple[str, ...]
) -> None:
    once = watched.once("w3c-stats", "-o", output, *total)
    assert watched.replayed("w3c-stats", "--merge", "-o", output, *total) == once


def test_files_give_the_alerts_of_all_logs_in_one(watched: Watched) -> None:
    words = ("w3c-alert", "-t", "100", "-w", "4s")
    assert watched.replayed(*words) == watched.once(*words)
