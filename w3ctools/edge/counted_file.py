"""Files of a log, or of summaries, read as the pieces of `w3ctools.core.pieces`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from w3ctools.core.parse import PATIENCE_BYTES
from w3ctools.core.pieces import SUMMARIES, Grouping, LogCounting, Piece, Seen, SummaryCounting
from w3ctools.core.split import OwnLines, Range
from w3ctools.edge.compressed import CannotDecompress, is_compressed, open_maybe_compressed
from w3ctools.edge.permissions import why_unreadable
from w3ctools.edge.streams import READ_BYTES


def count_range(one: Range, interval_s: int, limit_s: int | None = None) -> Piece:
    """Count the lines of a range. A file that cannot be read is told of in the piece, not raised."""
    try:
        grouping = Grouping(interval_s, limit_s)
        if one.end is None:
            return _count_file(one.path, grouping)
        return _count_lines(one.path, one.begin, one.end, grouping)
    except CannotDecompress as error:
        return Piece(Seen(one.path, one.begin, problem=str(error)), [])
    except OSError as error:
        return Piece(Seen(one.path, one.begin, problem=f"{one.path}: {why_unreadable(one.path, error)}"), [])


def files_of(path: str) -> list[str]:
    """The file itself, or the regular files of a folder, in order, without hidden ones. Raises OSError."""
    if not os.path.isdir(path):
        return [path]
    with os.scandir(path) as entries:
        return sorted(entry.path for entry in entries if entry.name[0] != "." and entry.is_file())


def is_in_lines(path: str) -> bool:
    """Whether a file can be read in ranges: neither compressed nor made of summaries. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not is_compressed(fd) and os.pread(fd, len(SUMMARIES), 0) != SUMMARIES
    finally:
        os.close(fd)


def _count_file(path: str, grouping: Grouping) -> Piece:
    with open_maybe_compressed(path) as file:
        blocks = iter(lambda: os.read(file.fd, READ_BYTES), b"")
        first = _at_least(len(SUMMARIES), blocks)
        if first.startswith(SUMMARIES):
            piece = _feed_summaries(SummaryCounting(path, grouping), first, blocks)
        else:
            piece = _feed_log(LogCounting(path, 0, grouping), first, blocks)
        problem = file.problem or piece.seen.problem
    return piece._replace(seen=piece.seen._replace(problem=problem))


def _at_least(size_bytes: int, blocks: Iterator[bytes]) -> bytes:
    first = b""
    while len(first) < size_bytes and (block := next(blocks, b"")):
        first += block
    return first


def _feed_summaries(counting: SummaryCounting, first: bytes, blocks: Iterator[bytes]) -> Piece:
    counting.feed(first)
    for block in blocks:
        counting.feed(block)
    return counting.flush()


def _feed_log(counting: LogCounting, first: bytes, blocks: Iterator[bytes]) -> Piece:
    counting.feed(first)
    for block in blocks:
        if counting.is_hopeless:
            break
        counting.feed(block)
    return counting.flush()


def _count_lines(path: str, begin: int, end: int, grouping: Grouping) -> Piece:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        counting = LogCounting(path, begin, grouping)
        head_end = _feed_head(counting, lambda at: os.pread(fd, READ_BYTES, at))
        if head_end is None or 0 < begin < head_end:
            counting.unsure()
            return counting.flush()
        lines = OwnLines(max(begin, head_end), end)
        at = lines.read_from
        while not lines.is_done and (data := os.pread(fd, READ_BYTES, at)):
            counting.feed_range(lines.feed(data))
            at += len(data)
        return counting.flush()
    finally:
        os.close(fd)


def _feed_head(counting: LogCounting, read: Callable[[int], bytes]) -> int | None:
    """Feed the first lines, until they tell the format; gives their end, None where they do not tell."""
    end = 0
    while end < PATIENCE_BYTES:
        data = read(end)
        lines = data[: data.rfind(b"\n") + 1]
        if not lines:
            return None
        counting.feed_head(lines)
        end += len(lines)
        if counting.is_settled:
            return end
    return None
