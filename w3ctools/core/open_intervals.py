"""Intervals that are still open while a log's pieces come in: each is given once, when the log is past it.

How far the log is, its own stamps say, and the summaries of hosts in which nothing happened. A stamp that is
later than its file moves nothing. What comes for an interval that was given is given by itself: sums stay
exact, and nothing is dropped. So is what lies in the future, which would have to be kept for as long.
Memory: the intervals of the lateness, and of `AHEAD_S`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from w3ctools.core.pieces import Part, Piece, together

#: Clocks differ: a stamp may be so much later than the moment at which its file was last written.
AHEAD_S = 300


class Open(NamedTuple):
    """What is known and was not given."""

    #: How far the log is, in Unix seconds.
    newest_s: int | None = None
    #: By the first second of an interval, in order.
    parts: list[tuple[int, Part]] = []  # noqa: RUF012  # never changed


class Came(NamedTuple):
    """A file that was counted, whole."""

    piece: Piece
    #: No stamp of it should be later.
    limit_s: int


class Advance(NamedTuple):
    """What came of new files."""

    open: Open
    #: What is complete, or came too late, in order.
    given: list[tuple[int, Part]]


encode_open, encode_came = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Encoder().encode
decode_open = msgspec.msgpack.Decoder(Open).decode
decode_came = msgspec.msgpack.Decoder(Came).decode


def advance(before: Open, came: Iterable[Came], interval_s: int, lateness_s: int) -> Advance:
    """Files came. An interval is complete when the log is `lateness_s` past its end."""
    known = {key: [part] for key, part in before.parts}
    newest_s = before.newest_s
    ahead: dict[int, list[Part]] = {}
    for piece, limit_s in sorted(came, key=_path):
        seen = piece.seen
        if seen.newest_s is not None:
            newest_s = seen.newest_s if newest_s is None else max(newest_s, seen.newest_s)
        for key, part in piece.placed(seen.first_s, interval_s):
            (ahead if key > limit_s else known).setdefault(key, []).append(part)
    complete = [key for key in known if newest_s is None or key + interval_s + lateness_s <= newest_s]
    given = [(key, together(known.pop(key))) for key in complete]
    given += [(key, together(parts)) for key, parts in ahead.items()]
    return Advance(
        Open(newest_s, [(key, together(known[key])) for key in sorted(known)]), sorted(given, key=_key)
    )


def _path(came: Came) -> str:
    return came.piece.seen.path


def _key(part: tuple[int, Part]) -> int:
    return part[0]
