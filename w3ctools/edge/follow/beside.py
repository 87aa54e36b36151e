"""The files beside one log that are named as its rotated generations are: found, opened, claimed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from w3ctools.core.siblings import Content, Sibling, rotated_names, stem
from w3ctools.edge.compressed import CannotDecompress
from w3ctools.edge.follow.claims import Claims, Key, key_of
from w3ctools.edge.follow.contents import CompressedContents, Contents, FileContents, open_file, seen_of
from w3ctools.edge.follow.copies import holds
from w3ctools.edge.follow.folder import Folder, Folders
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.start import WHOLE, Start

#: A name that moves while its file is opened is looked for so often.
MOST_MOVES = 5
#: A link that is switched again and again leaves this many places behind.
MOST_SPOTS = 4


class Copy(NamedTuple):
    """A file that holds the lines of a generation, and perhaps more of them."""

    name: str
    contents: Contents


class _Spot(NamedTuple):
    """Where a log's rotated generations are looked for."""

    folder: Folder
    prefix: str
    names: re.Pattern[str]

    def siblings(self) -> list[Sibling]:
        """The regular files of these names, as the folder was listed last."""
        found = []
        for name in self.folder.starting_with(self.prefix):
            path = os.path.join(self.folder.path, name)
            try:
                result = os.stat(path, follow_symlinks=False) if self.names.fullmatch(name) else None
            except OSError:  # it has gone since the folder was listed
                continue
            if result and stat.S_ISREG(result.st_mode):
                found.append(Sibling(path, seen_of(result)))
        return found


class Beside:
    """What stands beside the log at ``path``. What is opened to be read is claimed for ``owner``.

    Where the name is a link, a rotator works where the link is or where the file is, so both are looked at,
    and for what was rotated there before, where the file was.
    """

    def __init__(self, path: str, folders: Folders, claims: Claims, owner: object) -> None:
        self._path = path
        self._folders = folders
        self._claims = claims
        self._owner = owner
        self._spots: dict[str, _Spot] = {}
        self._add_spot(os.path.abspath(path))
        self.follow_link()
        #: Diagnostics, without the log's name. The owner takes them out.
        self.notes: list[str] = []

    def look(self) -> int:
        """List what has changed; return a number that moves on when anything has."""
        return sum(spot.folder.look() for spot in self._spots.values())

    @property
    def is_there(self) -> bool:
        """Whether there is a folder to look at."""
        return any(spot.folder.is_there for spot in self._spots.values())

    @property
    def is_settled(self) -> bool:
        """Whether the last look is sure to have seen every name."""
        return all(spot.folder.is_settled for spot in self._spots.values())

    @property
    def mtime_ns(self) -> int:
        """When a name came or went last, by the file system's clock."""
        return max(spot.folder.mtime_ns for spot in self._spots.values())

    def follow_link(self) -> list[Sibling]:
        """Go also where the name leads now; return what stands there already."""
        path = os.path.realpath(self._path)
        if path in self._spots:
            return []
        if len(self._spots) >= MOST_SPOTS:
            del self._spots[[*self._spots][1]]  # the first is where the name itself stands
        spot = self._add_spot(path)
        spot.folder.look()
        return spot.siblings()

    def siblings(self) -> list[Sibling]:
        """The regular files there now."""
        self.look()
        return [sibling for spot in self._spots.values() for sibling in spot.siblings()]

    def _add_spot(self, path: str) -> _Spot:
        folder, name = os.path.split(path)
        spot = _Spot(self._folders.of(folder), stem(name), rotated_names(name))
        self._spots[path] = spot
        return spot

    def find(self, key: Key) -> Sibling | None:
        """Where a file stands by now, if it still does."""
        return next((sibling for sibling in self.siblings() if key_of(sibling.seen) == key), None)

    def open(self, sibling: Sibling) -> FileContents | None:
        """Open a sibling, wherever its name has moved meanwhile; None if it has gone or cannot be read."""
        key = key_of(sibling.seen)
        now: Sibling | None = sibling
        for _ in range(MOST_MOVES):
            if now is None:
                break
            with suppress(OSError):
                contents = open_file(now.path)
                if contents and key_of(contents.seen()) == key and _can_be_read(contents):
                    return contents
                if contents:
                    contents.close()
            now = self.find(key)
        return None

    def open_free(self, sibling: Sibling) -> FileContents | None:
        """Open a sibling that nobody follows."""
        return None if self._claims.owner(key_of(sibling.seen)) else self.open(sibling)

    def adopt(self, sibling: Sibling, contents: FileContents, start: Start = WHOLE) -> Generation | None:
        """Read a file from ``start`` on, or what it expands to, and claim it for the owner."""
        source: Contents | None = contents
        if contents.is_compressed():
            source = self.expand(sibling, contents)
            contents.close()
        if source is None:
            return None
        try:
            generation = Generation(source, start)
        except OSError:
            source.close()
            return None
        self._claims.take(key_of(sibling.seen), self._owner)
        return generation

    def expand(self, sibling: Sibling, contents: FileContents) -> CompressedContents | None:
        """What a compressed sibling expands to, from its beginning; None, with a note, if that fails."""
        try:
            return contents.expanded(sibling.path)
        except (CannotDecompress, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self.notes.append(f"cannot look for its lines in {os.path.basename(sibling.path)}: {why}")
        return None

    def find_copy(self, content: Content) -> Copy | None:
        """Open the newest file beside the log that holds the lines of a generation, and claim it."""
        for sibling in sorted(self.siblings(), key=lambda sibling: -sibling.seen.mtime_ns):
            contents = self.open_free(sibling)
            copy = contents and self._holding(content, sibling, contents)
            if copy:
                self._claims.take(key_of(sibling.seen), self._owner)
                return Copy(os.path.basename(sibling.path), copy)
        return None

    def _holding(self, content: Content, sibling: Sibling, contents: FileContents) -> Contents | None:
        """Return what to read of a file, if it holds the content: itself, or what it expands to.

        The file given is closed unless it is what is returned.
        """
        if not contents.is_compressed():
            if holds(content, contents):
                return contents
            contents.close()
            return None
        expanded = self.expand(sibling, contents)
        is_copy = expanded is not None and holds(content, expanded)
        if expanded:
            expanded.close()
        # Afresh: what was expanded to compare is gone.
        found = self.expand(sibling, contents) if is_copy else None
        contents.close()
        return found


def same_places(siblings: Sequence[Sibling], others: Sequence[Sibling]) -> bool:
    """Whether the same files have the same names."""
    return [(it.path, key_of(it.seen)) for it in siblings] == [(it.path, key_of(it.seen)) for it in others]


def _can_be_read(contents: FileContents) -> bool:
    """Whether the disk, or the network, gives its first byte."""
    try:
        contents.read(1, 0)
    except OSError:
        return False
    return True
