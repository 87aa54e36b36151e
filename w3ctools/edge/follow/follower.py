"""Follow one file by its name, through rotation, truncation and absence.

Each `Follower.poll` is one look at the name and what stands beside it, and one turn: the lines that are new
come out, whole and in order. `Follower.look` only looks, and holds open what it finds. Neither ever waits,
and time enters only through the clock that is given. `TURN_BLOCKS` blocks are held and one unfinished line
per open file.

What is kept open: a file whose name now means another one (renamed, deleted, link switched) is read to its
end before the new one, and stays open until it has not grown for ``rotate_wait_s``. A writer may go on in it:
nginx does until it gets USR1, and logrotate's delaycompress exists for such writers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple

from w3ctools.core.checkpoint import Resume
from w3ctools.core.delivery import Position
from w3ctools.core.errors import W3CError
from w3ctools.core.rotation import Decision, Known, Seen, decide
from w3ctools.edge.filesystem import is_local
from w3ctools.edge.follow.adoption import Adoption
from w3ctools.edge.follow.beside import Beside, same_places
from w3ctools.edge.follow.claims import Claims, key_of
from w3ctools.edge.follow.contents import CompressedContents, FileContents, open_file, seen_of
from w3ctools.edge.follow.folder import Folders
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.resume import Resumed, resume
from w3ctools.edge.follow.start import WHOLE, FromOffset, Start
from w3ctools.edge.permissions import rights

#: How long a file without its name must stand still before it is closed.
ROTATE_WAIT_S = 300.0
#: Where a file system may report an old size, a file that became shorter is believed after so long.
SHORT_WAIT_S = 1.0
#: So many blocks of a file make its turn.
TURN_BLOCKS = 2
#: So often the first look waits for names to stand still.
MOST_ATTEMPTS = 50


class NotRegularError(W3CError):
    """The name is a FIFO or a device: a stream, which has no offset to return to."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: not a regular file")
        self.path = path


class Piece(NamedTuple):
    """Lines of one generation, and where it is after them."""

    block: bytes
    generation: Generation
    position: Position


class Look(NamedTuple):
    """What one step found."""

    pieces: list[Piece]
    #: Diagnostics, each one line that names the path.
    notes: list[str]
    #: More can be read at once: neither wait nor stop. Can be true with an empty block, in a long line.
    more: bool = False

    @property
    def block(self) -> bytes:
        """Whole lines, each with its LF; b"" when none was finished."""
        return b"".join([piece.block for piece in self.pieces])


class Shared(NamedTuple):
    """What all followers of one process have in common."""

    folders: Folders
    claims: Claims


class Absence(NamedTuple):
    """Why there is no file to read, and what to say when that begins and ends: nothing if `why` is empty."""

    why: str
    ended: str


