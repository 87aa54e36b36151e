"""Follow many files: those named, and those that patterns match, also later.

Every file gets its turn. Descriptors are kept within a budget: a file that is read to
its end can be closed, and is opened again when it changes.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from w3ctools.core.checkpoint import FollowedFile, Place, Resume, print_of
from w3ctools.core.delivery import Delivery
from w3ctools.edge.follow.claims import Claims
from w3ctools.edge.follow.folder import Folders
from w3ctools.edge.follow.follower import ROTATE_WAIT_S, Follower, Look, Shared
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.start import WHOLE, Start

#: How often patterns are looked at.
GLOB_S = 1.0

T = TypeVar("T")


class Saved(NamedTuple):
    """What an earlier run has left: the names it was given, and the places to go on at."""

    names: Sequence[str]
    #: By path: where to go on, oldest first.
    places: Mapping[str, Sequence[Resume]]


class Watch:
    """Followers of all files that ``names`` mean: paths, and patterns where no file has that name.

    ``start`` holds for files that are there at the first look and that no earlier run followed; what comes
    later is read from its beginning.
    """

    def __init__(
        self,
        names: Sequence[str],
        start: Start,
        monotonic: Callable[[], float],
        *,
        open_files: int,
        rotate_wait_s: float = ROTATE_WAIT_S,
        saved: Saved | None = None,
    ) -> None:
        self._names = names
        self._patterns = [name for name in names if is_pattern(name)]
        self._start = start
        self._monotonic = monotonic
        self._budget = open_files
        self._rotate_wait_s = rotate_wait_s
        self._saved = saved or Saved((), {})
        self._shared = Shared(Folders(monotonic), Claims())
        self._followers: dict[str, Follower] = {}
        #: Those with open files, and how many each has; the one busy last at the end.
        self._opened: OrderedDict[Follower, int] = OrderedDict()
        self._open_files = 0
        self._globbed_s = 0.0
        for name in names:
            if not is_pattern(name):
                self._follow(name, is_new=os.path.abspath(name) not in self._saved.names)
        self._glob(is_first=True)

    @property
    def is_many(self) -> bool:
        """Whether lines can come from more than one file."""
        return len(self._names) > 1 or bool(self._patterns)

    def turns(self) -> Iterator[tuple[str, Look]]:
        """Poll every file once, in turns; each path with what was found. See `Follower.poll` for errors."""
        self._glob_when_due()
        for follower in tuple(self._followers.values()):
            yield follower.path, self._visit(follower, follower.poll)

    def look(self) -> list[str]:
        """Look at every file and hold open what is new, but read nothing; return the notes."""
        self._glob_when_due()
        return [note for it in tuple(self._followers.values()) for note in self._visit(it, it.look)]

    def finish(self) -> Iterator[tuple[str, Look]]:
        """The unfinished last lines, for an end that is wanted; see `Follower.finish`."""
        for follower in self._followers.values():
            yield follower.path, follower.finish()

    def close(self) -> None:
        """Close every file."""
        for follower in self._followers.values():
            follower.close()

    @property
    def rotated_unread(self) -> tuple[int, int]:
        """Files held open that no longer have the name, and the bytes in them that were not read yet."""
        rotated = [it for follower in self._followers.values() for it in follower.generations[:-1]]
        return len(rotated), sum(generation.unread_bytes for generation in rotated)

    @property
    def generations(self) -> list[Generation]:
        """All that is followed now."""
        return [generation for follower in self._followers.values() for generation in follower.generations]

    def files(self, delivery: Delivery, now_s: float) -> tuple[FollowedFile, ...]:
        """Where every file is, as far as the reader has taken what came from it."""
        files = []
        for path, follower in self._followers.items():
            saved = [resume.place for resume in follower.unresumed]
            now = [_place(generation, delivery, now_s) for generation in follower.generations]
            files.append(FollowedFile(os.path.abspath(path), (*saved, *now)))
        return tuple(files)

    def _follow(self, path: str, *, is_new: bool) -> None:
        if path not in self._followers:
            places = self._saved.places.get(os.path.abspath(path), ())
            start = self._start if is_new and not places else WHOLE
            self._followers[path] = Follower(
                path,
                start,
                self._monotonic,
                shared=self._shared,
                rotate_wait_s=self._rotate_wait_s,
                places=places,
            )

    def _glob_when_due(self) -> None:
        if self._patterns and self._monotonic() - self._globbed_s >= GLOB_S:
            self._glob(is_first=False)

    def _glob(self, *, is_first: bool) -> None:
        self._globbed_s = self._monotonic()
        matched = set()
        for pattern in self._patterns:
            was_saved = os.path.abspath(pattern) in self._saved.names
            for path in sorted(glob.glob(pattern, recursive=True)):
                if os.path.isfile(path):
                    matched.add(path)
                    self._follow(path, is_new=is_first and not was_saved)
            for path in self._saved.places if is_first and was_saved else ():
                if _matches(path, os.path.abspath(pattern)):  # rotated away just now, or gone
                    self._follow(path, is_new=False)
        for path in self._followers.keys() - matched - {*self._names} if not is_first else ():
            if not self._followers[path].generations:  # it is gone for good
                self._followers.pop(path).close()

    def _visit(self, follower: Follower, call: Callable[[], T]) -> T:
        """Let it do something, with descriptors to do it, and keep count of these."""
        self._make_room(follower)
        found = call()
        self._count(follower)
        if follower in self._opened and isinstance(found, Look) and found.pieces:
            self._opened.move_to_end(follower)
        return found

    def _make_room(self, follower: Follower) -> None:
        """Close files that are read to their end, those first that were quiet for longest."""
        for other in [*self._opened] if self._open_files >= self._budget else ():
            if other is not follower:
                other.park()
                self._count(other)
            if self._open_files < self._budget:
                return

    def _count(self, follower: Follower) -> None:
        open_files = follower.open_files
        self._open_files += open_files - self._opened.get(follower, 0)
        if open_files:
            self._opened[follower] = open_files
        else:
            self._opened.pop(follower, None)


def is_pattern(name: str) -> bool:
    """Whether a FILE is a pattern; one that is the name of a file is that file."""
    return glob.has_magic(name) and not os.path.lexists(name)


def _matches(path: str, pattern: str) -> bool:
    return "**" in pattern or (
        os.path.dirname(path) == os.path.dirname(pattern) and fnmatch.fnmatchcase(path, pattern)
    )


def _place(generation: Generation, delivery: Delivery, now_s: float) -> Place:
    position = delivery.position(generation) or generation.origin
    content, known = generation.content, generation.known
    return Place(
        device=known.dev,
        inode=known.ino,
        head=print_of(content.head),
        guard=print_of(position.guard),
        offset_bytes=position.offset_bytes,
        size_bytes=generation.size_bytes,
        mtime_ns=known.mtime_ns,
        past=delivery.past(generation, now_s),
    )
