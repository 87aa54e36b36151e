"""w3c-tail: follow log files by name."""

from __future__ import annotations

import os
import re
import time

import click

from w3ctools.cli._command import Ended, ExitStatus, command, finish, listen, run, say
from w3ctools.cli._settings import Option, Quantity
from w3ctools.core.framing import LineFramer, Overlong
from w3ctools.edge.follow import Follower, FromEnd, FromLine, NotRegularError, Start
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.streams import Idle, Input, Output, Waited, open_input

#: Waits between looks grow while nothing comes: quick enough to show a line within 100 ms.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.05
#: A stream's line is passed on whole up to here.
MAX_LINE_BYTES = 1 << 20


def read_start(text: str) -> Start:
    """``N``: the last N lines; ``+N``: from line N on. Raises ValueError."""
    match = re.fullmatch(r"([+-]?)(\d{1,15})", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no number of lines: expected 10 for the last 10, +1 for all")
    return FromLine(max(1, int(match[2]))) if match[1] == "+" else FromEnd(int(match[2]))


@command("w3c-tail", "tail")
@click.argument("files", nargs=-1, metavar="FILE...")
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
@click.option("--summary", cls=Option, is_flag=True, help="Say at the end how many lines were passed on.")
def tail(files: tuple[str, ...], lines: Start, no_follow: bool, summary: bool) -> None:
    """Write the lines that are added to the FILEs, whole lines only.

    Follows names, not files: a rotated file is read to its end before the new one, a truncated one from its
    beginning, and a missing one is waited for. - is stdin. Of a W3C extended log the field names are written
    first.

    \b
    Example:
        w3c-tail /var/log/nginx/access.log | w3c-parse | w3c-stats
    """
    if not files:
        raise click.UsageError("no FILE to follow: name one, or set files in [tail] of w3ctools.ini")
    command = _Tail()
    try:
        if files == ("-",):
            command.copy(0)
        elif "-" in files:
            raise click.UsageError("- (stdin) cannot be followed beside files")
        else:
            command.follow(files, lines, no_follow)
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

    def report(self) -> str:
        """What was passed on up to now."""
        return f"{self._lines:,} lines out, {self._bytes:,} bytes"

    def follow(self, files: tuple[str, ...], start: Start, no_follow: bool) -> None:
        """Pass on what is added to the files, in turns, until a signal asks to finish."""
        paths = [path for path in files if self._is_readable(path)] if no_follow else files
        followers = [Follower(path, start, time.monotonic) for path in paths]
        idle = Idle(self._output, self.signals)
        wait_s = SHORTEST_WAIT_S
        while self.signals.received is None:
            more = written = False
            for follower in list(followers):
                try:
                    look = follower.poll()
                except NotRegularError:
                    followers.remove(follower)
                    self._stream(follower.path, only=not followers)
                    continue
                for text in look.notes:
                    say(text)
                self._write(look.block)
                more = more or look.more
                written = written or bool(look.block)
            if more:
                continue
            if no_follow or not followers:
                break
            wait_s = SHORTEST_WAIT_S if written else min(2 * wait_s, LONGEST_WAIT_S)
            idle.wait(wait_s)
        for follower in followers:
            if no_follow:
                self._write(follower.finish().block)
            follower.close()

    def _is_readable(self, path: str) -> bool:
        """Whether there is something to read at once; said if not."""
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
            self._output.write(block)
            self._lines += block.count(b"\n")
            self._bytes += len(block)


def main() -> None:
    """Entry point."""
    run(tail)


if __name__ == "__main__":
    main()
