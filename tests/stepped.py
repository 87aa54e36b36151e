"""A follower that tests step by hand, on a clock that they move."""

from __future__ import annotations

from pathlib import Path

from w3ctools.core.checkpoint import Resume
from w3ctools.edge.follow.follower import Follower
from w3ctools.edge.follow.start import WHOLE, Start


class Tail:
    """Follows one log."""

    def __init__(self, path: Path, start: Start = WHOLE, places: tuple[Resume, ...] = ()) -> None:
        self.now_s = 1000.0
        self.path = path
        self.follower = Follower(str(path), start, lambda: self.now_s, places=places)
        #: What was said and not yet taken, without the path that each must name.
        self.notes: list[str] = []

    def read(self) -> bytes:
        """Poll until there is nothing more."""
        blocks = []
        more = True
        while more:
            look = self.follower.poll()
            assert look.block.endswith(b"\n") or not look.block
            blocks.append(look.block)
            prefix = f"{self.path}: "
            assert all(note.startswith(prefix) for note in look.notes)
            self.notes += [note.removeprefix(prefix) for note in look.notes]
            more = look.more
        return b"".join(blocks)

    def take_notes(self) -> list[str]:
        """The notes since the last call."""
        notes, self.notes = self.notes, []
        return notes