class Follower:
    """The lines of the file that ``path`` names, and of those it named before.

    ``start`` holds for a file that the first look finds; one that comes later is read from its beginning.
    ``places`` are where an earlier run stopped, oldest first: reading goes on there, wherever the files are
    by now. ``monotonic`` gives seconds that never go back; it is asked only while something is unsettled.
    """

    def __init__(
        self,
        path: str,
        start: Start,
        monotonic: Callable[[], float],
        *,
        shared: Shared | None = None,
        rotate_wait_s: float = ROTATE_WAIT_S,
        places: Sequence[Resume] = (),
    ) -> None:
        self.path = path
        self._start = start
        self._monotonic = monotonic
        self._shared = shared or Shared(Folders(monotonic), Claims())
        self._rotate_wait_s = rotate_wait_s
        #: What an earlier run has left, until it was looked for.
        self.unresumed = tuple(places)
        self._first_look = True
        #: Every file that is not read to its end for good, oldest first. The name may mean any, or none.
        self._generations: list[Generation] = []
        self._beside = Beside(path, self._shared.folders, self._shared.claims, owner=self)
        self._adoption = Adoption(self._beside, self._generations, self._shared.claims, monotonic)
        #: Why the name gave no file at the last look.
        self._absence: Absence | None = None
        #: The last error of reading an open file, to say it once.
        self._trouble = ""
        #: Rotations whose old files are not read to their end yet, and the lines that came from these.
        self._rotations = self._drained_lines = 0

    @property
    def generations(self) -> Sequence[Generation]:
        """What is followed now, oldest first."""
        return self._generations

    @property
    def open_files(self) -> int:
        """How many files it holds open."""
        return sum(generation.is_open for generation in self._generations) + self._adoption.open_files

    def poll(self) -> Look:
        """Look, give each open file its turn, and return what is new.

        At the end of every file the block is empty and ``more`` false. Younger files wait until the older
        ones are read to their end. Raises `NotRegularError` if the first look finds a FIFO or a device.
        """
        notes: list[str] = []
        seen = self._look(notes)
        pieces: list[Piece] = []
        more = False
        for generation in tuple(self._generations):
            if more:  # not its turn yet, but what it was must be known when that comes
                self._check(generation, notes)
                continue
            pieces += self._take_turn(generation, seen, notes)
            more = generation.more or generation not in self._generations
            if generation.is_file(seen):
                generation.quiet_since_s = None
            elif not more and self._is_over(generation):
                pieces += self._retire(generation)
        if self._rotations and not more:
            self._say_rotated(notes)
        return Look(pieces, notes, more)

    def look(self) -> list[str]:
        """Look, and hold open what is new, but read nothing; return the notes."""
        notes: list[str] = []
        self._look(notes)
        for generation in tuple(self._generations):
            self._check(generation, notes)
        return notes

    def finish(self) -> Look:
        """Return the unfinished last line of each open file, oldest first, with a LF added.

        For an end that is wanted, after a `poll` without ``more``; it reads nothing itself.
        """
        pieces = [Piece(it.finish(), it, it.position) for it in self._generations]
        return Look([piece for piece in pieces if piece.block], [])

    def close(self) -> None:
        """Close every file; unfinished lines are forgotten. A second call does nothing."""
        for generation in self._generations:
            generation.close()
        self._generations.clear()
        self._adoption.close()

    def park(self) -> None:
        """Close what is read to its end; it is opened again when it changes."""
        for generation in self._generations:
            if generation.can_be_closed:
                generation.close()

    # Looking

    def _look(self, notes: list[str]) -> Seen | None:
        """See what the name means and what is beside it, open what is new, and note what changed."""
        if self._first_look:
            found = self._look_first(notes)
            self._first_look = False
        else:
            found, opened = self._named()
            new = self._look_beside(opened, notes)
            if new:
                place = self._place_for_new(_seen(found), notes)
                self._generations[place:place] = new
            if len(self._generations) > len(new):
                self._rotations += len(new)
        self._note_absence(found, was_rotated=bool(self._rotations), notes=notes)
        return _seen(found)

    def _look_first(self, notes: list[str]) -> Seen | Absence:
        """See what the name means, and what is beside it from before, at one moment: while no name moves."""
        for attempt in range(1, MOST_ATTEMPTS + 1):
            before = self._beside.siblings()
            found, opened = self._named()
            siblings = self._beside.siblings()
            is_sure = same_places(before, siblings) and self._is_named(found)
            resumed = Resumed([opened] if opened else [], [], siblings, not is_sure)
            if self.unresumed and (is_sure or attempt == MOST_ATTEMPTS):
                resumed = resume(self.unresumed, opened, siblings, self._beside)
            if not resumed.is_unsure or attempt == MOST_ATTEMPTS:
                break
            for generation in resumed.generations:
                self._shared.claims.drop(generation.key)
                generation.close()
        self._generations += resumed.generations
        notes += [f"{self.path}: {note}" for note in resumed.notes]
        self.unresumed = ()
        self._adoption.begin(resumed.old)
        return found

    def _is_named(self, found: Seen | Absence) -> bool:
        now = self._stat()
        if isinstance(found, Absence) or isinstance(now, Absence):
            return type(found) is type(now)
        return key_of(found) == key_of(now)

    def _named(self) -> tuple[Seen | Absence, Generation | None]:
        """What the name means now; opened, if that is new."""
        found = self._stat()
        if decide(self._known(_seen(found)), _seen(found)) in (Decision.OPEN, Decision.ROTATED):
            return self._open()
        return found, None

    def _place_for_new(self, seen: Seen | None, notes: list[str]) -> int:
        """Where what is new goes: last, but before a file that the name meant all the time."""
        last = self._generations[-1] if self._generations else None
        if last is None or not last.is_file(seen) or self._adoption.is_beside(last):
            return len(self._generations)
        self._check(last, notes)  # if it was truncated, its rest is older than what is new
        return len(self._generations) - 1

    def _stat(self) -> Seen | Absence:
        try:
            result = os.stat(self.path)
        except OSError as error:
            return _absence(self.path, error)
        return seen_of(result) if stat.S_ISREG(result.st_mode) else self._not_regular(result.st_mode)

    def _not_regular(self, mode: int) -> Absence:
        if self._first_look and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            raise NotRegularError(self.path)
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        return Absence(f"{kind}, waiting for a regular file", "appeared")

    def _known(self, seen: Seen | None) -> Known | None:
        """What is held of the file seen; of the youngest file if that is not held; None if none is."""
        held = [generation for generation in self._generations if generation.is_file(seen)]
        return next((generation.known for generation in (*held, *self._generations[-1:])), None)

    def _open(self) -> tuple[Seen | Absence, Generation | None]:
        """Open what the name means by now, which need not be what stat saw; None if there is nothing new."""
        try:
            contents = open_file(self.path)
        except OSError as error:
            return _absence(self.path, error), None
        if contents is None:
            return Absence("not a regular file, waiting for a regular file", "appeared"), None
        try:
            return self._open_contents(contents)
        except OSError as error:
            contents.close()
            return _absence(self.path, error), None

    def _open_contents(self, contents: FileContents) -> tuple[Seen | Absence, Generation | None]:
        seen = contents.seen()
        owner = self._shared.claims.owner(key_of(seen))
        is_compressed = contents.is_compressed()
        if owner or is_compressed:
            contents.close()
            if owner is self:
                return seen, None
            return _COMPRESSED if is_compressed else _FOLLOWED_ELSEWHERE, None
        generation = Generation(contents, self._start if self._first_look and not self.unresumed else WHOLE)
        left = self._shared.claims.take(key_of(seen), self)
        if left and left.guard == generation.read(len(left.guard), left.offset_bytes - len(left.guard)):
            # Followed before, as what another name meant then.
            generation = Generation(generation.let_go(), FromOffset(left.offset_bytes))
        return seen, generation

    def _look_beside(self, opened: Generation | None, notes: list[str]) -> list[Generation]:
        """What is new, oldest first, ``opened`` in its place."""
        try:
            new = self._adoption.look(opened)
        except OSError as error:
            self._note_trouble(error, notes)
            return []
        notes += [f"{self.path}: {note}" for note in self._beside.notes]
        self._beside.notes.clear()
        return new

    def _note_absence(self, found: Seen | Absence, was_rotated: bool, notes: list[str]) -> None:
        absence = found if isinstance(found, Absence) else None
        if absence and absence != self._absence and absence.why:
            notes.append(f"{self.path}: {absence.why}")
        elif not absence and self._absence and self._absence.ended and not was_rotated:
            notes.append(f"{self.path}: {self._absence.ended}")
        self._absence = absence

    # Reading

    def _take_turn(self, generation: Generation, seen: Seen | None, notes: list[str]) -> list[Piece]:
        pieces = []
        for _ in range(TURN_BLOCKS):
            block = self._step(generation, seen, notes)
            if self._rotations and generation is not self._generations[-1]:
                self._drained_lines += block.count(b"\n")
            if block:
                pieces.append(Piece(block, generation, generation.position))
            if not generation.more or generation.decision is not Decision.READ:
                break
        return pieces

    def _check(self, generation: Generation, notes: list[str]) -> None:
        """Find out whether a file still is what was seen of it, without reading on."""
        try:
            if generation.is_open and generation.check() is not Decision.READ:
                self._go_on_elsewhere(generation, notes)
        except OSError as error:
            self._note_trouble(error, notes)

    def _step(self, generation: Generation, seen: Seen | None, notes: list[str]) -> bytes:
        try:
            if not generation.is_open and not self._reopen(generation, seen, notes):
                return b""
            block = generation.step(seen)
            if generation.decision in (Decision.TRUNCATED, Decision.REWRITTEN):
                self._go_on_elsewhere(generation, notes)
        except OSError as error:
            # Said once, tried again at each look: by the name, since a network may have forgotten the file.
            self._note_trouble(error, notes)
            generation.grew = generation.more = False
            if error.errno in (errno.ESTALE, errno.EIO):
                generation.close()
            return b""
        if block:
            self._trouble = ""
        notes += [f"{self.path}: {note}" for note in generation.notes]
        generation.notes.clear()
        return block

    def _note_trouble(self, error: OSError, notes: list[str]) -> None:
        trouble = error.strerror or str(error)
        if trouble != self._trouble:
            notes.append(f"{self.path}: {trouble}")
        self._trouble = trouble

    def _reopen(self, generation: Generation, seen: Seen | None, notes: list[str]) -> bool:
        """Open a file again that was closed to save descriptors, if there is anything to read in it."""
        if generation.is_file(seen):
            contents = None if generation.is_idle(seen) else open_file(self.path)
        else:
            sibling = self._beside.find(generation.key)
            if sibling is None:
                notes.append(f"{self.path}: rotated and removed while it was closed for want of descriptors")
                self._retire(generation)
                return False
            contents = None if generation.is_idle(sibling.seen) else self._beside.open(sibling)
        if contents is None:
            generation.grew = generation.more = False
            return False
        generation.reopen(contents)
        return True

    def _go_on_elsewhere(self, generation: Generation, notes: list[str]) -> None:
        """The file was truncated or rewritten: read the rest from its copy, then the file afresh."""
        if self._may_be_stale(generation):
            return
        index = self._generations.index(generation)
        offset, unread_bytes = generation.known.offset_bytes, generation.unread_bytes
        copy = self._beside.find_copy(generation.content)
        if copy:
            fresh = Generation(generation.move_to(copy.contents))
            said = f"{max(0, generation.size_bytes - offset):,} bytes recovered from {copy.name}"
            if isinstance(copy.contents, CompressedContents):
                said = f"the rest of it is read from {copy.name}"
            self._generations.insert(index + 1, fresh)
        else:
            fresh = Generation(generation.let_go())
            said = (
                f"up to {unread_bytes:,} bytes could not be recovered"
                if unread_bytes
                else "no unread bytes were seen in it"
            )
            self._adoption.remember(generation)
            self._generations[index] = fresh
        notes.append(f"{self.path}: truncated, {said}")
        generation.more = fresh.more = True

    def _may_be_stale(self, generation: Generation) -> bool:
        """Whether a file is too short only because a network or an overlay told an old size."""
        if generation.decision is not Decision.TRUNCATED or is_local(generation.known.dev):
            return False
        now_s = self._monotonic()
        if generation.short_since_s is None:
            generation.short_since_s = now_s
        return now_s - generation.short_since_s < SHORT_WAIT_S

    def _say_rotated(self, notes: list[str]) -> None:
        times = "" if self._rotations == 1 else f" {self._rotations} times"
        lines = "1 line" if self._drained_lines == 1 else f"{self._drained_lines:,} lines"
        notes.append(f"{self.path}: rotated{times}, {lines} drained, 0 lost")
        self._rotations = self._drained_lines = 0

    def _is_over(self, generation: Generation) -> bool:
        """Whether a file without its name, read to its end, has stood still for long enough."""
        now_s = self._monotonic()
        if generation.grew or generation.quiet_since_s is None:
            generation.quiet_since_s = now_s
        return now_s - generation.quiet_since_s >= self._rotate_wait_s

    def _retire(self, generation: Generation) -> list[Piece]:
        self._generations.remove(generation)
        generation.close()
        self._adoption.remember(generation)
        self._shared.claims.leave(generation.key, generation.content)
        line = generation.finish()
        return [Piece(line, generation, generation.position)] if line else []


def _seen(found: Seen | Absence) -> Seen | None:
    return found if isinstance(found, Seen) else None


_COMPRESSED = Absence("compressed, not followed (w3c-parse reads it)", "appeared")
_FOLLOWED_ELSEWHERE = Absence("", "")


def _absence(path: str, error: OSError) -> Absence:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Absence("waiting for it to appear", "appeared")
    if error.errno == errno.EACCES:
        return Absence(f"permission denied ({rights(path)})", "readable now")
    return Absence(f"{error.strerror or error}, trying again", "readable now")
