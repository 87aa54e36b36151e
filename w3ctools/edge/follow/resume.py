"""Find again what an earlier run was reading, wherever rotation has put it meanwhile.

A file's number alone proves nothing, since numbers are used again, and its first bytes alone prove nothing,
since every log in the W3C extended format has the same: the first bytes and those before the saved place
must be what they were.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

from w3ctools.core.checkpoint import Place, Resume, print_of
from w3ctools.core.siblings import COMPRESSED, Relation, Sibling, oldest_first
from w3ctools.edge.follow.beside import Beside, same_places
from w3ctools.edge.follow.claims import Key, key_of
from w3ctools.edge.follow.contents import FileContents
from w3ctools.edge.follow.copies import compare
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.start import FromOffset


class Resumed(NamedTuple):
    """What is to be read, oldest first, and what there is to say about it."""

    generations: list[Generation]
    notes: list[str]
    #: What stands beside the log and is not to be read. Of the rest, that must still be found out.
    old: list[Sibling]
    #: Files came or went meanwhile: what was not found may have moved.
    is_unsure: bool


def resume(
    places: Sequence[Resume], opened: Generation | None, siblings: Sequence[Sibling], beside: Beside
) -> Resumed:
    """Return the generations at ``places``, those that came after them, and the one that the name means.

    ``places`` are oldest first; each comes with the offset to read on from, which is not after the place's
    own. ``opened`` is what the name means now, opened at its beginning, ``siblings`` what stood beside it
    then. What is found there is claimed.
    """
    return _Resume(opened, siblings, beside).run(places)


class _Resume:
    def __init__(self, opened: Generation | None, siblings: Sequence[Sibling], beside: Beside) -> None:
        self._opened = opened
        self._beside = beside
        self._siblings = siblings
        self._notes: list[str] = []
        self._old: list[Sibling] = []
        self._is_named_found = False
        #: A place or a file was not found.
        self._has_missed = False

    def run(self, places: Sequence[Resume]) -> Resumed:
        generations = []
        last = None
        for place, offset in places:
            found = self._find_named(place, offset) or self._find_beside(place, offset)
            if found:
                generations.append(found)
                last = found
            else:
                self._note_missing(place, is_last=place is places[-1][0])
        # A file that was empty proves nothing: what was written to it since may be in a copy by now.
        is_proven = self._is_named_found and places[-1].place.head.length_bytes > 0
        if is_proven:
            self._old = [*self._siblings]
        else:
            younger = self._younger([place for place, _ in places], last)
            place_of_younger = len(generations) - self._is_named_found
            generations[place_of_younger:place_of_younger] = younger
        if self._opened:  # it is none of them
            generations.append(self._opened)
        is_unsure = self._has_missed and not same_places(self._siblings, self._beside.siblings())
        return Resumed(generations, self._notes, self._old, is_unsure)

    def _find_named(self, place: Place, offset: int) -> Generation | None:
        """Go on in the file that the name means, if it is the one."""
        opened = self._opened
        if opened is None or not _holds(place, opened.read, opened.key):
            return None
        self._opened, self._is_named_found = None, True
        return Generation(opened.let_go(), FromOffset(offset))

    def _find_beside(self, place: Place, offset: int) -> Generation | None:
        """Go on in a rotated file: the same, or one that holds the same, be it compressed."""
        key = (place.device, place.inode)
        by_age = sorted(self._siblings, key=lambda sibling: -sibling.seen.mtime_ns)
        for sibling in sorted(by_age, key=lambda sibling: key_of(sibling.seen) != key):
            contents = self._beside.open_free(sibling)
            if contents and self._is_at(place, sibling, contents):
                return self._beside.adopt(sibling, contents, FromOffset(offset))
            if contents:
                contents.close()
        return None

    def _is_at(self, place: Place, sibling: Sibling, contents: FileContents) -> bool:
        if not contents.is_compressed():
            return _holds(place, contents.read, key_of(sibling.seen))
        expanded = self._beside.expand(sibling, contents)
        if expanded is None:
            return False
        with closing(expanded):
            return _holds(place, expanded.read, key_of(sibling.seen))

    def _younger(self, places: Sequence[Place], last: Generation | None) -> list[Generation]:
        """Adopt what came after the places: written to later, and no copy of them."""
        since_ns = places[-1].mtime_ns
        names = {sibling.path for sibling in self._siblings}
        younger = {}
        for sibling in self._siblings:
            stem, extension = os.path.splitext(sibling.path)
            is_twin = extension in COMPRESSED and stem in names  # being compressed just now
            if sibling.seen.mtime_ns < since_ns:
                self._old.append(sibling)
                continue
            contents = None if is_twin else self._beside.open_free(sibling)
            if contents is None:
                self._has_missed = self._has_missed or not is_twin
                continue
            is_of_last = last and compare(contents, [last], []) is not Relation.OTHER
            if is_of_last or any(self._is_at(place, sibling, contents) for place in places):
                self._old.append(sibling)
                contents.close()
                continue
            generation = self._beside.adopt(sibling, contents)
            if generation:
                younger[sibling] = generation
        names_now = {key_of(sibling.seen): sibling.path for sibling in self._siblings}
        predecessor = names_now.get(last.key) if last else None
        return [younger[sibling] for sibling in oldest_first([*younger], predecessor)]

    def _note_missing(self, place: Place, *, is_last: bool) -> None:
        self._has_missed = True
        if place.unread_bytes:
            self._notes.append(f"{place.unread_bytes:,} bytes that were not read yet can no longer be found")
        elif is_last and place.offset_bytes:
            self._notes.append("the file read last can no longer be found; lines added since may be lost")


def _holds(place: Place, read: Callable[[int, int], bytes], key: Key) -> bool:
    """Whether a file, or what it expands to, has the content that was read up to the place."""
    if not place.head.length_bytes:  # it was empty
        return key == (place.device, place.inode)
    guard_bytes = place.guard.length_bytes
    return (
        print_of(read(place.head.length_bytes, 0)) == place.head
        and print_of(read(guard_bytes, place.offset_bytes - guard_bytes)) == place.guard
    )
