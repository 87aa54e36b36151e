"""Byte ranges of a file: each line belongs to exactly one, however the file is cut and read."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from w3ctools.core.split import OwnLines, Range, bundles, ranges, whole


def own_lines(data: bytes, begin: int, end: int, read_bytes: int) -> bytes:
    """What a reader of ``[begin, end)`` takes for its own."""
    lines = OwnLines(begin, end)
    at, own = lines.read_from, b""
    while not lines.is_done and at < len(data):
        own += lines.feed(data[at : at + read_bytes])
        at += read_bytes
    return own


LOGS = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n", b"d\n"]), max_size=30).map(b"".join)


class TestRanges:
    def test_file_that_fits_is_read_whole(self) -> None:
        assert ranges("a.log", 10, 10) == [Range("a.log", 0, None)] == [whole("a.log")]

    def test_ranges_meet_and_end_with_the_file(self) -> None:
        found = ranges("a.log", 11, 5)
        assert [(one.begin, one.end) for one in found] == [(0, 5), (5, 10), (10, 11)]

    @given(LOGS, st.integers(1, 9), st.integers(1, 9))
    @example(b"a\nb\n", 2, 1)
    @example(b"abcdefgh", 3, 1)
    def test_every_line_belongs_to_the_range_in_which_it_begins(
        self, data: bytes, split_bytes: int, read_bytes: int
    ) -> None:
        begins = [at for at in range(len(data)) if at == 0 or data[at - 1] == 0x0A]
        for begin in range(0, len(data), split_bytes):
            end = min(begin + split_bytes, len(data))
            expected = b"".join(
                data[at : data.find(b"\n", at) + 1 or None] for at in begins if begin <= at < end
            )
            assert own_lines(data, begin, end, read_bytes) == expected

    def test_nothing_is_read_beyond_the_last_line(self) -> None:
        lines = OwnLines(0, 2)
        assert lines.feed(b"a\n") == b"a\n"
        assert lines.is_done


class TestBundles:
    def test_order_is_kept_and_none_costs_too_much(self) -> None:
        costs = [(whole(name), cost) for name, cost in zip("abcdef", (4, 3, 3, 20, 1, 1), strict=True)]
        found = bundles(costs, 10)
        assert ["".join(one.path for one in bundle) for bundle in found] == ["abc", "d", "ef"]

    def test_nothing_makes_no_bundle(self) -> None:
        assert bundles([], 10) == []
