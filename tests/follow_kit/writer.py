"""Writes numbered lines as a server does: in this process, or as one of its own.

``python -m follow_kit.writer LOG --lines 20000 --rate 5000 --reopen signal``, with tests on the path.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import TracebackType

from follow_kit.lines import SHAPES
from follow_kit.waiting import DEADLINE_S

#: How long a paced writer rests between bursts.
REST_S = 0.002
#: Without a rate: how many lines go between two looks at the signals.
BURST_LINES = 256
LONGEST_PIECE_BYTES = 4096
REOPEN = ("never", "signal", "line")
STARTED = b"started\n"


class LogFile:
    """A log as a server holds it: by its descriptor, whatever becomes of its name."""

    def __init__(self, path: Path, *, append: bool = True) -> None:
        self._path = path
        self._flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
        self._fd = os.open(path, self._flags, 0o644)

    def write(self, data: bytes) -> None:
        """All of it; with one write, unless the disk is full."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def reopen(self) -> None:
        """Go on in the file that has the name now."""
        os.close(self._fd)
        self._fd = os.open(self._path, self._flags, 0o644)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def __enter__(self) -> LogFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def bursts(count: int, rate_per_s: float) -> Iterator[range]:
    """Which lines are due, as they become so by the monotonic clock; without a rate all, some at a time."""
    if not rate_per_s:
        yield from (range(done, min(done + BURST_LINES, count)) for done in range(0, count, BURST_LINES))
        return
    start_s, done = time.monotonic(), 0
    while done < count:
        due = min(count, 1 + int((time.monotonic() - start_s) * rate_per_s))
        if due > done:
            yield range(done, due)
            done = due
        time.sleep(REST_S)


def pieces(data: bytes, chance: Random, most_bytes: int = LONGEST_PIECE_BYTES) -> Iterator[bytes]:
    """The data cut at random."""
    done = 0
    while done < len(data):
        size_bytes = chance.randint(1, most_bytes)
        yield data[done : done + size_bytes]
        done += size_bytes


class Writer:
    """A process that writes lines; ended with the block that it stands in."""

    def __init__(
        self,
        path: Path,
        lines: int,
        rate_per_s: float = 0,
        *,
        first: int = 1,
        shape: str = "plain",
        source: str = "a",
        reopen: str = "signal",
        append: bool = True,
        cut_seed: int | None = None,
    ) -> None:
        words = [sys.executable, "-m", "follow_kit.writer", str(path), f"--lines={lines}"]
        words += [f"--rate={rate_per_s}", f"--first={first}", f"--shape={shape}", f"--source={source}"]
        words += [f"--reopen={reopen}", *([] if append else ["--no-append"])]
        words += [] if cut_seed is None else [f"--cut-seed={cut_seed}"]
        tests = Path(__file__).resolve().parent.parent
        self._first, self._lines, self._rate_per_s = first, lines, rate_per_s
        self._process = subprocess.Popen(
            words,
            env={**os.environ, "PYTHONPATH": str(tests)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._answers = self._process.stdout
        if self._answers.readline() != STARTED:
            raise ChildProcessError(f"the writer did not start: {words}")

    @property
    def is_running(self) -> bool:
        """Whether there are lines to come."""
        return self._process.poll() is None

    def stop(self) -> range:
        """Ask it to stop at the end of a line; the numbers that were written."""
        self._process.terminate()
        return self.written()

    def written(self) -> range:
        """The numbers that were written, once it has ended."""
        due_s = self._lines / self._rate_per_s if self._rate_per_s else 0.0
        count, _ = self._process.communicate(timeout=2 * due_s + DEADLINE_S)
        if self._process.returncode:
            raise ChildProcessError(f"the writer ended with status {self._process.returncode}")
        return range(self._first, self._first + int(count))

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()


class _Asked:
    """What signals have asked for, seen between two lines."""

    def __init__(self) -> None:
        self.reopen = self.stop = False
        for signum in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(signum, self._ask_reopen)
        signal.signal(signal.SIGTERM, self._ask_stop)

    def _ask_reopen(self, *_: object) -> None:
        self.reopen = True

    def _ask_stop(self, *_: object) -> None:
        self.stop = True


def main() -> None:
    """Write until all is written or SIGTERM comes; say on stdout how many lines were written."""
    options = _options()
    asked = _Asked()
    shape = SHAPES[options.shape](options.source)
    chance = None if options.cut_seed is None else Random(options.cut_seed)
    written = 0
    with LogFile(options.log, append=options.append) as log:
        os.write(1, STARTED)
        for burst in bursts(options.lines, options.rate):
            lines = [shape.line(options.first + index) for index in burst]
            for data in lines if chance is None else [b"".join(lines)]:
                if asked.stop:
                    break
                if options.reopen == "line" or (asked.reopen and options.reopen == "signal"):
                    asked.reopen = False
                    log.reopen()
                for piece in [data] if chance is None else pieces(data, chance):
                    log.write(piece)
                written += data.count(b"\n")
            if asked.stop:
                break
    os.write(1, b"%d\n" % written)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m follow_kit.writer", description="Write numbered lines to a log."
    )
    parser.add_argument("log", type=Path)
    parser.add_argument("--lines", type=int, default=1_000, metavar="N", help="how many (default: 1000)")
    parser.add_argument(
        "--rate", type=float, default=0, metavar="N", help="lines a second (default: at once)"
    )
    parser.add_argument("--first", type=int, default=1, metavar="N", help="the first number (default: 1)")
    parser.add_argument("--shape", choices=SHAPES, default="plain")
    parser.add_argument("--source", default="a", metavar="WORD", help="what the lines are said to come from")
    parser.add_argument("--reopen", choices=REOPEN, default="signal", help="signal: at SIGHUP and SIGUSR1")
    parser.add_argument("--no-append", dest="append", action="store_false", help="open without O_APPEND")
    parser.add_argument("--cut-seed", type=int, metavar="SEED", help="cut lines at random into writes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
