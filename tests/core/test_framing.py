"""Bytes into lines: any chunking of any bytes gives the same lines, in bounded memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.framing import LineFramer, Overlong

LIMIT, HEAD = 8, 3

data_of_short_lines = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r\n", b"a", b"1234567", b"12345678", b"123456789"]), st.binary(max_size=4)
    )
).map(b"".join)


def _lines(framer: LineFramer, chunks: list[bytes]) -> list[bytes | Overlong]:
    """All lines, blocks taken apart at LF; each still with its LF."""
    items = [item for chunk in chunks for item in framer.feed(chunk)] + framer.flush()
    lines: list[bytes | Overlong] = []
    for item in items:
        if isinstance(item, Overlong):
            lines.append(item)
        else:
            assert item.endswith(b"\n")
            lines += [line + b"\n" for line in item[:-1].split(b"\n")]
    return lines


def _by_hand(data: bytes) -> list[bytes | Overlong]:
    pieces = data.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    return [Overlong(piece[:HEAD], len(piece)) if len(piece) > LIMIT else piece + b"\n" for piece in pieces]


def _chunks(data: bytes, size_bytes: int) -> list[bytes]:
    return [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)]


SMALL = b"first\n\n\nsecond\r\n12345678\n123456789\n1234567890123456789012\nx\xff\x00\x85\n\n123456789"


@pytest.mark.parametrize("size_bytes", range(1, len(SMALL) + 1))
def test_a_small_input_in_chunks_of_any_size_gives_the_same_lines(size_bytes: int) -> None:
    assert _lines(LineFramer(LIMIT, HEAD), _chunks(SMALL, size_bytes)) == _by_hand(SMALL)


@given(data_of_short_lines, st.lists(st.integers(0, 12)))
def test_any_input_in_any_chunks_gives_the_same_lines(data: bytes, sizes: list[int]) -> None:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    assert _lines(LineFramer(LIMIT, HEAD), [*chunks, data[at:]]) == _by_hand(data)


@given(data_of_short_lines)
def test_any_input_below_the_limit_comes_out_unchanged(data: bytes) -> None:
    framer = LineFramer(max_line_bytes=1000)
    whole = b"".join(item for item in [*framer.feed(data), *framer.flush()] if isinstance(item, bytes))
    assert whole == (data if data.endswith(b"\n") or not data else data + b"\n")


@pytest.mark.parametrize(
    "separator",
    [
        pytest.param(b"\r", id="CR"),
        pytest.param(b"\x0b", id="VT"),
        pytest.param(b"\x0c", id="FF"),
        pytest.param(b"\x1c", id="FS"),
        pytest.param(b"\x1d", id="GS"),
        pytest.param(b"\x1e", id="RS"),
        pytest.param(b"\x85", id="NEL as one byte"),
        pytest.param(b"\xc2\x85", id="NEL in UTF-8"),
        pytest.param(b"\xe2\x80\xa8", id="line separator"),
        pytest.param(b"\xe2\x80\xa9", id="paragraph separator"),
        pytest.param(b"\x00", id="NUL"),
    ],
)
def test_another_line_separator_than_lf_is_data(separator: bytes) -> None:
    assert LineFramer(100).feed(b"a" + separator + b"b\n") == [b"a" + separator + b"b\n"]


@pytest.mark.parametrize(
    ("chunks", "items"),
    [
        pytest.param([b"1234567\n"], [b"1234567\n"], id="one below"),
        pytest.param([b"12345678\n"], [b"12345678\n"], id="at the limit"),
        pytest.param([b"123456789\n"], [Overlong(b"123", 9)], id="one above"),
        pytest.param([b"12345678", b"\n"], [b"12345678\n"], id="at the limit, LF in another chunk"),
        pytest.param([b"123456789", b"\n"], [Overlong(b"123", 9)], id="one above, LF in another chunk"),
        pytest.param([b"1234", b"5678\n"], [b"12345678\n"], id="at the limit, over two chunks"),
        pytest.param([b"1234", b"56789\n"], [Overlong(b"123", 9)], id="one above, over two chunks"),
        pytest.param(
            [b"1", b"2", b"345678901234", b"5\n"], [Overlong(b"123", 15)], id="far above, over many chunks"
        ),
        pytest.param([b"12345678"], [b"12345678\n"], id="at the limit, no LF"),
        pytest.param([b"123456789"], [Overlong(b"123", 9)], id="one above, no LF"),
        pytest.param([b"12345678", b"9"], [Overlong(b"123", 9)], id="one above, no LF, over two chunks"),
        pytest.param(
            [b"a\n123456789\nb\n"], [b"a\n", Overlong(b"123", 9), b"b\n"], id="one above between short ones"
        ),
        pytest.param(
            [b"123456789", b"0\na\nb\n"], [Overlong(b"123", 10), b"a\nb\n"], id="one above, then a block"
        ),
        pytest.param(
            [b"a\n12345678\nb\nc\n"],
            [b"a\n12345678\nb\nc\n"],
            id="a block above the limit of lines at most at it",
        ),
        pytest.param(
            [b"123456789\n123456789\n"], [Overlong(b"123", 9), Overlong(b"123", 9)], id="two above in a row"
        ),
    ],
)
def test_a_line_above_the_limit_is_given_by_its_head_and_size(
    chunks: list[bytes], items: list[bytes | Overlong]
) -> None:
    framer = LineFramer(LIMIT, HEAD)
    assert [item for chunk in chunks for item in framer.feed(chunk)] + framer.flush() == items


@pytest.mark.parametrize("size_bytes", [1, 9, 10])
def test_a_head_longer_than_the_line_ends_where_the_line_ends(size_bytes: int) -> None:
    framer = LineFramer(max_line_bytes=8, head_bytes=100)
    items = [item for chunk in _chunks(b"123456789\n", size_bytes) for item in framer.feed(chunk)]
    assert items == [Overlong(b"123456789", 9)]


def test_whole_lines_of_one_chunk_come_as_one_block() -> None:
    assert LineFramer(100).feed(b"a\nb\nc") == [b"a\nb\n"]


def test_an_unfinished_line_waits_for_its_end() -> None:
    framer = LineFramer(100)
    assert (framer.feed(b"a"), framer.feed(b"b\n")) == ([], [b"ab\n"])


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([], id="no chunk"),
        pytest.param([b""], id="an empty chunk"),
        pytest.param([b"a\n", b""], id="a whole line"),
        pytest.param([b"123456789\n"], id="an overlong line"),
    ],
)
def test_an_input_without_unfinished_line_leaves_nothing_at_its_end(chunks: list[bytes]) -> None:
    framer = LineFramer(LIMIT, HEAD)
    for chunk in chunks:
        framer.feed(chunk)
    assert framer.flush() == []


def test_a_second_flush_gives_nothing() -> None:
    framer = LineFramer(100)
    framer.feed(b"a")
    framer.flush()
    assert framer.flush() == []


def test_a_line_without_end_holds_no_more_than_the_limit_and_a_chunk() -> None:
    limit, chunk = 1 << 18, 1 << 14
    framer = LineFramer(limit, head_bytes=1 << 10)
    held = []
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(4 * limit // chunk):
            framer.feed(bytes(chunk))
            held.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert max(held) <= limit + chunk + (1 << 12)  # the lists and objects around the bytes


def test_a_block_far_above_the_limit_is_split_in_linear_time() -> None:
    block = b"a line of some length\n" * 200_000
    assert LineFramer(1 << 16).feed(block) == [block]
