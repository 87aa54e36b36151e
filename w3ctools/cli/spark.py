"""w3c-spark: logs too large for one machine, or for one process, as summaries."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import TypeVar

import click
from click.core import ParameterSource

from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._settings import DURATION, FILE, FOLDER, NAMES_OUTPUT, Option, Quantity, interval_option
from w3ctools.core.errors import QuantityError, W3CError
from w3ctools.core.pieces import NO_TIME, Part, Seen, interval_of
from w3ctools.core.quantity import parse_size_bytes
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.split import Range, bundles, ranges, whole
from w3ctools.edge.counted_file import files_of, is_in_lines
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.replacing import replace_file, replacing
from w3ctools.edge.signals import Signals
from w3ctools.edge.spark.batch import count
from w3ctools.edge.spark.checkpoint import SUMMARIES, Begun, Checkpoint, batch_name, is_of_stream
from w3ctools.edge.spark.session import BATCH_MODULES, STREAM_MODULES, Session, why
from w3ctools.edge.spark.stream import SETTINGS, Batch, Watching
from w3ctools.edge.streams import Idle, Output, ReaderGone, WriteFailed

#: Rows of the tables of a summary.
TOP = 10
#: With less a range's own work would be lost in what it costs.
LEAST_SPLIT_BYTES = 64 << 10
#: Of small files so many are put together that there are about so many tasks.
TASKS = 32
LEAST_TASK_BYTES = 1 << 20
#: A compressed file has so many times as many bytes to parse.
EXPANDS = 8
#: How often a wait looks whether it is over.
LOOK_S = 0.1
MODE = 0o644
SENDS_WORK = "names a cluster that is sent work"

T = TypeVar("T")


def _split_bytes(text: str) -> int:
    size_bytes = parse_size_bytes(text)
    if size_bytes < LEAST_SPLIT_BYTES:
        raise QuantityError("must be 64KiB or more")
    return int(size_bytes)


@command("w3c-spark", "spark")
@click.argument("paths", nargs=-1, type=FILE, metavar="PATH...")
@click.option(
    "--master",
    cls=Option,
    metavar="URL",
    default="local[*]",
    show_default=True,
    acts=SENDS_WORK,
    help="Spark's master: local[N], spark://HOST:7077, or what else Spark knows.",
)
@interval_option
@click.option("--stream", cls=Option, is_flag=True, help="Watch a folder PATH, and count each file once.")
@click.option(
    "--checkpoint",
    cls=Option,
    type=FOLDER,
    acts=NAMES_OUTPUT,
    help="With --stream, keep in DIR what is needed to go on after a restart.",
)
@click.option(
    "--lateness",
    cls=Option,
    type=DURATION,
    default="20s",
    show_default=True,
    help="With --stream, how long after its end an interval waits for lines.",
)
@click.option(
    "--split",
    cls=Option,
    type=Quantity("SIZE", _split_bytes),
    default="64MiB",
    show_default=True,
    help="Read larger files in ranges of SIZE, by several workers.",
)
@click.option(
    "--out",
    cls=Option,
    type=FOLDER,
    acts=NAMES_OUTPUT,
    help="Write the summaries into files in DIR instead of stdout.",
)
@click.pass_context
def spark(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    master: str,
    interval: int,
    stream: bool,
    checkpoint: str | None,
    lateness: int,
    split: int,
    out: str | None,
) -> None:
    """Count the lines of large logs with Apache Spark, as the summaries that w3c-stats --merge reads.

    A PATH is a file, compressed or not, in any format that w3c-parse finds by itself, or a folder of such.

    \b
    Example:
        w3c-spark archive/*.log | w3c-stats --merge --total
    """
    if not paths:
        raise click.UsageError("no PATH to read: name one, or set paths in [spark] of w3ctools.ini")
    if not stream:
        for name in ("checkpoint", "lateness"):
            if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--{name} goes with --stream")
        if out is not None:
            _check_is_of_no_stream(out)
        raise Ended(_Batch(master, interval, out).run(paths, split))
    if len(paths) > 1 or not os.path.isdir(paths[0]):
        raise click.UsageError("--stream watches one folder PATH")
    if checkpoint is None or out is None:
        raise click.UsageError("--stream needs --checkpoint and --out")
    if os.path.realpath(paths[0]) in (os.path.realpath(checkpoint), os.path.realpath(out)):
        raise click.UsageError("--checkpoint and --out must be other folders than PATH")
    _Stream(paths[0], out, interval).run(master, checkpoint, lateness)
    raise Ended(ExitStatus.DONE)


class _Batch:
    def __init__(self, master: str, interval_s: int, out: str | None) -> None:
        self._master, self._interval_s, self._out = master, interval_s, out
        self._files = self._bytes = 0
        self._signals = listen(self._report)
        self._output = Output()
        self._status = ExitStatus.DONE
        self._session: Session | None = None
        #: Of those that are under way, and how many these are.
        self._tasks_done = (0, 0)

    def run(self, paths: tuple[str, ...], split_bytes: int) -> ExitStatus:
        """Count all there is in the files."""
        tasks = self._tasks(paths, split_bytes)
        if tasks:
            _beside(partial(self._count, tasks), self._output, self._signals, self._end, self._look)
        return self._status

    def _report(self) -> str:
        done, tasks = self._tasks_done
        return f"{self._files:,} files, {self._bytes:,} bytes; {done} of {tasks} tasks done"

    def _end(self) -> None:
        finish(self._signals)

    def _look(self) -> None:
        """Not when a report is asked for: a signal may come within a call into Java."""
        if self._session is not None:
            with suppress(Exception):  # it may just be ending
                self._tasks_done = self._session.tasks

    def _tasks(self, paths: tuple[str, ...], split_bytes: int) -> list[list[Range]]:
        files: dict[str, str] = {}  # each once, in order
        for path in paths:
            try:
                files |= {os.path.abspath(file): file for file in files_of(path)}
            except OSError as error:
                self._fail(f"{path}: {why_unreadable(path, error)}")
        costs = [cost for file in files.values() for cost in self._ranges(file, split_bytes)]
        total_bytes = sum(cost for _, cost in costs)
        return bundles(costs, min(split_bytes, max(LEAST_TASK_BYTES, total_bytes // TASKS)))

    def _ranges(self, path: str, split_bytes: int) -> list[tuple[Range, int]]:
        try:
            size_bytes, is_in_ranges = os.path.getsize(path), is_in_lines(path)
        except OSError as error:
            self._fail(f"{path}: {why_unreadable(path, error)}")
            return []
        self._files += 1
        self._bytes += size_bytes
        if not is_in_ranges:
            return [(whole(os.path.abspath(path)), EXPANDS * size_bytes)]
        found = ranges(os.path.abspath(path), size_bytes, split_bytes)
        return [(one, (one.end or size_bytes) - one.begin) for one in found]

    def _count(self, tasks: list[list[Range]]) -> None:
        with Session(self._master, BATCH_MODULES, {}) as session, _failures_told():
            self._session = session
            counted = count(session.context, tasks, self._interval_s)
            self._tell(counted.seen)
            self._write(counted.parts)

    def _tell(self, seen: list[Seen]) -> None:
        for one in seen:
            if one.problem is not None:
                self._fail(one.problem)
            elif one.is_unknown:
                say(_unknown(one))
                self._status = self._status or ExitStatus.DATA
        if any(one.unparsed for one in seen):
            say(_counts(seen))

    def _fail(self, problem: str) -> None:
        say(problem)
        self._status = ExitStatus.FAILED

    def _write(self, parts: Iterator[tuple[int, Part]]) -> None:
        renderer = JsonRenderer(TOP, socket.gethostname())
        with nullcontext(self._output.fd) if self._out is None else _file_in(self._out) as fd:
            output = Output(fd)
            for key, part, is_last in _with_last(parts):
                interval = interval_of(key, part, self._interval_s, is_last=is_last and key != NO_TIME)
                output.write(renderer.render(interval).encode())


class _Stream:
    def __init__(self, folder: str, out: str, interval_s: int) -> None:
        self._folder, self._out, self._interval_s = folder, out, interval_s
        self._files = self._summaries = 0
        self._signals = listen(self._report)
        self._must_end = threading.Event()

    def run(self, master: str, checkpoint: str, lateness_s: int) -> None:
        """Watch the folder until a signal comes."""
        begun = Begun(self._interval_s, os.path.abspath(self._folder), os.path.abspath(self._out))
        try:
            held = Checkpoint(checkpoint, begun)
        except OSError as error:
            raise W3CError(f"{error.filename or checkpoint}: {error.strerror}") from None
        watch = partial(self._watch, master, checkpoint, lateness_s)
        _beside(watch, Output(), self._signals, self._must_end.set)
        held.close()
        finish(self._signals)

    def _report(self) -> str:
        return f"{self._files:,} files in, {self._summaries:,} summaries out"

    def _watch(self, master: str, checkpoint: str, lateness_s: int) -> None:
        with Session(master, STREAM_MODULES, SETTINGS) as session, _failures_told():
            folder, place = os.path.abspath(self._folder), os.path.abspath(checkpoint)
            watching = Watching(session.context, folder, place, self._interval_s, lateness_s, self._deliver)
            while not self._must_end.is_set() or watching.is_busy:
                watching.wait(LOOK_S)
            watching.stop()

    def _deliver(self, number: int, batch: Batch) -> None:
        """Write what a batch gave into a file of its own, in place of what it gave the last time."""
        renderer = JsonRenderer(TOP, socket.gethostname())
        intervals = [interval_of(key, part, self._interval_s, is_last=False) for key, part in batch.parts]
        path = os.path.join(self._out, batch_name(number))
        if intervals:
            replace_file(path, "".join(map(renderer.render, intervals)).encode(), MODE)
        else:
            with suppress(FileNotFoundError):
                os.unlink(path)
        self._files += len(batch.seen)
        self._summaries += len(intervals)
        for one in batch.seen:
            if one.problem is not None or one.is_unknown:
                say(one.problem or _unknown(one))
            elif one.unparsed:
                say(f"{one.path}: {_counts([one])}")


def _beside(
    work: Callable[[], T],
    output: Output,
    signals: Signals,
    asked: Callable[[], None],
    look: Callable[[], None] = lambda: None,
) -> T:
    """Work in a thread, while this one watches output and signals.

    `asked` is called when a signal has come, `look` again and again.

    A call into Java waits for it, whatever signal comes, and pyspark would take SIGINT for itself.
    """
    done = ThreadPoolExecutor(1).submit(work)
    idle = Idle(output, signals)
    while not done.done():
        idle.wait(LOOK_S)
        if signals.received is not None:
            asked()
        look()
    return done.result()


@contextmanager
def _failures_told() -> Iterator[None]:
    """What Spark fails with is said in one line."""
    try:
        yield
    except (W3CError, ReaderGone):
        raise
    except Exception as error:
        say(f"Spark gave up: {why(error)}")
        raise Ended(ExitStatus.FAILED) from None


def _check_is_of_no_stream(out: str) -> None:
    """Raises W3CError."""
    with suppress(OSError):  # it may be missing, and what else is wrong shows when it is written
        if is_of_stream(out):
            raise W3CError(f"{out}: holds the summaries of a --stream, beside which others would count twice")


@contextmanager
def _file_in(folder: str) -> Iterator[int]:
    """The one file of a batch. Raises WriteFailed."""
    try:
        os.makedirs(folder, exist_ok=True)
        with replacing(os.path.join(folder, f"summaries{SUMMARIES}"), MODE) as fd:
            yield fd
    except OSError as error:
        raise WriteFailed(f"{folder}: {why_unreadable(folder, error)}") from None


def _with_last(parts: Iterable[tuple[int, Part]]) -> Iterator[tuple[int, Part, bool]]:
    """Each part, and whether it is the last one."""
    before: tuple[int, Part] | None = None
    for part in parts:
        if before is not None:
            yield (*before, False)
        before = part
    if before is not None:
        yield (*before, True)


def _unknown(seen: Seen) -> str:
    return f"{seen.path}: no line in a known format (w3c-parse --list-formats)"


def _counts(seen: list[Seen]) -> str:
    lines, records, unparsed, skipped = (
        sum(counts)
        for counts in zip(*((s.lines, s.records, s.unparsed, s.skipped) for s in seen), strict=True)
    )
    return f"{lines:,} lines in, {records:,} records, {unparsed:,} unparsed, {skipped:,} skipped"


def main() -> None:
    """Entry point."""
    run(spark)


if __name__ == "__main__":
    main()
