"""Follow one file by its name, through rotation, truncation and absence.

Each `Follower.poll` is one look at the name and one read: the lines that are new come out, whole and in
order. It never waits, and time enters only through the clock it is given. It holds one block per read and
one unfinished line per open file.

What is kept open: a file whose name now means another one (renamed, deleted, link switched) is read to its
end before the new one, and stays open until it has not grown for `ROTATE_WAIT_S`. A writer may go on in it:
nginx does until it gets USR1, and logrotate's delaycompress exists for such writers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from w3ctools.core.errors import W3CError
from w3ctools.core.rotation import Decision, Known, Seen, decide
from w3ctools.edge.generation import (
    BLOCK_BYTES,
    MAX_LINE_BYTES,
    FromEnd,
    FromLine,
    Generation,
    Start,
    seen_of,
)
from w3ctools.edge.permissions import rights

__all__ = [
    "BLOCK_BYTES",
    "MAX_LINE_BYTES",
    "ROTATE_WAIT_S",
    "FollowError",
    "Follower",
    "FromEnd",
    "FromLine",
    "Look",
    "NotRegularError",
    "Start",
]

#: How long a file without its name must stand still before it is closed.
ROTATE_WAIT_S = 300.0


class FollowError(W3CError):
    """A name that cannot be followed."""


class NotRegularError(FollowError):
    """The name is a FIFO or a device: a stream, which has no offset to return to."""


class Look(NamedTuple):
    """What one step found."""

    #: Whole lines, each with its LF; b"" when none was finished.
    block: bytes
    #: Diagnostics, each one line that names the path.
    notes: list[str]
    #: More can be read at once: neither wait nor stop. Can be true with an empty block, in a long line.
    more: bool = False


class Absence(NamedTuple):
    """Why there is no file to read, and what to say when that ends."""

    why: str
    ended: str


class Follower:
    """The lines of the file that ``path`` names, and of those it named before.

    ``start`` holds for a file that the first `poll` finds; one that comes later is read from its beginning.
    ``monotonic`` gives seconds that never go back; it is asked only while a file without its name is open.
    """

    def __init__(self, path: str, start: Start, monotonic: Callable[[], float]) -> None:
        self.path = path
        self._start = start
        self._first_look = True
        self._monotonic = monotonic
        #: Every file still open, oldest first. The name may mean any of them, or none.
        self._generations: list[Generation] = []
        #: Why the name gave no file at the last look.
        self._absence: Absence | None = None
        #: The last error of reading an open file, to say it once.
        self._trouble = ""

    def poll(self) -> Look:
        """Look at the name, read at most one block of each open file, and return what is new.

        At the end of every file the block is empty and ``more`` false. Younger files wait until the older
        ones are read to their end. Raises `NotRegularError` if the first look finds a FIFO or a device.
        """
        notes: list[str] = []
        seen = self._look(notes)
        blocks: list[bytes] = []
        for generation in tuple(self._generations):
            block = self._step(generation, seen, notes)
            if block:
                blocks.append(block)
            if generation.more:
                break
            if generation.is_file(seen):
                generation.quiet_since_s = None
            elif self._is_over(generation):
                blocks.append(self._retire(generation))
        return Look(b"".join(blocks), notes, any(generation.more for generation in self._generations))

    def finish(self) -> Look:
        """Return the unfinished last line of each open file, oldest first, with a LF added.

        For an end that is wanted, after a `poll` without ``more``; it reads nothing itself.
        """
        return Look(b"".join([generation.finish() for generation in self._generations]), [])

    def close(self) -> None:
        """Close every file; unfinished lines are forgotten. A second call does nothing."""
        for generation in self._generations:
            generation.close()
        self._generations = []

    def _look(self, notes: list[str]) -> Seen | None:
        """Stat the name, open what it means if that is new, and note what changed."""
        found = self._stat()
        predecessors = len(self._generations)
        if isinstance(found, Seen) and decide(self._known(found), found) in (Decision.OPEN, Decision.ROTATED):
            found = self._open()
        self._first_look = False
        absence = found if isinstance(found, Absence) else None
        if absence and absence != self._absence:
            notes.append(f"{self.path}: {absence.why}")
        elif not absence and 0 < predecessors < len(self._generations):
            notes.append(f"{self.path}: rotated")
        elif not absence and self._absence:
            notes.append(f"{self.path}: {self._absence.ended}")
        self._absence = absence
        return found if isinstance(found, Seen) else None

    def _stat(self) -> Seen | Absence:
        try:
            result = os.stat(self.path)
        except OSError as error:
            return _absence(self.path, error)
        return seen_of(result) if stat.S_ISREG(result.st_mode) else self._not_regular(result.st_mode)

    def _known(self, seen: Seen) -> Known | None:
        """What is held of the file seen; of the youngest file if that is not open; None if none is."""
        held = self._held(seen) or (self._generations[-1] if self._generations else None)
        return held.known if held else None

    def _held(self, seen: Seen) -> Generation | None:
        for generation in self._generations:
            if generation.is_file(seen):
                return generation
        return None

    def _open(self) -> Seen | Absence:
        """Open what the name means by now, which need not be what stat saw."""
        try:
            # open(2): without O_NONBLOCK the open of a FIFO waits for its writer. Reads of regular files
            # are the same with it, and nobody else has this descriptor.
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            return _absence(self.path, error)
        kept = False
        try:
            result = os.fstat(fd)
            if not stat.S_ISREG(result.st_mode):
                return self._not_regular(result.st_mode)
            seen = seen_of(result)
            if not self._held(seen):
                self._generations.append(Generation(fd, self._start if self._first_look else None))
                kept = True
            return seen
        except OSError as error:
            return _absence(self.path, error)
        finally:
            if not kept:
                os.close(fd)

    def _not_regular(self, mode: int) -> Absence:
        if self._first_look and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            raise NotRegularError(f"{self.path}: not a regular file")
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        return Absence(f"{kind}, waiting for a regular file", "appeared")

    def _step(self, generation: Generation, seen: Seen | None, notes: list[str]) -> bytes:
        try:
            block = generation.step(seen)
        except OSError as error:
            # An error of the disk or the network: said once, tried again at each look.
            trouble = error.strerror or str(error)
            if trouble != self._trouble:
                notes.append(f"{self.path}: {trouble}")
            self._trouble = trouble
            generation.grew = generation.more = False
            return b""
        if block:
            self._trouble = ""
        if generation.notes:
            notes.extend(f"{self.path}: {note}" for note in generation.notes)
            generation.notes.clear()
        return block

    def _is_over(self, generation: Generation) -> bool:
        """Whether a file without its name, read to its end, has stood still for long enough."""
        now_s = self._monotonic()
        if generation.grew or generation.quiet_since_s is None:
            generation.quiet_since_s = now_s
        return now_s - generation.quiet_since_s >= ROTATE_WAIT_S

    def _retire(self, generation: Generation) -> bytes:
        self._generations.remove(generation)
        generation.close()
        return generation.finish()


def _absence(path: str, error: OSError) -> Absence:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Absence("waiting for it to appear", "appeared")
    if error.errno == errno.EACCES:
        return Absence(f"permission denied ({rights(path)})", "readable now")
    return Absence(f"{error.strerror or error}, trying again", "readable now")
