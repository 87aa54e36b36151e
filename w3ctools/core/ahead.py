"""Blocks of a log that are parsed ahead, by another process, while their turn has not come.

What a line becomes can depend on the lines before it, but a format's fast path depends on none. So it may be
taken for any block at any time: lines that it does not take stay as they are, for `LogParser.feed_ahead`,
which gets to them in their turn. The output is the same as without, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from w3ctools.core.formats.format import BlockParser

#: Larger pieces would leave the cache.
PIECE_BYTES = 32 << 10

_encode = msgspec.msgpack.Encoder().encode


class Stretch(NamedTuple):
    """Lines in a row that the fast path has taken, and the line behind them that it has not."""

    lines: int
    output: bytes
    #: Without its LF; None at the end of a piece.
    odd: bytes | None


_decode = msgspec.msgpack.Decoder(list[Stretch]).decode


def parse_ahead(fast: BlockParser, block: bytes) -> bytes:
    """Whole lines -> their stretches, as bytes that `read_ahead` reads."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    return _encode([stretch for piece in _pieces(block) for stretch in stretches(*fast.parse(piece))])


def read_ahead(message: bytes) -> list[Stretch]:
    """What `parse_ahead` gave."""
    return _decode(message)


def _pieces(block: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(block):
        end = block.find(b"\n", min(begin + PIECE_BYTES, len(block)) - 1) + 1
        yield block[begin:end]
        begin = end


def stretches(rendered: Sequence[str | None], rows: Sequence[tuple[str, ...]]) -> Iterator[Stretch]:
    """What `BlockParser.parse` gave, as stretches."""
    if None not in rendered:
        yield Stretch(len(rendered), "".join(rendered).encode(), None)  # type: ignore[arg-type]
        return
    taken: list[str] = []
    for line, row in zip(rendered, rows, strict=True):
        if line is None:
            yield Stretch(len(taken), "".join(taken).encode(), row[-1].encode("latin-1"))
            taken = []
        else:
            taken.append(line)
    if taken:
        yield Stretch(len(taken), "".join(taken).encode(), None)
