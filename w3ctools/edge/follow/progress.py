"""How far the reader of our output has come, written to the state file.

At most once a second, since a save waits for the disk, and once more at the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from w3ctools.core.checkpoint import Checkpoint, rewind
from w3ctools.core.delivery import Delivery, Position
from w3ctools.core.timestamp import rfc3339
from w3ctools.edge.follow.follower import Piece
from w3ctools.edge.follow.generation import Generation
from w3ctools.edge.follow.watch import Saved, Watch
from w3ctools.edge.state import StateFile
from w3ctools.edge.streams import Output

#: The shortest time between two saves.
SAVE_S = 1.0
#: At the end, the reader gets so long to take what the pipe holds.
LAST_TAKE_S = 2.0
_NOWHERE = Position(0, b"")


def load_saved(state: StateFile[Checkpoint], rewind_s: float) -> Saved | None:
    """What an earlier run has left, moved back by ``rewind_s``; None if there was none. Raises StateError."""
    checkpoint = state.load()
    if checkpoint is None:
        return None
    return Saved(checkpoint.names, {file.path: rewind(file, rewind_s) for file in checkpoint.files})


class Progress:
    """Saves where ``watch`` is; ``names`` are the FILEs as they were given.

    ``say`` gets one line when the state cannot be saved, which stops nothing.
    """

    def __init__(
        self,
        state: StateFile[Checkpoint],
        names: Sequence[str],
        watch: Watch,
        output: Output,
        say: Callable[[str], None],
        *,
        rewind_s: float,
    ) -> None:
        self._state = state
        self._names = tuple(os.path.abspath(name) for name in names)
        self._watch = watch
        self._output = output
        self._say = say
        self._delivery = Delivery(rewind_s)
        self._begun: set[Generation] = set()
        self._saved_s = -SAVE_S
        self._changed = True

    def wrote(self, piece: Piece) -> None:
        """Note that all of a piece went to stdout."""
        self._begin(piece.generation)
        self._delivery.wrote(piece.generation, piece.position, len(piece.block))
        self._changed = True

    def wrote_source(self, size_bytes: int) -> None:
        """Note that a line of our own went to stdout."""
        self._delivery.wrote(None, _NOWHERE, size_bytes)

    def save_when_due(self) -> None:
        """Save, if something has changed and the last save is long enough ago."""
        now_s = time.monotonic()
        if self._changed and now_s - self._saved_s >= SAVE_S:
            self._save(now_s)

    def finish(self) -> None:
        """Save for the last time, after the reader had a while to take what the pipe holds."""
        deadline_s = time.monotonic() + LAST_TAKE_S
        while self._output.held_bytes() and self._output.is_read and time.monotonic() < deadline_s:
            time.sleep(0.01)
        self._save(time.monotonic())
        self._state.close()

    def _save(self, now_s: float) -> None:
        held_bytes = self._output.held_bytes()
        self._changed, self._saved_s = held_bytes > 0, now_s
        self._delivery.settle(held_bytes, now_s)
        generations = self._watch.generations
        for generation in generations:
            self._begin(generation)
        for gone in self._begun.difference(generations):
            if self._delivery.is_settled(gone):
                self._delivery.forget(gone)
                self._begun.remove(gone)
        saved_at = rfc3339(int(time.time())) or ""
        trouble = self._state.save(
            Checkpoint(self._names, self._watch.files(self._delivery, now_s), saved_at)
        )
        if trouble:
            self._say(trouble)

    def _begin(self, generation: Generation) -> None:
        if generation not in self._begun:
            self._begun.add(generation)
            self._delivery.begin(generation, generation.origin, time.monotonic())
