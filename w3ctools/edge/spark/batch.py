"""Files counted once, by the workers of a cluster.

All that workers do is a function of the files, and what counts is what they return, never what they do on the
side: so a task that is repeated, because its worker was lost, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from w3ctools.core.pieces import Part, Piece, Seen, leading_seconds, together, unsure_paths
from w3ctools.core.split import Range, whole
from w3ctools.edge.counted_file import count_range

#: What a worker sums up, and the driver then holds, at once.
_PARTITION_BYTES = 32 << 20

#: By path and begin of a piece: where its leading lines count.
_Leading = dict[tuple[str, int], int | None]


class Counted(NamedTuple):
    """What the files hold."""

    seen: list[Seen]
    #: By the first second of their intervals, in order; taken from the workers as they are asked for.
    parts: Iterator[tuple[int, Part]]


def count(context: Any, bundles: list[list[Range]], interval_s: int) -> Counted:
    """Count the ranges, each bundle in a task of its own; `context` is a pyspark.SparkContext."""
    from pyspark import StorageLevel

    def pieces_of(bundles: list[list[Range]]) -> tuple[Any, list[tuple[Seen, int]]]:
        pieces = context.parallelize(bundles, len(bundles)).flatMap(partial(_count_bundle, interval_s))
        # Or whoever asks next has all of it counted again.
        pieces.persist(StorageLevel.MEMORY_AND_DISK)
        return pieces, pieces.map(_seen).collect()

    pieces, seen = pieces_of(bundles)
    unsure = unsure_paths(one for one, _ in seen)
    if unsure:
        whole_files, seen_whole = pieces_of([[whole(path)] for path in sorted(unsure)])
        pieces = pieces.filter(partial(_is_sure, unsure)).union(whole_files)
        seen = [(one, size) for one, size in seen if one.path not in unsure] + seen_whole
    placed = pieces.flatMap(partial(_placed, leading_seconds(one for one, _ in seen), interval_s))
    partitions = max(context.defaultParallelism, sum(size for _, size in seen) // _PARTITION_BYTES)
    parts = placed.groupByKey(partitions).mapValues(_sum).sortByKey(numPartitions=partitions)
    return Counted([one for one, _ in seen], parts.toLocalIterator())


def _count_bundle(interval_s: int, bundle: list[Range]) -> Iterator[Piece]:
    return (count_range(one, interval_s) for one in bundle)


def _seen(piece: Piece) -> tuple[Seen, int]:
    return piece.seen, sum(len(part.packed) for _, part in piece.parts)


def _is_sure(unsure: set[str], piece: Piece) -> bool:
    return piece.seen.path not in unsure


def _placed(leading: _Leading, interval_s: int, piece: Piece) -> Iterator[tuple[int, tuple[str, int, Part]]]:
    path, begin = piece.seen.path, piece.seen.begin
    for key, part in piece.placed(leading[path, begin], interval_s):
        yield key, (path, begin, part)


def _sum(parts: Iterable[tuple[str, int, Part]]) -> Part:
    """In the order of files and lines, as beyond 10,000 keys estimates depend on it."""
    return together([part for *_, part in sorted(parts, key=_place)])


def _place(part: tuple[str, int, Part]) -> tuple[str, int]:
    return part[:2]
