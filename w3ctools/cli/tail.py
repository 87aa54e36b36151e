"""w3c-tail: follow log files by name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._settings import FILE, NAMES_OUTPUT, Option, Quantity
from w3ctools.core.checkpoint import CODEC
from w3ctools.core.framing import MAX_LINE_BYTES, LineFramer, Overlong
from w3ctools.core.quantity import parse_duration_s
from w3ctools.core.source import source_line
from w3ctools.edge.follow.follower import ROTATE_WAIT_S, Look, NotRegularError
from w3ctools.edge.follow.progress import Progress, load_saved
from w3ctools.edge.follow.start import FromEnd, FromLine, Start
from w3ctools.edge.follow.watch import Watch, is_pattern
from w3ctools.edge.limits import max_open_files
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.state import StateFile
from w3ctools.edge.streams import Idle, Input, Output, Waited, open_input

#: Waits between looks grow while nothing comes: quick enough to show a line within 100 ms.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.06
#: After looking at many files, the rest is so many times as long, up to half a second.
REST, LONGEST_REST_S = 20, 0.5
#: Descriptors that are not for followed files: the streams, the state, a folder, a compressed file.
SPARE_FILES = 24
REWIND = Quantity("DURATION", parse_duration_s)


def read_start(text: str) -> Start:
    """``N``: the last N lines; ``+N``: from line N on. Raises ValueError."""
    match = re.fullmatch(r"([+-]?)(\d{1,15})", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no number of lines: expected 10 for the last 10, +1 for all")
    return FromLine(max(1, int(match[2]))) if match[1] == "+" else FromEnd(int(match[2]))


@command("w3c-tail", "tail")
@click.argument("files", nargs=-1, type=FILE, metavar="FILE...")
@click.option(
    "-n",
    "--lines",
    cls=Option,
    type=Quantity("N", read_start),
    default="0",
    show_default=True,
    help="Begin with the last N whole lines; +N begins with line N, +1 with all.",
)
@click.option("--no-follow", cls=Option, is_flag=True, help="End at the end of the files.")
@click.option(
    "--state",
    cls=Option,
    type=FILE,
    acts=NAMES_OUTPUT,
    help="Keep in FILE how far the reader has come, and go on there after a restart.",
)
@click.option(
    "--rewind",
    "rewind_s",
    cls=Option,
    type=REWIND,
    default="0",
    show_default=True,
    envvar="W3C_TAIL_REWIND",
    help="After a restart, repeat what came in the last DURATION before it ended (needs --state).",
)
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were passed on.")
def tail(
    files: tuple[str, ...], lines: Start, no_follow: bool, state: str | None, rewind_s: int, summary: bool
) -> None:
    """Write the lines that are added to the FILEs, whole lines only.

    Follows names, not files: a rotated file is read to its end before the new one, a truncated one from its
    beginning, and a missing one is waited for. A FILE can be a pattern, in quotes: '/var/log/nginx/*.log'.
    Of several files, a line "#Source: FILE" says where the next lines come from. - is stdin.

    \b
    Example:
        w3c-tail /var/log/nginx/access.log | w3c-parse | w3c-stats
    """
    if not files:
        raise click.UsageError("no FILE to follow: name one, or set files in [tail] of w3ctools.ini")
    if rewind_s and state is None:
        raise click.UsageError("--rewind needs --state: without it, nothing is known of an earlier run")
    command = _Tail()
    try:
        if files == ("-",) and state is None:
            command.copy(0)
        elif "-" in files:
            raise click.UsageError("- (stdin) is a stream: it has no --state, and no files beside it")
        else:
            command.follow(files, lines, no_follow, state, rewind_s)
    finally:
        if summary:
            say(command.report())
    finish(command.signals)
    raise Ended(command.status)


class _Tail:
    def __init__(self) -> None:
        self.status = ExitStatus.DONE
        self._lines = self._bytes = 0
        self.signals = listen(self.report)
        self._output = Output()
        self._watch: Watch | None = None
        self._progress: Progress | None = None
        #: The file that the last line came from, where there are several.
        self._source: str | None = None
        #: While the reader stands still: when to look at the files next.
        self._look_at_s = 0.0

    def report(self) -> str:
        """What was passed on up to now, and what is held."""
        return f"{self._lines:,} lines out, {self._bytes:,} bytes{self._held()}"

    def _held(self) -> str:
        files, unread_bytes = self._watch.rotated_unread if self._watch else (0, 0)
        if not files:
            return ""
        noun = "1 rotated file" if files == 1 else f"{files:,} rotated files"
        return f"; {noun} held open, {unread_bytes:,} bytes unread"

    def follow(
        self, names: tuple[str, ...], start: Start, no_follow: bool, state: str | None, rewind_s: int
    ) -> None:
        """Pass on what is added to the files, in turns, until a signal asks to finish."""
        if no_follow:
            names = tuple(name for name in names if is_pattern(name) or self._is_readable(name))
        self._output.widen()
        state_file = StateFile(state, CODEC) if state else None
        self._watch = Watch(
            names,
            start,
            time.monotonic,
            open_files=max_open_files() - SPARE_FILES,
            rotate_wait_s=max(ROTATE_WAIT_S, rewind_s),
            saved=load_saved(state_file, rewind_s) if state_file else None,
        )
        if state_file:
            self._progress = Progress(state_file, names, self._watch, self._output, say, rewind_s=rewind_s)
        try:
            self._turn(self._watch, no_follow)
            if no_follow and not state_file:  # with a state, the rest of the line comes the next time
                self._pass_on(self._watch.finish())
        except NotRegularError as error:
            self._stream(error.path, only=len(names) == 1)
        finally:
            if self._progress:
                self._progress.finish()
            self._watch.close()

    def _turn(self, watch: Watch, no_follow: bool) -> None:
        idle = Idle(self._output, self.signals)
        wait_s = SHORTEST_WAIT_S
        while self.signals.received is None:
            began_s = time.monotonic()
            written, more = self._pass_on(watch.turns())
            if self._progress:
                self._progress.save_when_due()
            if more:
                continue
            if no_follow:
                return
            # Many files take long to look at: most of the time must be left to others.
            longest_s = min(max(LONGEST_WAIT_S, REST * (time.monotonic() - began_s)), LONGEST_REST_S)
            wait_s = SHORTEST_WAIT_S if written else min(2 * wait_s, longest_s)
            idle.wait(wait_s)

    def _pass_on(self, looks: Iterator[tuple[str, Look]]) -> tuple[bool, bool]:
        """Write what was found; return whether that was anything, and whether there is more."""
        written = more = False
        for path, look in looks:
            for text in look.notes:
                say(text)
            for piece in look.pieces:
                self._write_source(path)
                self._write(piece.block)
                if self._progress:
                    self._progress.wrote(piece)
                written = True
            more = more or look.more
        return written, more

    def _write_source(self, path: str) -> None:
        if self._watch and self._watch.is_many and path != self._source:
            line = source_line(os.fsencode(path))
            self._output.write_lines(line, self._meanwhile)
            self._source = path
            if self._progress:
                self._progress.wrote_source(len(line))

    def _meanwhile(self) -> None:
        """Hold open what is rotated away while the reader stands still."""
        now_s = time.monotonic()
        if self._watch is None or now_s < self._look_at_s:
            return
        for text in self._watch.look():
            say(text)
        if self._progress:
            self._progress.save_when_due()
        self._look_at_s = time.monotonic() + REST * (time.monotonic() - now_s)

    def _is_readable(self, path: str) -> bool:
        """Whether there is something to read at once; said if not."""
        if os.path.exists(path) and not os.path.isfile(path):
            return True  # opening a FIFO and closing it again would end its writer
        try:
            os.close(open_input(path))
        except OSError as error:
            say(f"{path}: {why_unreadable(path, error)}")
            self.status = ExitStatus.FAILED
            return False
        return True

    def _stream(self, path: str, *, only: bool) -> None:
        if not only:
            raise click.UsageError(f"{path}: a FIFO or device cannot be followed beside files")
        self.copy(open_input(path))

    def copy(self, fd: int) -> None:
        """Pass on the whole lines of a stream."""
        framer = LineFramer(MAX_LINE_BYTES, head_bytes=MAX_LINE_BYTES + 1)
        for block in Input(fd, self._output, self.signals, ends_when_asked=True).blocks(None):
            if not isinstance(block, Waited):
                self._write_items(framer.feed(block))
        self._write_items(framer.flush())

    def _write_items(self, items: list[bytes | Overlong]) -> None:
        for item in items:
            self._write(item if isinstance(item, bytes) else item.head + b"\n")

    def _write(self, block: bytes) -> None:
        if block:
            self._output.write_lines(block, self._meanwhile)
            self._lines += block.count(b"\n")
            self._bytes += len(block)


def main() -> None:
    """Entry point."""
    run(tail)


if __name__ == "__main__":
    main()
