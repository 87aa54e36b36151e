"""w3c-spark --stream: every interval exact and none twice, though a worker and the driver are killed."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from harness import EPOCH, Commands, Proc, Result, log_line, records, utc
from spark_kit import PATIENCE_S, Cluster, descendants, until_gone

INTERVAL_S = 10
#: Later than any of the log's stamps: the files are written now.
FUTURE_S = 4_000_000_000


class Stream:
    """A folder that is watched, and what comes of it."""

    def __init__(self, commands: Commands, master: str, lateness: str) -> None:
        self._commands = commands
        self._options = ("--stream", "--master", master, "--lateness", lateness)
        self._folder = commands.folder / "incoming"
        self._folder.mkdir()
        self.out = commands.folder / "out"
        #: Requests of each interval that were put in.
        self.put_in: Counter[int] = Counter()

    def start(self) -> Proc:
        """Start the command, or start it again."""
        folders = ("--checkpoint", "checkpoint", "--out", self.out, self._folder)
        return self._commands.start("w3c-spark", *self._options, *folders)

    def put(self, name: str, epochs: Iterable[int]) -> None:
        """Have a log in the folder."""
        epochs = [*epochs]
        self.put_in.update(EPOCH + (epoch - EPOCH) // INTERVAL_S * INTERVAL_S for epoch in epochs)
        self.put_data(name, b"".join(log_line(epoch) for epoch in epochs))

    def put_data(self, name: str, data: bytes) -> None:
        """Have a file in the folder, from one moment to the next."""
        os.rename(self._commands.write(f"{name}.tmp", data), self._folder / name)

    def until_more(self, proc: Proc, summaries: int) -> None:
        """Wait until more summaries than that have come out."""
        proc.until(lambda: sum(1 for _ in self.summaries()) > summaries, "more summaries", PATIENCE_S)

    def summaries(self) -> Iterator[tuple[int, int, int]]:
        """From, to and requests of each summary that came out and has a time."""
        for path in sorted(self.out.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                one = json.loads(line)
                if one["from"] is None:
                    continue
                from_s = next(second for second in self._seconds(one["from"]))
                assert sum(one["seconds"]) == one["requests"]
                yield from_s, from_s + len(one["seconds"]), one["requests"]

    def _seconds(self, text: str) -> Iterator[int]:
        known = [*self.put_in, *range(EPOCH, EPOCH + 10_000, INTERVAL_S)]
        return (second for second in known if utc(second) == text)

    def came_out(self) -> Counter[int]:
        """Requests of each interval."""
        found: Counter[int] = Counter()
        for from_s, _, requests in self.summaries():
            found[from_s] += requests
        return found


def heartbeat(commands: Commands, until_s: int) -> bytes:
    """Summaries of a host up to then, the last interval left out, which is cut short."""
    stdin = records([EPOCH, until_s, until_s + 60])
    result = commands.run("w3c-stats", "-o", "json", "--mergeable", "--host", "web2", stdin=stdin)
    return b"".join(line + b"\n" for line in result.lines if b'"partial":false' in line)


def test_every_interval_is_exact_though_worker_and_driver_are_killed(commands: Commands) -> None:
    cluster = Cluster(commands)
    workers = [cluster.add_worker(), cluster.add_worker()]
    # Of two files that are put in together, one may be counted first.
    stream = Stream(commands, cluster.master, "60s")
    proc = stream.start().ready()
    steps = 12
    for step in range(steps):
        first = EPOCH + 40 * step
        stream.put(f"web1-{step}", [second for second in range(first, first + 40) for _ in range(step + 3)])
        stream.put(f"web2-{step}", range(first, first + 40, 3))
        if step == 3:
            stream.until_more(proc, 3)
            assert workers[0].kill() > 0
        elif step == 6:
            stream.until_more(proc, sum(1 for _ in stream.summaries()))
            started = descendants(proc.pid)
            proc.send_signal(signal.SIGKILL)
            assert proc.wait() == -signal.SIGKILL
            until_gone(proc, started)
            cluster.add_worker()
        elif step == 8:
            assert stream.came_out() != stream.put_in
            proc = stream.start().ready()
    end_s = EPOCH + 40 * steps
    beat = heartbeat(commands, end_s + 60)
    stream.put_in.update({EPOCH: 1, end_s + 60: 1})
    stream.put_data("web3-heartbeat", beat)
    complete = {second: count for second, count in stream.put_in.items() if second < end_s}
    proc.until(lambda: stream.came_out().keys() >= complete.keys(), "all intervals", PATIENCE_S)
    proc.send_signal(signal.SIGTERM)
    result = proc.finish(deadline_s=PATIENCE_S)
    assert (result.status, result.stdout, result.stderr) == (-signal.SIGTERM, b"", b"")

    found = [*stream.summaries()]
    assert all((from_s % INTERVAL_S, to_s) == (0, from_s + INTERVAL_S) for from_s, to_s, _ in found)
    # The heartbeat's first interval was given long ago: what it counts there comes by itself.
    assert sorted(from_s for from_s, *_ in found) == sorted([*complete, EPOCH])
    assert dict(stream.came_out()) == complete

    output = b"".join(path.read_bytes() for path in sorted(stream.out.glob("*.jsonl")))
    merged = commands.run("w3c-stats", "--merge", "-o", "json", "--clock", "replay", stdin=output)
    shown = {one["from"]: one["requests"] for one in merged.values if one["event"] == "summary"}
    assert shown == {utc(second): count for second, count in complete.items()}


class TestLocal:
    @pytest.fixture
    def stream(self, commands: Commands) -> Stream:
        """Watched by a process of this machine."""
        return Stream(commands, "local[1]", "20s")

    def test_late_and_future_lines_and_files_that_cannot_be_read(
        self, commands: Commands, stream: Stream
    ) -> None:
        proc = stream.start().ready()
        stream.put("first", [EPOCH, EPOCH + 9, EPOCH + 30])
        proc.until(lambda: stream.came_out()[EPOCH] == 2, "the first interval", PATIENCE_S)
        stream.put("late", [EPOCH + 5] * 3)
        proc.until(lambda: stream.came_out()[EPOCH] == 5, "the late lines", PATIENCE_S)
        assert [requests for from_s, _, requests in stream.summaries() if from_s == EPOCH] == [2, 3]
        stream.put("future", [FUTURE_S])
        stream.put_data("odd #%20\u00fc.log", b"nonsense\n")
        proc.until(lambda: stream.came_out()[FUTURE_S] == 1, "the future line", PATIENCE_S)
        notes = proc.read_notes("no line in a known format", PATIENCE_S)
        assert notes == [
            f"w3c-spark: {commands.folder}/incoming/odd #%20\u00fc.log: "
            "no line in a known format (w3c-parse --list-formats)"
        ]
        stream.put("next", [EPOCH + 60])
        proc.until(lambda: stream.came_out()[EPOCH + 30] == 1, "the next interval", PATIENCE_S)
        assert stream.came_out()[EPOCH + 60] == 0

        other = stream.start().finish()
        assert other == Result(2, b"", b"w3c-spark: checkpoint: in use by another w3c-spark\n")
        proc.send_signal(signal.SIGUSR1)
        assert proc.read_notes("files in")[-1] == "w3c-spark: 5 files in, 5 summaries out"
        started = descendants(proc.pid)
        proc.send_signal(signal.SIGINT)
        assert proc.finish(deadline_s=PATIENCE_S).status == -signal.SIGINT
        until_gone(proc, started)
