"""The follower against a model: random stories of a writer, a rotator and an administrator, in a real folder.

A story is a list of words, each a method of `World` (what happens to the files) or of `Watch` (what the
follower does). One that fails is made as short as it goes; ``tell(words)`` tells it again, and the diary in
its message says what stood where and what came out. Every piece of a line is a number that is written once,
so that whatever comes out says where it was written, and no file looks like another.

The promise that is held here, word for word:

1. Nothing is torn. What comes out is a line that once stood whole in a followed file or its copy; or the
   unfinished end of one, if that file was truncated, or stood without its name for `ROTATE_WAIT_S`, or was
   rotated before the first look.
2. Nothing comes twice, be it by its copies, by its other names or by its file's return.
3. Nothing comes that the start leaves out: what was in rotated files before the first look, with
   ``FromEnd(0)`` also what was in the file itself, and old backups put back into the folder.
4. Nothing is missing. After polling until there is no more, every whole line has come that stands in a held
   file. Held is, from any look on (`Follower.look` and `Follower.poll` alike),

   - the file that the name means, also by a link;
   - every rotated file beside it that is not empty and came there after the first look into the folder;
   - every copy of one, by a rotator or a compressor, with lines that have not come and stand in no other.

   A held file stays held when it is renamed, deleted or compressed. What is cut off by a truncation is no
   longer in it: that is promised only where a copy stands beside it at the look that finds it out. Once a
   file has had another name or none and has not grown for `ROTATE_WAIT_S` at a poll, lines that are written
   to it later may be missing, until a look finds them under the name.
5. Within a file, between two truncations, lines keep their order. In what comes out between two actions,
   those of an older file come first, unless that was written to after the younger one was made.

Not promised, and so in no story: a folder where rotated files have names of two styles, whose order nobody
can tell; before Linux 6.13 a rewrite to the same size within the tick of the last look; and lines that no
look has seen in the file, if somebody copies them by hand under a rotated name, and it is rotated as well.
Where a file is truncated and then loses its name, both between two looks, what it held before and after may
come in either order.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.edge.follow.contents import BLOCK_BYTES
from w3ctools.edge.follow.follower import ROTATE_WAIT_S, TURN_BLOCKS, Follower
from w3ctools.edge.follow.start import FromEnd, FromLine, Start

NAME = "access.log"

WHOLE = FromLine(1)

#: How many rotated files the rotator keeps.
KEEP = 3

A_TIME_S = 1_700_000_000

#: 2001: older than anything the follower knows.
LONG_AGO_NS = 10**18

LETTERS = bytes.maketrans(b"0123456789", b"abcdefghij")

#: More polls than any story needs.
MANY = 1000

# The words of the stories; those that come more often stand more often.
WRITER = ("write", "write", "write", "write_big", "keep_writing", "keep_writing", "begin_line", "reopen")
RENAMER = ("rotate", "rotate", "rename", "create", "compress")
COPIER = ("copytruncate", "copytruncate", "copy_half", "copy_rest", "truncate_copied")
ADMINISTRATOR = (
    "delete",
    "recreate",
    "truncate",
    "regrow",
    "rewrite",
    "switch_link",
    "move_away",
    "move_back",
    "restore",
)
TIME = ("pause", "idle")
FOLLOWER = ("look", "look", "poll", "drain", "drain", "drain", "end")
# In the first time a copy is judged, in the second it is closed.
EPILOGUE = ("reopen", "drain", "idle", "drain", "idle", "drain", "drain", "end")
WORDS = (*WRITER, *RENAMER, *COPIER, *ADMINISTRATOR, *TIME, *FOLLOWER[:-1])


class File:
    """An inode, as it should be: what stands in it, and its name."""

    def __init__(self, name: str, birth: int, original: File | None = None) -> None:
        #: In the folder, that of a link to it for one elsewhere; "" when it is deleted.
        self.name = name
        #: When it was created or last truncated, on the clock of numbers. A copy has that of its original.
        self.birth = birth
        self.lines: list[bytes] = []
        #: What stands after the last LF.
        self.end = b""
        #: What it is a copy of, by a rotator or a compressor.
        self.original = original
        #: When it was last written to, on the follower's clock.
        self.wrote_s = 0.0

    @property
    def content(self) -> bytes:
        """All bytes of it."""
        return b"\n".join([*self.lines, self.end])

    def origins(self) -> set[File]:
        """Return itself, what it is a copy of, and so on."""
        return {self} | (self.original.origins() if self.original else set())

    def append(self, data: bytes) -> list[bytes]:
        """Add ``data``; return the lines that finished."""
        *lines, self.end = (self.end + data).split(b"\n")
        self.lines += lines
        return lines


class Copying(NamedTuple):
    """What a copytruncate has come to."""

    file: File
    copy: File
    #: The copy has reached the end of the file; it is the turn of the truncation.
    complete: bool


class World:
    """The folder and those who work in it: its public methods are what may happen there.

    One clock of numbers counts lines and births, so that their ages can be compared. Who finds nothing to
    do does nothing, so that every list of words is a story.
    """

    def __init__(self, root: Path, dated: bool) -> None:
        self.now_s = 1000.0
        self.folder = root / "logs"
        self.folder.mkdir()
        #: Every line that ever stood whole in a file of the log.
        self.lines: set[bytes] = set()
        #: Unfinished lines whose rest can no longer come, since their file was truncated.
        self.cut_ends: set[bytes] = set()
        #: Of each number the birth of the content it was written to; of each birth the last number.
        self.birth_of: dict[int, int] = {}
        self.last_of: dict[int, int] = {}
        #: Of each birth the file.
        self.file_of: dict[int, File] = {}
        #: When the follower looked last, on the clock of numbers.
        self.looked_at = 0
        #: Newest first, with the compressed ones.
        self.rotated: list[File] = []
        self._count = 0
        self._elsewhere = root / "elsewhere"
        self._elsewhere.mkdir()
        #: Where the folder is by now.
        self._here = self.folder
        #: Rotated files are named by their time instead of ``.1``, as with dateext and ``dateformat -%s``.
        self._dated = dated
        self._live: File | None = None
        self._linked = False
        #: What the writer holds open. It need not have its name any more.
        self._writer: tuple[int, File] | None = None
        self._copying: Copying | None = None

    @property
    def live(self) -> File | None:
        """What the name means now."""
        return self._live if self.is_here else None

    @property
    def siblings(self) -> list[File]:
        """The rotated files that are there, oldest first."""
        return self.rotated[::-1] if self.is_here else []

    @property
    def is_here(self) -> bool:
        """Whether the folder has its name."""
        return self._here == self.folder

    def be_seen(self) -> None:
        """The follower looks."""
        if self.is_here:
            self.looked_at = self._tick()

    def told(self) -> str:
        """Return what stands where, for the diary."""
        files = [*self.rotated, self._live] if self._live else self.rotated
        there = [f"{file.name} [{short(file.content)}]" for file in files]
        away = "" if self.is_here else "(away) "
        return away + ", ".join(there)

    def check_disk(self) -> None:
        """Fail if the folder is not as the model has it."""
        self.move_back()
        files = [*self.siblings, self._live] if self._live else self.siblings
        for file in files:
            data = self._path(file).read_bytes()
            assert file.content == (gzip.decompress(data) if file.name.endswith(".gz") else data)

    # The writer

    def write(self) -> None:
        """Append a line by the name; the first one makes the file."""
        self._write_by_name(b"\n")

    def write_big(self) -> None:
        """Append a line that one poll does not reach the end of."""
        self._write_by_name(b"\n", TURN_BLOCKS * BLOCK_BYTES)

    def keep_writing(self) -> None:
        """Append a line, or the rest of one, to the file that is open, whatever its name is by now."""
        self._write_to_open(b"\n")

    def begin_line(self) -> None:
        """Append the beginning of a line to the file that is open."""
        self._write_to_open(b"-")

    def reopen(self) -> None:
        """Close the file that is open; the next line to be kept writing opens it by the name."""
        if self._writer:
            os.close(self._writer[0])
        self._writer = None

    # The rotator

    def rotate(self) -> None:
        """Rename the file and make a new one."""
        self.rename()
        self.create()

    def rename(self) -> None:
        """Rename the file, but not a link, as logrotate does."""
        self._end_copying()
        if self._can_be_rotated and self.live:
            file, name = self.live, self._make_room()
            self._rename(file, name)
            self.rotated.insert(0, file)
            self._live = None

    def create(self) -> None:
        """Make the file if there is none."""
        if not self._live and self.is_here:
            self._live = File(NAME, self._tick())
            self._path(self._live).touch()

    def compress(self) -> None:
        """Compress the newest rotated file; its time stays, as with gzip(1)."""
        self._end_copying()
        plain = [file for file in self.siblings if not file.name.endswith(".gz")]
        for file in plain[-1:]:
            compressed = File(f"{file.name}.gz", file.birth, file)
            compressed.append(file.content)
            self.cut_ends.add(file.end)
            times = self._path(file).stat()
            self._path(compressed).write_bytes(gzip.compress(file.content, 1))
            os.utime(self._path(compressed), ns=(times.st_atime_ns, times.st_mtime_ns))
            self.rotated[self.rotated.index(file)] = compressed
            self._unlink(file)

    def copytruncate(self) -> None:
        """Copy the file and empty it, at once."""
        self.copy_half()
        self.truncate_copied()

    def copy_half(self) -> None:
        """Begin to copy the file, its first number at least: no two copies look alike."""
        self._end_copying()
        if self._can_be_rotated and self.live:
            copy = File(self._make_room(), self.live.birth, self.live)
            self.rotated.insert(0, copy)
            self._copying = Copying(self.live, copy, complete=False)
            self._copy(max(len(self.live.content) // 2, len(b"0000")))

    def copy_rest(self) -> None:
        """Go on with the copy up to what is the file's end by now."""
        if self._copying:
            self._copy(len(self._copying.file.content))
            self._copying = self._copying._replace(complete=True)

    def truncate_copied(self) -> None:
        """Empty the file whose copy is complete; what was written since is lost."""
        if self._copying:
            if not self._copying.complete:
                self.copy_rest()
            self._truncate(self._copying.file)
            self._copying = None

    # The administrator

    def delete(self) -> None:
        """Delete the file."""
        self._end_copying()
        if self.live:
            self._unlink(self.live)
            self._live = None

    def recreate(self) -> None:
        """Delete the file and make a new one."""
        self.delete()
        self.create()

    def truncate(self) -> None:
        """Empty the file; what no look has found is lost."""
        self._end_copying()
        if self.live:
            self._truncate(self.live)

    def regrow(self) -> None:
        """Empty the file, then write more than was in it."""
        if self.live:
            self._rewrite(len(self.live.content) + 1)

    def rewrite(self) -> None:
        """Empty the file, then write as much as was in it."""
        if self.live and len(self.live.content) > len(b"0000\n"):
            self._rewrite(len(self.live.content))

    def switch_link(self) -> None:
        """Let the name be a link to a new file elsewhere."""
        self._end_copying()
        if not self.is_here:
            return
        if self._live:
            self._live.name = ""
        self._live = File(NAME, self._tick())
        target, link = self._elsewhere / str(self._count), self._elsewhere / "link"
        target.touch()
        link.symlink_to(target)
        link.rename(self._path(self._live))
        self._linked = True

    def move_away(self) -> None:
        """Rename the folder; what is open is written to all the same."""
        self._move(self._elsewhere / "logs")

    def move_back(self) -> None:
        """Give the folder its name again."""
        self._move(self.folder)

    def restore(self) -> None:
        """Put back an old backup, which is no part of the log."""
        if self.is_here:
            path = self._here / f"{NAME}.{self._tick():04d}.old"
            path.write_bytes(b"old %04d\n" % self._count)
            os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))

    # Time

    def pause(self) -> None:
        """Let more time pass than it takes to write a copy."""
        self._pass(6.0)

    def idle(self) -> None:
        """Let as much time pass as a file without its name is kept; no copying takes that long."""
        self._end_copying()
        self._pass(ROTATE_WAIT_S)

    # What they do it with

    @property
    def _can_be_rotated(self) -> bool:
        """Whether there is a file, and it is none that was made and copied between two looks."""
        if not self.live or self._linked:
            return False
        is_copied = any(copy.content and copy.birth == self.live.birth for copy in self.rotated)
        return not is_copied or int(self.live.content[:4]) < self.looked_at

    def _tick(self) -> int:
        self._count += 1
        return self._count

    def _pass(self, time_s: float) -> None:
        self.now_s += time_s
        self._move_clock(self._elsewhere, self._elsewhere.stat().st_mtime_ns)

    def _move_clock(self, path: Path, before_ns: int) -> None:
        """Stamp a file until it is younger: before Linux 6.13 the clock moves in steps of milliseconds."""
        while path.stat().st_mtime_ns == before_ns:
            os.utime(path)

    def _path(self, file: File) -> Path:
        return self._here / file.name

    def _write_by_name(self, end: bytes, filling_bytes: int = 0) -> None:
        self.create()
        if self.live:
            fd = os.open(self._path(self.live), os.O_WRONLY | os.O_APPEND)
            self._write(fd, self.live, end, filling_bytes)
            os.close(fd)

    def _write_to_open(self, end: bytes) -> None:
        if not self._writer:
            self.create()
            if self.live:
                self._writer = os.open(self._path(self.live), os.O_WRONLY | os.O_APPEND), self.live
        if self._writer:
            self._write(*self._writer, end)

    def _write(self, fd: int, file: File, end: bytes, filling_bytes: int = 0) -> None:
        number = self._tick()
        digits = b"%04d" % number
        # The number again, in letters: no part of a line is like that of another.
        filling = digits.translate(LETTERS) * (filling_bytes // len(digits) + 1)
        data = digits + filling[:filling_bytes] + end
        os.write(fd, data)
        self.lines.update(file.append(data))
        self.birth_of[number] = file.birth
        self.file_of[file.birth] = file
        self.last_of[file.birth] = number
        file.wrote_s = self.now_s

    def _rewrite(self, size_bytes: int) -> None:
        self.truncate()
        self._write_by_name(b"\n", min(size_bytes, MAX_LINE_BYTES) - len(b"0000\n"))

    def _truncate(self, file: File) -> None:
        path = self._path(file)
        before_ns = path.stat().st_mtime_ns
        os.truncate(path, 0)
        self._move_clock(path, before_ns)
        self.cut_ends |= {other.end for other in (file, *self.rotated) if other.birth == file.birth}
        file.lines, file.end, file.birth = [], b"", self._tick()

    def _copy(self, up_to: int) -> None:
        assert self._copying
        file, copy, _ = self._copying
        data = file.content[len(copy.content) : up_to]
        with self._path(copy).open("ab") as stream:
            stream.write(data)
        copy.append(data)

    def _end_copying(self) -> None:
        """The rotator is killed before it truncates; its copy stays."""
        if self._copying and not self._copying.complete:
            self.copy_rest()
        self._copying = None

    def _make_room(self) -> str:
        """Shift the rotated files, delete the oldest, and return the name for the next."""
        while len(self.rotated) >= KEEP:
            self._unlink(self.rotated.pop())
        if self._dated:
            return f"{NAME}-{A_TIME_S + self._tick()}"
        for number, file in reversed(list(enumerate(self.rotated, 2))):
            self._rename(file, f"{NAME}.{number}" + (".gz" if file.name.endswith(".gz") else ""))
        return f"{NAME}.1"

    def _rename(self, file: File, name: str) -> None:
        path = self._path(file)
        file.name = name
        path.rename(self._path(file))

    def _unlink(self, file: File) -> None:
        self._path(file).unlink()
        file.name = ""
        # logrotate leaves links alone, so one ends only here.
        self._linked = self._linked and file is not self._live

    def _move(self, to: Path) -> None:
        if self._here != to:
            self._here.rename(to)
            self._here = to


class Promise:
    """What must come out, what may, and what has come."""

    def __init__(self, world: World, from_end: bool) -> None:
        self._world = world
        self._from_end = from_end
        self._looked = self._looked_inside = False
        #: The files that are, or should be, held open.
        self._held: list[File] = []
        #: The rotated files that were there at a look.
        self._seen: set[File] = set()
        #: What was there before the first look into the folder.
        self._backlog: list[File] = []
        self._left_out: set[bytes] = set()
        #: Lines that only a copy had when the follower could not know of it: the folder was away, or its
        #: original was closed by then, or in the backlog.
        self._out_of_reach: set[bytes] = set()
        #: Lines that stood in a held file at a look.
        self._followed: set[bytes] = set()
        #: Since when a held file is without its name.
        self._nameless_since_s: dict[File, float] = {}
        #: What is promised of a file that may be closed by now: the lines it had then.
        self._promised: dict[File, set[bytes]] = {}
        self._come: set[bytes] = set()
        self._numbers: set[int] = set()
        #: The number that came last, of each birth.
        self._last_come: dict[int, int] = {}
        #: Files that were truncated and lost their name between two looks.
        self._unordered: set[File] = set()
        #: Unfinished lines that have come.
        self._ends: list[bytes] = []

    def look(self) -> None:
        """The follower looks: hold what it must hold."""
        live, siblings = self._world.live, self._world.siblings
        if not self._looked:
            self._start(live, siblings)
        if self._world.is_here and not self._looked_inside:
            self._looked_inside = True
            self._backlog = siblings
        self._seen.update(siblings)
        if live:
            self._hold(live)
        for file in siblings:
            rest = self._only_in(file)
            if not file.origins().isdisjoint([*self._backlog, *self._promised]):
                self._out_of_reach |= rest - self._followed
                rest &= self._followed
            elif not file.original and file.content:
                self._hold(file)
            if rest:
                self._hold(file)
        if not self._world.is_here:
            self._out_of_reach.update(*map(self._only_in, self._world.rotated))
        self._followed.update(*(file.lines for file in self._held))
        for file in self._held:
            self._watch_name(file, file is live)
        self._world.be_seen()

    def poll(self) -> None:
        """The follower polls: it may close what is without its name and has not grown."""
        self.look()
        for file, since_s in self._nameless_since_s.items():
            if self._world.now_s - max(since_s, file.wrote_s) >= ROTATE_WAIT_S:
                self._promised.setdefault(file, set(file.lines))

    def end(self) -> None:
        """The follower ends: unfinished lines may come."""
        for file in self._held:
            self._promised.setdefault(file, set(file.lines))

    def take(self, block: bytes) -> None:
        """Check what has come out of one poll, or of several between two actions."""
        assert block.endswith(b"\n") or not block
        came: set[int] = set()
        for line in block.split(b"\n")[:-1]:
            self._check_line(line)
            for number in map(int, re.findall("[0-9]{4}", short(line))):
                birth = self._world.birth_of[number]
                last = self._last_come.get(birth, 0)
                assert number not in self._numbers, f"twice: {short(line)}"
                assert number > last, f"after later ones of its file: {short(line)}"
                self._numbers.add(number)
                self._last_come[birth] = number
                if line not in self._out_of_reach:
                    youngest = max((it for it in came if self._are_ordered(it, birth)), default=0)
                    in_order = self._world.last_of[birth] > youngest
                    assert in_order, f"after those of a younger file: {short(line)}"
                    came.add(birth)

    def missing(self) -> list[bytes]:
        """Return what is promised and has not come."""
        return sorted(set().union(*map(self._not_come, self._held)))

    def _start(self, live: File | None, siblings: list[File]) -> None:
        self._looked = True
        followed = set(live.lines) if live else set()
        self._left_out = set().union(*(file.lines for file in siblings)) - followed
        if self._from_end:
            self._left_out |= followed

    def _hold(self, file: File) -> None:
        if file not in self._held:
            self._held.append(file)

    def _watch_name(self, file: File, has_name: bool) -> None:
        if has_name:
            self._nameless_since_s.pop(file, None)
            self._promised.pop(file, None)
        else:
            self._nameless_since_s.setdefault(file, self._world.now_s)
            if file.birth > self._world.looked_at:
                self._unordered.add(file)

    def _are_ordered(self, birth: int, other: int) -> bool:
        file = self._world.file_of[birth]
        return file not in self._unordered or file is not self._world.file_of[other]

    def _not_come(self, file: File) -> set[bytes]:
        lines = set(file.lines) - self._come - self._left_out - self._out_of_reach
        lines &= self._promised.get(file, lines)
        return {line for line in lines if not line.startswith(tuple(self._ends))}

    def _only_in(self, file: File) -> set[bytes]:
        others = (other.lines for other in self._held if other is not file)
        return self._not_come(file).difference(*others)

    def _ends_left(self) -> list[bytes]:
        """The unfinished lines of files that may be closed by now, or that need not be held."""
        others = [file for file in self._seen if file.origins().isdisjoint(self._held)]
        return [file.end for file in (*self._promised, *self._backlog, *others)]

    def _check_line(self, line: bytes) -> None:
        assert line, "an empty line"
        assert line not in self._left_out, f"not after the start: {short(line)}"
        if line in self._world.lines:
            self._come.add(line)
        else:
            # Perhaps the rest of a line whose beginning came when its file seemed to have been left.
            wholes = {line, *(end + line for end in self._ends)}
            ends = wholes & {*self._world.cut_ends, *self._ends_left()}
            self._ends += ends
            is_whole = not self._world.lines.isdisjoint(wholes)
            assert ends or is_whole, f"torn, or none of the log: {short(line)}"


class Watch:
    """The follower, and what is written down of it: its public methods are what it may do."""

    def __init__(self, world: World, start: Start) -> None:
        self._follower = Follower(str(world.folder / NAME), start, lambda: world.now_s)
        self._promise = Promise(world, isinstance(start, FromEnd))

    def look(self) -> str:
        """Look at the folder and read nothing, as when the output stands still."""
        self._promise.look()
        return " ".join(self._follower.look())

    def poll(self) -> str:
        """Poll once."""
        self._promise.poll()
        look = self._follower.poll()
        self._promise.take(look.block)
        return told(look.block, look.notes)

    def drain(self) -> str:
        """Poll until there is nothing more."""
        self._promise.poll()
        blocks, notes = [], []
        more = True
        while more:
            look = self._follower.poll()
            blocks.append(look.block)
            notes += look.notes
            more = look.more
            assert len(blocks) < MANY, "there is always more"
        self._promise.take(b"".join(blocks))
        missing = [short(line) for line in self._promise.missing()]
        assert not missing, f"missing: {missing}"
        return told(b"".join(blocks), notes)

    def end(self) -> str:
        """Take the unfinished lines."""
        self._promise.end()
        block = self._follower.finish().block
        self._promise.take(block)
        return told(block, [])

    def close(self) -> None:
        """Close the follower."""
        self._follower.close()


def short(line: bytes) -> str:
    """Return the line for people, its filling left out."""
    return line.translate(None, LETTERS[ord("0") : ord("9") + 1]).decode().replace("\n", " ")


def told(block: bytes, notes: list[str]) -> str:
    """Return what the follower gave, for the diary."""
    return " ".join([*map(short, block.splitlines()), *(f"({note})" for note in notes)])


def files_open_in(folder: str) -> list[str]:
    """Return the paths of the files in ``folder`` that this process holds open."""
    paths = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of iterdir itself is gone
            path = os.readlink(fd)
            if path.startswith(folder) and stat.S_ISREG(os.stat(fd).st_mode):
                paths.append(path)
    return paths


def tell(words: Sequence[str], start: Start = WHOLE, *, dated: bool = False) -> None:
    """Tell a story up to where only the file itself is open, and fail with its diary if it goes wrong."""
    diary = []
    with tempfile.TemporaryDirectory() as root:
        world = World(Path(root), dated)
        watch = Watch(world, start)
        try:
            for word in (*words, *EPILOGUE):
                diary.append(word)
                action = getattr(watch if word in FOLLOWER else world, word)
                diary[-1] += f": {action() or world.told()}"
            world.check_disk()
            kept_open = set(files_open_in(root)) - {os.path.realpath(world.folder / NAME)}
            assert not kept_open, f"kept open: {kept_open}"
            watch.close()
            assert not files_open_in(root), "open after the end"
        except Exception as error:
            raise AssertionError("\n".join([repr(error), *diary])) from error
        finally:
            watch.close()
            world.reopen()


# Stories that once went wrong, told with either start and with names of either style.
TOLD = (
    "write poll copytruncate",
    "write look copytruncate",
    "write look copytruncate write copytruncate",
    "write look copytruncate write rotate",
    "write look write copytruncate write switch_link",
    "look write copytruncate",
    "look write rotate write rotate",
    "write rotate write poll copytruncate",
    # What was in the backlog is compressed, or its folder goes away for a while.
    "write rotate look compress",
    "write copytruncate look compress copytruncate",
    "write copytruncate look move_away look pause look move_back",
    # Compressed before it was read.
    "rotate look write rotate compress",
    "rotate copy_half look write compress",
    "rotate copytruncate look compress",
    "write rotate look rotate begin_line rotate compress",
    "write rotate look write copy_half compress",
    # The copy is older than the truncation, or what is read of the file.
    "write copy_half look copytruncate",
    "look write copy_half copy_rest write look truncate_copied",
    "write look copy_half copy_half write look truncate_copied pause",
    # A copy that stands still while it is empty, or shorter than what was read.
    "rotate look copy_half write look pause look rotate",
    "rotate look copytruncate look move_away",
    "keep_writing look copy_half move_away rotate keep_writing poll move_back idle rotate",
    "write write look regrow copy_half",
    "write look regrow copy_half look rotate",
    # A new file has the number of one that was closed.
    "write look delete poll idle poll write rotate",
    "write look copytruncate compress copytruncate copytruncate look rotate write",
    "write look rotate compress poll idle poll write copytruncate",
    "write look copytruncate compress rotate copytruncate look write copytruncate",
    # What was never read goes before what came into the same file after it.
    "rotate look write rotate write rotate",
    # A copy goes while an older file is being read.
    "write_big look rotate write look copytruncate rotate copytruncate poll rotate",
)


@pytest.mark.parametrize("dated", [False, True], ids=["numbered", "dated"])
@pytest.mark.parametrize("start", [WHOLE, FromEnd(0)], ids=["whole", "from the end"])
@pytest.mark.parametrize("story", TOLD)
def test_story_that_once_went_wrong(story: str, start: Start, dated: bool) -> None:
    tell(story.split(), start, dated=dated)


def stories() -> st.SearchStrategy[list[str]]:
    """Return lists of words: of two levels, since a list alone is seldom long."""
    chapters = st.lists(st.sampled_from(WORDS))
    return st.lists(chapters).map(lambda story: list(chain.from_iterable(story)))


@pytest.mark.parametrize("start", [WHOLE, FromEnd(0)], ids=["whole", "from the end"])
@pytest.mark.parametrize(
    "run",
    [
        pytest.param(settings(max_examples=400, derandomize=True), id="400 stories"),
        pytest.param(settings(max_examples=10_000), id="10,000 others", marks=pytest.mark.full),
    ],
)
def test_no_story_breaks_the_promise(start: Start, run: settings) -> None:
    @settings(run, deadline=None, database=None, print_blob=True)
    @given(words=stories(), dated=st.booleans())
    def any_story(words: list[str], dated: bool) -> None:
        tell(words, start, dated=dated)

    any_story()
