"""Generations that nobody saw under the log's own name: rotated away between two looks, or copied.

Every look compares what stands beside the log with what stood there before. A new file whose content is not
one that was read is a generation that was missed: it is adopted. One whose content is known is a copy, from
which the rest is read when the log itself is truncated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

from w3ctools.core.siblings import HEAD_BYTES, Content, Relation, Sibling, oldest_first
from w3ctools.edge.follow.beside import Beside, same_places
from w3ctools.edge.follow.claims import Claims, Key, key_of
from w3ctools.edge.follow.contents import FileContents
from w3ctools.edge.follow.copies import compare, is_beginning
from w3ctools.edge.follow.generation import Generation

#: A file that could be a copy being made, or has no line yet, is judged once it has stood still for so long.
STANDSTILL_S = 5.0
#: An empty one is held as long as any other file that was rotated.
EMPTY_S = 300.0
#: As many closed generations are known by their content.
REMEMBERED = 32
#: The beginnings of as many files beside the log are known.
MOST_PLAIN = 256
#: While names go on moving, so many looks are waited for their end.
MOST_UNSTEADY_LOOKS = 50


class _Known(NamedTuple):
    """A sibling that was there before; more than its number, since numbers are used again."""

    mtime_ns: int
    size_bytes: int
    head_bytes: int
    head_hash: int

    def is_beginning_of(self, head: bytes) -> bool:
        return self.head_bytes > 0 and hash(head[: self.head_bytes]) == self.head_hash


class _Pending(NamedTuple):
    """A new file that cannot be judged yet. It is held open: its name may go."""

    sibling: Sibling
    contents: FileContents
    since_s: float


class Adoption:
    """What is new beside one log. ``generations`` is the owner's list, oldest first; it is only looked at."""

    def __init__(
        self,
        beside: Beside,
        generations: Sequence[Generation],
        claims: Claims,
        monotonic: Callable[[], float],
    ) -> None:
        self._beside = beside
        self._generations = generations
        self._claims = claims
        self._monotonic = monotonic
        self._version = -1
        #: What stood there at the last look, if there was one: at the first, all that stands there is old.
        self._known: dict[Key, _Known] = {}
        self._has_looked = False
        #: What stood there lately: what is compressed was.
        self._plain: deque[_Known] = deque(maxlen=MOST_PLAIN)
        self._pending: dict[Key, _Pending] = {}
        #: What stood there at the last look that was steady.
        self._now: dict[Key, Sibling] = {}
        #: What the name meant at looks that were unsteady; their place in the order is not known yet.
        self._opened: list[Generation] = []
        self._unsteady_looks = 0
        #: What was adopted in this look.
        self._adopted: dict[Sibling, Generation] = {}
        #: Contents of generations that were closed.
        self._remembered: deque[Content] = deque(maxlen=REMEMBERED)
        #: A file that came into being since the last look that is sure to have seen all was written to since.
        self._since_ns = -1

    @property
    def open_files(self) -> int:
        """How many descriptors are held for files that cannot be judged yet."""
        return len(self._pending) + len(self._opened)

    def begin(self, siblings: Sequence[Sibling]) -> None:
        """Know what stood beside the log before."""
        if self._beside.is_there:
            self._hold_new(siblings, 0)

    def look(self, opened: Generation | None) -> list[Generation]:
        """Return what is new, oldest first: ``opened``, which the name meant just now, and what is beside it.

        While names are moving, nothing is new yet: what came out of turn would be out of order. What stood
        there at `begin`, or at the first look into a folder that was not there, is old.
        """
        if opened:
            self._opened.append(opened)
            self._know(self._beside.follow_link())
        beside = self._beside
        version = beside.look()
        if not beside.is_there:
            return self._rank() if self._pending else self._take_opened()
        since_ns = self._since_ns
        if beside.is_settled or not self._has_looked:
            newest_ns = max((generation.known.mtime_ns for generation in self._generations), default=-1)
            self._since_ns = max(beside.mtime_ns, newest_ns)
        if version == self._version and not self._pending:
            return self._take_opened()
        siblings, is_steady = self._scan()
        self._version = version
        self._hold_new(siblings, since_ns)
        if not is_steady and self._generations and self._unsteady_looks < MOST_UNSTEADY_LOOKS:
            self._unsteady_looks += 1
            self._version = -1
            return []
        self._unsteady_looks = 0
        self._now = {key_of(sibling.seen): sibling for sibling in siblings}
        return self._rank()

    def is_beside(self, generation: Generation) -> bool:
        """Whether a generation stood beside the log at the last look, not under the log's own name."""
        return generation.key in self._now

    def remember(self, generation: Generation) -> None:
        """Know a generation that is read to its end, or whose file holds something else by now."""
        content, known = generation.content, generation.known
        self._remembered.append(content)
        self._known[generation.key] = _Known(
            known.mtime_ns, known.offset_bytes, len(content.head), hash(content.head)
        )

    def close(self) -> None:
        """Close the files that could not be judged."""
        for pending in self._pending.values():
            pending.contents.close()
        for generation in self._take_opened():
            generation.close()
        self._pending.clear()

    # What is new

    def _scan(self) -> tuple[list[Sibling], bool]:
        """What stands beside the log, and whether that is all: a scan can miss a name that moves."""
        siblings = self._beside.siblings()
        if not self._has_looked:
            return siblings, True
        again = self._beside.siblings()
        return again, same_places(siblings, again)

    def _hold_new(self, siblings: Sequence[Sibling], since_ns: int) -> None:
        """Open what was not there at the look before, and know from now on what is there."""
        before, is_first = self._known, not self._has_looked
        self._has_looked = True
        # While names move, one can be missed: it is not forgotten for that.
        self._known = {} if self._beside.is_settled else dict(before)
        for sibling in siblings:
            key, seen = key_of(sibling.seen), sibling.seen
            if self._claims.owner(key) or key in self._pending:
                continue
            known = before.get(key)
            if known and (known.mtime_ns, known.size_bytes) == (seen.mtime_ns, seen.size_bytes):
                self._known[key] = known
                continue
            contents = self._beside.open(sibling)
            if contents is None:
                continue
            head = contents.read(HEAD_BYTES, 0)
            self._known[key] = self._print_of(sibling, head)
            has_grown = known is not None and known.is_beginning_of(head)
            if is_first or seen.mtime_ns < since_ns or has_grown:
                contents.close()
            else:
                self._pending[key] = _Pending(sibling, contents, self._monotonic())

    def _know(self, siblings: Sequence[Sibling]) -> None:
        """Take what stands in a place that was not looked at before for old."""
        for sibling in siblings:
            contents = self._beside.open_free(sibling)
            if contents:
                self._known[key_of(sibling.seen)] = self._print_of(sibling, contents.read(HEAD_BYTES, 0))
                contents.close()

    def _print_of(self, sibling: Sibling, head: bytes) -> _Known:
        known = _Known(sibling.seen.mtime_ns, sibling.seen.size_bytes, len(head), hash(head))
        self._plain.append(known)
        return known

    def _rank(self) -> list[Generation]:
        """Judge what is held, and put what is new in order."""
        for candidate in sorted(self._take_pending(), key=_fullest_first):
            try:
                generation = self._consider(candidate)
            except OSError:  # of the log, or of what is beside it: judged at the next look
                self._pending[key_of(candidate.sibling.seen)] = candidate
                continue
            if generation:
                self._adopted[candidate.sibling] = generation
        new, self._adopted = self._adopted, {}
        opened = self._take_opened()
        removed = [generation for generation in opened if generation.is_removed]
        named = []
        for generation in opened:
            sibling = self._now.get(generation.key)
            if sibling:  # rotated away since
                new[sibling] = generation
            elif generation not in removed:
                named.append(generation)
        return [*removed, *(new[it] for it in oldest_first([*new], self._predecessor(opened))), *named]

    def _take_opened(self) -> list[Generation]:
        opened, self._opened = self._opened, []
        return opened

    def _take_pending(self) -> list[_Pending]:
        """What is held to be judged, by its name now, its time begun anew where it has changed."""
        taken = []
        for key, (sibling, contents, since_s) in self._pending.items():
            seen = contents.seen()
            if seen != sibling.seen:
                since_s = self._monotonic()
            path = self._now[key].path if key in self._now else sibling.path
            taken.append(_Pending(Sibling(path, seen), contents, since_s))
        self._pending.clear()
        return taken

    def _consider(self, new: _Pending) -> Generation | None:
        """Adopt a new file, hold it until it can be judged, or leave it alone because it is a copy."""
        key = key_of(new.sibling.seen)
        relation = self._relation(new)
        if relation is Relation.BEGINNING and self._monotonic() - new.since_s >= _patience_s(new):
            is_done = not new.sibling.seen.size_bytes or self._is_beginning(new)
            relation = Relation.COPY if is_done else Relation.OTHER
        if relation is Relation.BEGINNING:
            self._pending[key] = new
        elif relation is Relation.OTHER and not self._claims.owner(key):
            return self._beside.adopt(new.sibling, new.contents)
        else:
            self._known[key] = self._print_of(new.sibling, new.contents.read(HEAD_BYTES, 0))
            new.contents.close()
        return None

    def _relation(self, new: _Pending) -> Relation:
        """Compare a new file with all that was read; OTHER if nobody has seen what it holds."""
        if not new.contents.is_compressed():
            relation = compare(new.contents, self._followed(), self._remembered)
            # What was empty a moment ago can be what gzip has just begun to write.
            return Relation.BEGINNING if new.contents.is_compressed() else relation
        expanded = self._beside.expand(new.sibling, new.contents)
        if expanded is None:
            return Relation.COPY  # it cannot be read, and that was said
        with closing(expanded):
            head = expanded.read(HEAD_BYTES, 0)
            relation = compare(expanded, self._followed(), self._remembered)
            if relation is not Relation.OTHER:
                return relation
            if any(known.is_beginning_of(head) for known in self._plain):
                return Relation.COPY  # of what stood beside the log uncompressed
            return Relation.OTHER if expanded.is_whole() else Relation.BEGINNING

    def _is_beginning(self, new: _Pending) -> bool:
        if new.contents.is_compressed():
            return True
        return is_beginning(new.contents, self._followed(), self._remembered)

    def _followed(self) -> list[Generation]:
        """All that the owner has, or gets from this look."""
        return [*self._generations, *self._opened, *self._adopted.values()]

    def _predecessor(self, opened: Sequence[Generation]) -> str | None:
        """The name by now of the newest generation that stands beside the log and came before ``opened``."""
        for generation in reversed(self._generations):
            sibling = self._now.get(generation.key)
            if sibling and generation not in opened:
                return sibling.path
        return None


def _fullest_first(new: _Pending) -> tuple[bool, int, int]:
    """An order in which a file comes before a copy of its beginning, and a file before its equal copy."""
    seen = new.sibling.seen
    return (not new.contents.is_compressed(), -seen.size_bytes, -seen.mtime_ns)


def _patience_s(new: _Pending) -> float:
    return STANDSTILL_S if new.sibling.seen.size_bytes else EMPTY_S
