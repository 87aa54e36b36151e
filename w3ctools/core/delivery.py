"""What the reader of our output has really taken, and when.

In: the pieces that went to stdout, and how much of them the pipe still holds. Out: for each generation the
newest place before which everything was taken, and where that place was earlier. Nothing here writes or asks
the clock.

A piece counts as taken when its last byte is. So wherever pieces are put together or forgotten, to hold
memory down, the place that is told can only be too early: lines may come twice, and never not at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import NamedTuple

#: As many places are kept of a generation's past.
HISTORY_ENTRIES = 60
#: With more pieces under way, some are put together. A pipe of 64 KiB holds fewer of 100 bytes each.
MAX_PIECES = 1024


class Position(NamedTuple):
    """A place in a generation's content, between two lines."""

    offset_bytes: int
    #: The bytes right before it, at most 256.
    guard: bytes


class _Piece(NamedTuple):
    """Something written: once so many bytes in all are taken, the generation has reached the position."""

    end_bytes: int
    key: Hashable
    position: Position


class _Track:
    """What was taken of one generation."""

    def __init__(self) -> None:
        self.position: Position | None = None
        #: When it was where, in seconds and bytes, oldest first. All but the first end their step.
        self.past: deque[tuple[float, int]] = deque()
        #: The last piece written, while it is under way.
        self.newest: _Piece | None = None

    def reach(self, position: Position, now_s: float, history_s: float) -> None:
        """Note where it is now."""
        self.position = position
        if history_s <= 0:
            return
        self.forget_before(now_s - history_s)
        # The first entry is kept as it is: a past that is too short is read again from there.
        step_s = history_s / (HISTORY_ENTRIES - 3)
        if len(self.past) > 1 and self.past[-1][0] // step_s == now_s // step_s:
            self.past.pop()
        self.past.append((now_s, position.offset_bytes))

    def forget_before(self, then_s: float) -> None:
        """Forget all that is older, but the newest of it: that is where it was then."""
        while len(self.past) > 1 and self.past[1][0] <= then_s:
            self.past.popleft()


class Delivery:
    """Keeps account of the output. Keys name generations.

    ``history_s`` is how far back `past` must reach; 0 keeps no past. Memory: a position a generation, at
    most `HISTORY_ENTRIES` of its past, and `MAX_PIECES` under way, or four a generation if that is more.
    """

    def __init__(self, history_s: float = 0.0) -> None:
        self._history_s = history_s
        self._tracks: dict[Hashable, _Track] = {}
        #: What the pipe may still hold, in the order of writing.
        self._pieces: deque[_Piece] = deque()
        self._written_bytes = 0

    def begin(self, key: Hashable, position: Position, now_s: float) -> None:
        """Say where the reading of a generation begins, before anything of it is written.

        What is before that place counts as taken. Without this call the past begins only with what was taken
        first, and a rewind would leave that out.
        """
        self.forget(key)
        track = self._tracks[key] = _Track()
        track.reach(position, now_s, self._history_s)

    def wrote(self, key: Hashable, position: Position, size_bytes: int) -> None:
        """Note that all of a piece went to stdout; after it, the generation is at ``position``.

        What belongs to no generation has None for its key. A piece of no bytes moves the position alone.
        """
        self._written_bytes += size_bytes
        if key is None:
            return
        piece = _Piece(self._written_bytes, key, position)
        self._pieces.append(piece)
        self._tracks.setdefault(key, _Track()).newest = piece
        if len(self._pieces) > max(MAX_PIECES, 4 * len(self._tracks)):
            self._thin_out()

    def settle(self, held_bytes: int, now_s: float) -> None:
        """Note how much of the output the pipe still holds: what was written before that is taken.

        Too large a number, where others write to the pipe too or a piece is not yet noted, does no harm.
        """
        taken_bytes = self._written_bytes - held_bytes
        reached: dict[Hashable, _Piece] = {}
        while self._pieces and self._pieces[0].end_bytes <= taken_bytes:
            piece = self._pieces.popleft()
            reached[piece.key] = piece
        for key, piece in reached.items():
            track = self._tracks[key]
            track.reach(piece.position, now_s, self._history_s)
            if track.newest is piece:
                track.newest = None

    def position(self, key: Hashable) -> Position | None:
        """The newest place of a generation before which all was taken; None if nothing was."""
        track = self._tracks.get(key)
        return track.position if track else None

    def past(self, key: Hashable, now_s: float) -> tuple[tuple[float, int], ...]:
        """Where it was how many seconds ago, oldest first: as far back as asked for, and one entry more."""
        track = self._tracks.get(key)
        if track is None:
            return ()
        track.forget_before(now_s - self._history_s)
        return tuple((round(now_s - then_s, 3), offset) for then_s, offset in track.past)

    def is_settled(self, key: Hashable) -> bool:
        """Whether nothing of a generation is still under way."""
        track = self._tracks.get(key)
        return track is None or track.newest is None

    def forget(self, key: Hashable) -> None:
        """Forget a generation, what is under way of it included."""
        if self._tracks.pop(key, None) is not None:
            self._pieces = deque(piece for piece in self._pieces if piece.key != key)

    def _thin_out(self) -> None:
        """Put every second piece together with the next one of its generation, which is to say: forget it.

        The last of a generation stays, or its end would never be taken. The very first stays too, so that
        there is progress however seldom things are settled.
        """
        self._pieces = deque(
            piece
            for number, piece in enumerate(self._pieces)
            if number % 2 == 0 or piece is self._tracks[piece.key].newest
        )
