"""``w3c-parse --jobs``: other processes parse ahead."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable
from functools import partial

from w3ctools.cli._feeder import Feeder, Show
from w3ctools.core.ahead import parse_ahead, read_ahead
from w3ctools.core.formats.format import BlockParser
from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.core.parse import LogParser
from w3ctools.edge.streams import READ_BYTES
from w3ctools.edge.workers import WorkerDied, Workers

#: What a worker is given at once: much more than a message costs, little beside what a process may take.
PIECE_BYTES = 512 << 10
#: Less is parsed in the time in which processes start.
LEAST_BYTES = 16 << 20


def why_one(fd: int) -> str | None:
    """Why one process will do for what `fd` is open on; None where several may be faster."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return "it is no plain file, so lines are parsed as they come"
    if status.st_size < LEAST_BYTES:
        return f"{status.st_size:,} bytes are parsed before processes have started"
    if len(os.sched_getaffinity(0)) == 1:
        return "there is one core"
    return None


class ParallelFeeder(Feeder):
    """The same, with `jobs` processes that parse ahead; what they give is shown in order.

    `say_one` is called with the reason if the log turns out to be nothing for several processes.
    """

    read_bytes = PIECE_BYTES

    def __init__(self, parser: LogParser, show: Show, jobs: int, say_one: Callable[[str], None]) -> None:
        super().__init__(parser, show)
        self._jobs = jobs
        self._say_one = say_one
        self._fast: BlockParser | None = None
        self._workers: Workers | None = None
        #: Pieces that workers have, in order.
        self._ahead: deque[bytes] = deque()
        #: An unfinished line.
        self._rest = b""
        self._is_alone = False

    def feed(self, data: bytes) -> None:
        """Give what was read to a worker, and show what has its turn."""
        if self._is_alone:
            self._feed_alone(data)
            return
        end = data.rfind(b"\n") + 1
        piece = self._rest + data[:end] if end else b""
        self._rest = data[end:] if end else self._rest + data
        if len(self._rest) > MAX_LINE_BYTES:
            self._go_alone("it has lines that are too long", piece)
        elif not piece:
            return
        elif self._workers is None:
            self._begin(piece)
        elif self._parser.fast_path is not self._fast:
            self._go_alone("its lines are not all of one format", piece)
        else:
            if self._workers.is_full:
                self._take(self._workers)
            self._ahead.append(piece)
            self._workers.put(piece)

    def flush(self) -> None:
        """Show what the workers still have, and parse what is left."""
        self._take_all()
        super().feed(self._rest)
        super().flush()

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _begin(self, piece: bytes) -> None:
        """The first lines show which format the workers are for."""
        self._feed_alone(piece)
        self._fast = self._parser.fast_path
        if self._fast is None:
            self._go_alone("this format or these options are parsed line by line", b"")
            return
        try:
            self._workers = Workers(self._jobs, partial(parse_ahead, self._fast))
        except OSError as error:
            self._go_alone(f"processes cannot be started ({os.strerror(error.errno or errno.EAGAIN)})", b"")

    def _go_alone(self, why: str, piece: bytes) -> None:
        self._take_all()
        self.close()
        self._is_alone = True
        self._say_one(why)
        rest, self._rest = self._rest, b""
        self._feed_alone(piece + rest)

    def _feed_alone(self, data: bytes) -> None:
        """Parse here, in the blocks that suit one process."""
        for begin in range(0, len(data), READ_BYTES):
            super().feed(data[begin : begin + READ_BYTES])

    def _take_all(self) -> None:
        while self._workers is not None and self._workers.is_busy:
            self._take(self._workers)

    def _take(self, workers: Workers) -> None:
        piece = self._ahead.popleft()
        assert self._fast is not None
        try:
            stretches = read_ahead(workers.take())
        except WorkerDied:
            self._feed_alone(piece)
            return
        self._show(self._parser.feed_ahead(piece, self._fast, stretches))
