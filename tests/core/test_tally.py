"""Counts by key: exact while they are few, within the stated error beyond, merged in any order."""

from __future__ import annotations

import base64
import json
import random
import resource
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core.formats.text import shortened
from w3ctools.core.tally import DISTINCT_ERROR, KEY_BYTES, MOST_KEYS, Tally

#: Keys that sketches, dictionaries and JSON might take for one another.
ODD_KEYS = [None, "", "-", "=", "=-", "None", "null", "\0", "a\0b", "ü", "\U0001f600", " ", '"']

Counts = dict[str | None, int]
counts_of_a_block = st.dictionaries(
    st.one_of(st.sampled_from(ODD_KEYS), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    st.integers(0, 2**40),
    max_size=8,
)


def tally_of(*blocks: Counts) -> Tally:
    """One that was fed with these."""
    tally = Tally()
    for block in blocks:
        tally.add(block)
    return tally


def merged(*tallies: Tally) -> Tally:
    """What a new one says of all of them."""
    tally = Tally()
    for part in tallies:
        tally.merge(part)
    return tally


def sent(tally: Tally) -> Tally:
    """The same from the other end of a pipe."""
    return Tally.unpack(json.loads(json.dumps(tally.pack())))


def numbered(begin: int, end: int, count: int = 1) -> Counts:
    """Counts of so many keys."""
    return {f"/item/{number}": count for number in range(begin, end)}


def told(tally: Tally) -> tuple[Any, ...]:
    """All that it says."""
    return tally.top(10**9), tally.total, tally.distinct(), tally.is_exact, tally.error


def in_blocks(counts: Counts, size: int = 100) -> Iterator[Counts]:
    """The same counts in parts."""
    items = list(counts.items())
    return (dict(items[begin : begin + size]) for begin in range(0, len(items), size))


class TestExact:
    def test_empty(self) -> None:
        assert told(Tally()) == ([], 0, 0, True, 0)

    def test_counts_add_up(self) -> None:
        tally = tally_of({"a": 2, None: 1}, {"a": 3, "b": 7})
        assert told(tally) == ([("b", 7), ("a", 5), (None, 1)], 13, 3, True, 0)
        assert [tally.count(key) for key in ("a", "b", None, "c")] == [5, 7, 1, 0]

    def test_equals_come_in_order_of_their_names(self) -> None:
        tally = tally_of({"b": 1, "": 1, "c": 2, None: 1, "a": 1})
        assert tally.top(10) == [("c", 2), (None, 1), ("", 1), ("a", 1), ("b", 1)]
        assert tally.top(2) == [("c", 2), (None, 1)]

    def test_key_that_counts_nothing_is_a_key(self) -> None:
        assert told(tally_of({"a": 0})) == ([("a", 0)], 0, 1, True, 0)

    def test_what_is_added_stays_as_it_is(self) -> None:
        block: Counts = {"a": 1}
        tally = tally_of(block)
        tally.merge(tally_of({"a": 4}))
        assert block == {"a": 1}

    def test_as_many_keys_as_may_be(self) -> None:
        tally = tally_of(numbered(0, MOST_KEYS))
        tally.add(numbered(0, MOST_KEYS))
        assert (tally.is_exact, tally.distinct(), tally.total) == (True, MOST_KEYS, 2 * MOST_KEYS)
        tally.add({"one more": 1})
        assert not tally.is_exact

    @given(st.lists(counts_of_a_block, max_size=6), st.randoms(use_true_random=False))
    def test_any_split_and_any_order_says_the_same(self, blocks: list[Counts], chance: random.Random) -> None:
        truth: Counter[str | None] = Counter()
        for block in blocks:
            truth.update(block)
        parts = [tally_of(block) for block in blocks]
        while len(parts) > 1:
            chance.shuffle(parts)
            parts.append(merged(parts.pop(), sent(parts.pop())))
        for tally in [*parts, tally_of(*blocks)]:
            assert dict(tally.top(10**9)) == dict(truth)
            assert told(tally) == told(tally_of(dict(truth)))

    def test_nothing_else_is_imported(self) -> None:
        program = (
            "import sys; from w3ctools.core.tally import Tally; t = Tally(); t.add({'a': 1});"
            "t.merge(Tally.unpack(t.pack())); t.top(1); t.distinct(); sys.exit('datasketches' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


class TestLongKeys:
    def test_middle_is_left_out(self) -> None:
        long = "/start" + "x" * 8192 + "end"
        [(key, count)] = tally_of({long: 1}, {long: 2}).top(9)
        assert count == 3
        assert key is not None
        assert (key[:6], key[-3:], len(key.encode())) == ("/start", "end", KEY_BYTES)

    @pytest.mark.parametrize("characters", range(60, 70))
    def test_bound_counts_bytes(self, characters: int) -> None:
        key = "\U0001f600" * characters
        shown = tally_of({key: 1}).top(1)[0][0]
        assert shown == shortened(key, KEY_BYTES)
        assert (shown == key) == (characters <= KEY_BYTES // 4)

    @pytest.mark.parametrize("others", [0, MOST_KEYS], ids=["exact", "sketch"])
    def test_is_found_by_its_full_name(self, others: int) -> None:
        long = "/x" * 4096
        tally = tally_of(numbered(0, others), {long: 5}, {long: 6})
        assert tally.count(long) == 11


def some_number(chance: random.Random) -> int:
    """Often a low one, else one that is hardly ever drawn again."""
    return chance.choice([int(chance.paretovariate(1)), chance.randrange(10**9)])


def heavy_tailed(chance: random.Random) -> Iterator[Counts]:
    """A few keys have most of it, and most are seen once."""
    for _ in range(300):
        yield Counter(f"/{some_number(chance)}" for _ in range(100))


def scanner(chance: random.Random) -> Iterator[Counts]:
    """Keys that are never seen again, and a steady one."""
    for block in range(200):
        yield {**numbered(block * 100, block * 100 + 100), "/steady": chance.randrange(5), None: 1}


def late_giant(chance: random.Random) -> Iterator[Counts]:
    """First nothing but single requests, then keys with a little more than what was taken off."""
    yield from in_blocks(numbered(0, 20_000))
    for _ in range(100):
        yield {f"/late/{chance.randrange(500)}": chance.randrange(1, 9) for _ in range(100)}


def in_turns(chance: random.Random) -> Iterator[Counts]:
    """As many equal keys as the sketch just cannot hold, again and again."""
    for _ in range(3):
        yield from in_blocks(numbered(0, 13_000, 10))


def times(chance: random.Random) -> Iterator[Counts]:
    """Microseconds, up to 2 ** 60 of them."""
    for _ in range(250):
        yield {f"/{some_number(chance)}": int(chance.lognormvariate(18, 3)) for _ in range(100)}
    yield {"/slowest": 2**59}


def nothing_to_speak_of(chance: random.Random) -> Iterator[Counts]:
    """Most keys count nothing, as bytes of requests that had none."""
    for block in range(200):
        yield {key: chance.choice([0, 0, 0, 9]) for key in numbered(block * 100, block * 100 + 100)}


def overflowing(chance: random.Random) -> Iterator[Counts]:
    """More than 64 bits can say."""
    yield from in_blocks(numbered(0, 15_000, 3))
    yield {"/far too much": 2**70, "/beside it": 4}
    yield {"/almost": 2**62, "/sane": 7}
    yield {"/almost": 2**62, "/sane": 8}
    yield from in_blocks(numbered(0, 200, 5))


STREAMS = [heavy_tailed, scanner, late_giant, in_turns, times, nothing_to_speak_of, overflowing]
Stream = Callable[[random.Random], Iterator[Counts]]


@cache
def counted(stream: Stream) -> tuple[list[Counts], Counter[str | None]]:
    """The blocks of a stream, and what is to be counted in them."""
    blocks = list(stream(random.Random(7)))
    truth: Counter[str | None] = Counter()
    for block in blocks:
        truth.update(block)
    return blocks, truth


def whole(blocks: list[Counts]) -> Tally:
    return tally_of(*blocks)


def of_parts(blocks: list[Counts]) -> Tally:
    return merged(*(tally_of(*blocks[part::7]) for part in range(7)))


def of_sent_parts(blocks: list[Counts]) -> Tally:
    return sent(merged(*(sent(tally_of(*blocks[part::3])) for part in range(3))))


def in_a_tree(blocks: list[Counts]) -> Tally:
    half = len(blocks) // 2
    if len(blocks) < 60:
        return tally_of(*blocks)
    return merged(in_a_tree(blocks[:half]), in_a_tree(blocks[half:]))


def into_one_that_is_fed(blocks: list[Counts]) -> Tally:
    half = len(blocks) // 2
    tally = sent(tally_of(*blocks[:half]))
    for block in blocks[half:]:
        tally.merge(tally_of(block))
    return tally


ORDERS = [whole, of_parts, of_sent_parts, in_a_tree, into_one_that_is_fed]


class TestSketch:
    @pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
    @pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.__name__)
    def test_every_count_is_within_the_error(
        self, stream: Stream, order: Callable[[list[Counts]], Tally]
    ) -> None:
        blocks, truth = counted(stream)
        tally = order(blocks)
        shown = dict(tally.top(10**9))
        assert not tally.is_exact
        assert tally.total == sum(truth.values())
        assert max((abs(count - truth[key]) for key, count in shown.items()), default=0) <= tally.error
        assert max((truth[key] for key in truth.keys() - shown.keys()), default=0) <= tally.error
        assert all(tally.count(key) == shown.get(key, 0) for key in [*truth, "never seen"])
        assert stream is overflowing or tally.error <= 0.00022 * tally.total

    def test_more_than_64_bits_is_in_the_error(self) -> None:
        absurd = tally_of(numbered(0, MOST_KEYS + 1), {"/a": 2**70})
        tally = merged(tally_of(numbered(0, MOST_KEYS + 1), {"/b": 3}), sent(absurd))
        assert (tally.count("/a"), tally.error, tally.total) == (0, 2**70, 2**70 + 2 * MOST_KEYS + 5)
        assert tally.count("/b") == 3

    def test_merging_to_more_than_64_bits_is_in_the_error(self) -> None:
        part = tally_of(numbered(0, MOST_KEYS + 1), {"/a": 2**62})
        tally = merged(*[part] * 6)
        assert tally.total == 6 * part.total
        assert abs(tally.count("/a") - 6 * 2**62) <= tally.error < tally.total

    def test_what_overflows_is_not_lost(self) -> None:
        tally = tally_of(numbered(0, MOST_KEYS, 3), {"/a": 5})
        assert (tally.is_exact, tally.error) == (False, 0)
        assert tally.top(2) == [("/a", 5), ("/item/0", 3)]
        assert tally.count("/item/777") == 3

    def test_two_exact_ones_overflow_together(self) -> None:
        tally = tally_of(numbered(0, 6_000))
        tally.merge(tally_of(numbered(4_000, 11_000)))
        assert (tally.is_exact, tally.error, tally.total) == (False, 0, 13_000)
        assert [tally.count(f"/item/{number}") for number in (0, 5_000, 10_999)] == [1, 2, 1]

    @pytest.mark.parametrize("is_first", [True, False])
    def test_exact_with_sketch(self, is_first: bool) -> None:
        small, large = tally_of({"/a": 9}), tally_of(numbered(0, MOST_KEYS + 1), {"/a": 1})
        tally = merged(small, large) if is_first else merged(large, small)
        assert tally.top(1) == [("/a", 10)]
        assert (small.top(1), large.count("/a")) == ([("/a", 9)], 1)

    def test_merging_leaves_the_other_as_it_was(self) -> None:
        one, other = (tally_of(numbered(begin, begin + 20_000)) for begin in (0, 15_000))
        before = told(other)
        one.merge(other)
        assert told(other) == before

    def test_equals_come_in_order_of_their_names(self) -> None:
        tally = tally_of(numbered(0, MOST_KEYS), {"b": 8, None: 8, "": 8, "a": 8})
        assert tally.top(4) == [(None, 8), ("", 8), ("a", 8), ("b", 8)]

    def test_odd_keys_stay_themselves(self) -> None:
        odd: Counts = {key: 1_000 + number for number, key in enumerate(ODD_KEYS)}
        one, other = (tally_of(numbered(begin, begin + MOST_KEYS), odd) for begin in (0, MOST_KEYS))
        tally = sent(merged(sent(one), sent(other)))
        for key, count in tally.top(len(odd)):
            assert abs(count - 2 * odd.pop(key)) <= tally.error < 1_000
        assert odd == {}

    @pytest.mark.parametrize("keys", [10_001, 30_000, 100_000])
    def test_distinct(self, keys: int) -> None:
        tally = tally_of(*in_blocks(numbered(0, keys)))
        assert abs(tally.distinct() - keys) <= DISTINCT_ERROR * keys

    @pytest.mark.full
    def test_distinct_of_a_million(self) -> None:
        tally = tally_of(*in_blocks(numbered(0, 1_000_000)))
        assert abs(tally.distinct() - 1_000_000) <= DISTINCT_ERROR * 1_000_000

    @pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
    def test_distinct_is_the_same_in_any_order(self, order: Callable[[list[Counts]], Tally]) -> None:
        blocks = [numbered(begin, begin + 150) for begin in range(0, 40_000, 100)]
        random.Random(3).shuffle(blocks)
        assert order(blocks).distinct() == whole(sorted(blocks, key=str)).distinct()

    def test_odd_keys_are_distinct(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("w3ctools.core.tally.MOST_KEYS", 0)
        tally = tally_of(dict.fromkeys(ODD_KEYS, 1))
        assert (tally.is_exact, tally.distinct()) == (False, len(ODD_KEYS))


class TestPacked:
    @pytest.mark.parametrize("keys", [0, 5, MOST_KEYS, MOST_KEYS + 1, 50_000])
    def test_says_the_same(self, keys: int) -> None:
        tally = tally_of(*in_blocks(numbered(0, keys)), {None: 3 * keys})
        assert told(sent(tally)) == told(tally)
        assert told(sent(sent(tally))) == told(tally)

    @pytest.mark.parametrize(
        "packed",
        [
            None,
            7,
            "",
            [],
            {},
            {"version": 2, "counts": []},
            {"version": 1},
            {"version": 1, "counts": 7},
            {"version": 1, "counts": {"a": 1}},
            {"version": 1, "counts": [["a"]]},
            {"version": 1, "counts": [["a", -1]]},
            {"version": 1, "counts": [["a", 1.5]]},
            {"version": 1, "counts": [["a", "1"]]},
            {"version": 1, "counts": [["a", True]]},
            {"version": 1, "counts": [[1, 1]]},
            {"version": 1, "counts": [["a", 1], ["a", 1]]},
            {"version": 1, "counts": [["\ud800", 1]]},
            {"version": 1, "counts": [], "more": 1},
            {"version": 1, "counts": [], "sketch": {}},
        ],
        ids=repr,
    )
    def test_nonsense_is_refused(self, packed: Any) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            Tally.unpack(packed)

    @pytest.mark.parametrize(
        "change",
        [
            {"total": 1},
            {"total": "many"},
            {"purged": -1},
            {"purged": 2**63},
            {"unheld": -1},
            {"unheld": 2**63},
            {"registers": ""},
            {"registers": "not base64!"},
            {"registers": "AAAA"},
            {"registers": "/" * 21845 + "w=="},
            {"registers": None},
        ],
        ids=lambda change: repr(change)[:40],
    )
    def test_impossible_sketch_is_refused(self, change: dict[str, Any]) -> None:
        packed = tally_of(numbered(0, 20_000)).pack()
        packed["sketch"].update(change)
        with pytest.raises(ValueError, match=r"\w"):
            Tally.unpack(packed)

    @given(st.binary(min_size=1, max_size=40), st.integers(0, 16_000))
    @settings(max_examples=20, deadline=None)
    def test_damaged_registers_still_count(self, damage: bytes, begin: int) -> None:
        packed = tally_of({"a": 1}).pack()
        registers = bytearray(2**14)
        registers[begin : begin + len(damage)] = bytes(byte % 52 for byte in damage)
        packed["sketch"] = {
            "total": 1,
            "purged": 0,
            "unheld": 0,
            "registers": base64.b64encode(registers).decode(),
        }
        tally = Tally.unpack(packed)
        tally.merge(tally_of(numbered(0, MOST_KEYS + 1)))
        assert tally.distinct() > 0


def kept_bytes(keys: int) -> int:
    """What Python holds for a tally of so many keys, when it had been told of them in blocks."""
    tally_of(numbered(0, MOST_KEYS + 1))  # so that the library is loaded
    tracemalloc.start()
    try:
        tally = tally_of(*(numbered(begin, begin + 100) for begin in range(0, keys, 100)))
        assert not tally.is_exact
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


#: Prints what it holds in memory, in pages, each time it has counted so many keys as the next argument says.
_GROW = """
import sys
from w3ctools.core.tally import Tally
tally = Tally()
done = 0
for end in map(int, sys.argv[1:]):
    for begin in range(done, end, 100):
        tally.add({f"/item/{number}/of/a/path/with/some/length": 1 for number in range(begin, begin + 100)})
    done = end
    print(open("/proc/self/statm").read().split()[1])
"""


def held_bytes(*keys: int) -> list[int]:
    """What a process holds in memory after each of these numbers of keys."""
    run = subprocess.run(
        [sys.executable, "-c", _GROW, *map(str, keys)], capture_output=True, timeout=300, check=True
    )
    return [int(pages) * resource.getpagesize() for pages in run.stdout.split()]


class TestMemory:
    def test_dictionary_is_given_up(self) -> None:
        assert kept_bytes(MOST_KEYS + 100) < 100_000

    def test_does_not_grow(self) -> None:
        less, more = held_bytes(60_000, 240_000)
        assert more - less < 2_000_000

    @pytest.mark.full
    def test_does_not_grow_with_millions(self) -> None:
        less, more = held_bytes(1_000_000, 3_000_000)
        assert more - less < 2_000_000
