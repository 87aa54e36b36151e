"""The files beside one log that are named as its rotated generations are: found, opened, claimed."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import NamedTuple

from w3ctools.core.siblings import Content, Sibling, rotated_names, stem
from w3ctools.edge.compressed import CannotDecompress
from w3ctools.edge.follow.claims import Claims, Key, key_of
from w3ctools.edge.follow.contents import CompressedContents, Contents, FileContents, open_file, seen_of
from w3ctools.edge.follow.copies import holds
from w3ctools.edge.follow.folder import Folders
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.start import WHOLE, Start

#: A name that moves while its file is opened is looked for so often.
MOST_MOVES = 5


class Copy(NamedTuple):
    """A file that holds the lines of a generation, and perhaps more of them."""

    name: str
    contents: Contents


class Beside:
    """What stands beside the log at ``path``. What is opened to be read is claimed for ``owner``."""

    def __init__(self, path: str, folders: Folders, claims: Claims, owner: object) -> None:
        self._path = path
        self._folders = folders
        self._resolved = ""
        self.follow_link()
        self._claims = claims
        self._owner = owner
        #: Diagnostics, without the log's name. The owner takes them out.
        self.notes: list[str] = []

    def follow_link(self) -> bool:
        """Go where the name leads now, since the rotator works where the file is; whether that is new."""
        before, self._resolved = self._resolved, os.path.realpath(self._path)
        if self._resolved == before:
            return False
        folder, self._name = os.path.split(self._resolved)
        self.folder = self._folders.of(folder)
        self._pattern = rotated_names(self._name)
        return True

    def siblings(self) -> list[Sibling]:
        """The regular files there now."""
        self.folder.look()
        found = []
        for name in self.folder.starting_with(stem(self._name)):
            if not self._pattern.fullmatch(name):
                continue
            try:
                result = os.stat(os.path.join(self.folder.path, name), follow_symlinks=False)
            except OSError:  # it has gone since the folder was listed
                continue
            if stat.S_ISREG(result.st_mode):
                found.append(Sibling(name, seen_of(result)))
        return found

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
                contents = open_file(self._path_of(now))
                if contents and key_of(contents.seen()) == key:
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
        path = self._path_of(sibling)
        try:
            return contents.expanded(path)
        except CannotDecompress as error:
            self.notes.append(f"cannot look for its lines in {sibling.name}: {error}")
        except OSError as error:
            self.notes.append(f"cannot look for its lines in {sibling.name}: {error.strerror}")
        return None

    def find_copy(self, content: Content) -> Copy | None:
        """Open the newest file beside the log that holds the lines of a generation, and claim it."""
        for sibling in sorted(self.siblings(), key=lambda sibling: -sibling.seen.mtime_ns):
            contents = self.open_free(sibling)
            copy = contents and self._holding(content, sibling, contents)
            if copy:
                self._claims.take(key_of(sibling.seen), self._owner)
                return Copy(sibling.name, copy)
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

    def _path_of(self, sibling: Sibling) -> str:
        return os.path.join(self.folder.path, sibling.name)
