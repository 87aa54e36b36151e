"""Counts by key that can be merged, in memory that does not grow with the number of keys.

Exact, a plain dictionary, up to `MOST_KEYS` keys. Beyond that two sketches stand for it, and they say how far
off they are: the frequent items of Misra and Gries in the variant of Anderson et al. (2017), and HyperLogLog
for the number of keys. Both are those of Apache DataSketches.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from w3ctools.core.formats.text import shortened

#: Up to here a tally is exact.
MOST_KEYS = 10_000
#: What `distinct` may be off by, relative, beyond that: three standard errors.
DISTINCT_ERROR = 0.025
#: A longer key, in UTF-8, is counted under what is left when its middle is taken out.
KEY_BYTES = 256

#: The sketch holds three quarters of 2 ** 14 keys: what is exact goes into it without loss.
_LG_KEYS = 14
#: 2 ** 14 registers: a standard error of 0.81 %.
_LG_REGISTERS = 14
#: The sketch adds in 64 bits and would wrap around.
_MOST_WEIGHT = 2**63
_HLL_HEADER_BYTES = 40
#: A register holds the place of the first 1 in what a hash of 64 bits has left beside the register's number.
_MOST_RANK = 64 - _LG_REGISTERS + 1


class Tally:
    """Counts by key; None is a key like others.

    Two that are merged say the same as one that was fed with both: to the digit while the result is exact,
    beyond that the same number of keys, and counts within `error`.
    """

    __slots__ = ("_counts", "_sketch", "total")

    def __init__(self) -> None:
        self._counts: dict[str | None, int] = {}
        #: Holds all there is, once there are too many keys for `_counts`.
        self._sketch: _Sketch | None = None
        #: The sum of all counts; always exact.
        self.total = 0

    @property
    def is_exact(self) -> bool:
        """Whether there were few enough keys to say all of it exactly."""
        return self._sketch is None

    @property
    def error(self) -> int:
        """No count shown is further off than this, and no key that `top` does not know counts more.

        That is certain, not likely, whatever came and however it was merged. It is 0 while exact, and at most
        0.022 % of the total for anything but totals beyond 2 ** 63.
        """
        return 0 if self._sketch is None else self._sketch.error

    def add(self, counts: Mapping[str | None, int]) -> None:
        """Add to the counts; what is added is not below 0."""
        self.total += sum(counts.values())
        if self._sketch is not None:
            self._sketch.add(counts)
            return
        # No character takes more than 4 bytes.
        if any([key is not None and len(key) > KEY_BYTES // 4 for key in counts]):
            counts = _with_short_keys(counts)
        own = self._counts
        if own:
            for key, count in counts.items():
                own[key] = own.get(key, 0) + count
        else:  # an interval's first, and often its only one
            own.update(counts)
        if len(own) > MOST_KEYS:
            self._into_sketch()

    def merge(self, other: Tally) -> None:
        """Add what another has counted, which stays as it is."""
        if other._sketch is None:
            self.add(other._counts)
            return
        self.total += other.total
        self._into_sketch().merge(other._sketch)

    def distinct(self) -> int:
        """How many keys there are; beyond `MOST_KEYS` within `DISTINCT_ERROR`."""
        return len(self._counts) if self._sketch is None else self._sketch.distinct()

    def count(self, key: str | None) -> int:
        """What was counted of a key, 0 if it is not known; within `error`."""
        if key is not None and len(key) > KEY_BYTES // 4:
            key = shortened(key, KEY_BYTES)
        return self._counts.get(key, 0) if self._sketch is None else self._sketch.count(key)

    def top(self, most: int) -> list[tuple[str | None, int]]:
        """The keys that count most, at most so many, with their counts within `error`.

        The greatest come first, equal ones in order of their names, None before all of them.
        """
        counts = self._counts if self._sketch is None else dict(self._sketch.known())
        if 0 < most < len(counts):  # few are worth a name to sort by
            least = sorted(counts.values(), reverse=True)[most - 1]
            return sorted([item for item in counts.items() if item[1] >= least], key=_rank)[:most]
        return sorted(counts.items(), key=_rank)[:most]

    def leaders(self, most: int) -> list[tuple[str | None, int]]:
        """As `top`, but without keys of whose count half may be error: in a crowd of equals nobody leads."""
        error = self.error
        return [(key, count) for key, count in self.top(most) if not error or count > 2 * error]

    def pack(self) -> Any:
        """All of it in dictionaries, lists, numbers and texts, for JSON."""
        if self._sketch is None:
            return msgspec.to_builtins(_Packed(1, list(self._counts.items())))
        return msgspec.to_builtins(self._sketch.pack(self.total))

    @classmethod
    def unpack(cls, packed: Any) -> Tally:
        """What was packed. Raises ValueError for anything else."""
        try:
            parts = msgspec.convert(packed, _Packed)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        counts = dict(parts.counts)
        "".join(filter(None, counts)).encode()  # a lone surrogate is a UnicodeError, which is a ValueError
        if len(counts) < len(parts.counts):
            raise ValueError("a key comes twice")
        tally = cls()
        if parts.sketch is None:
            tally.add(counts)
        else:
            tally.total = parts.sketch.total
            tally._sketch = _Sketch.unpack(counts, parts.sketch)
        return tally

    def _into_sketch(self) -> _Sketch:
        if self._sketch is None:
            self._sketch = _Sketch()
            self._sketch.add(self._counts)
            self._counts = {}
        return self._sketch


def _with_short_keys(counts: Mapping[str | None, int]) -> dict[str | None, int]:
    short: dict[str | None, int] = {}
    for key, count in counts.items():
        name = None if key is None else shortened(key, KEY_BYTES)
        short[name] = short.get(name, 0) + count
    return short


_Amount = Annotated[int, msgspec.Meta(ge=0)]


class _PackedSketch(msgspec.Struct, forbid_unknown_fields=True):
    total: _Amount
    purged: _Amount
    unheld: _Amount
    registers: bytes


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    #: While exact the counts, else what is the least that they can be.
    counts: list[tuple[str | None, _Amount]]
    sketch: _PackedSketch | None = None


def _rank(item: tuple[str | None, int]) -> tuple[int, bool, str]:
    key, count = item
    return -count, key is not None, key or ""


class _Sketch:
    """What stands for counts of too many keys.

    Of a key that it holds it knows the least count, and the most: that and what was taken off all keys
    whenever there was no room for another. A key it does not hold counts at most what was taken off.
    """

    __slots__ = ("_counts", "_keys", "_purged", "_unheld")

    def __init__(self) -> None:
        sketches = _sketches()
        self._counts = sketches.frequent_strings_sketch(_LG_KEYS)
        self._keys = sketches.hll_sketch(_LG_REGISTERS, sketches.tgt_hll_type.HLL_8, True)
        #: What had been taken off before it was packed; the sketch itself knows of the time since.
        self._purged = 0
        #: Counts that were left out because the sketch could not add them up.
        self._unheld = 0

    @property
    def error(self) -> int:
        return self._taken_off() + self._unheld

    def add(self, counts: Mapping[str | None, int]) -> None:
        names = [_name(key) for key in counts]
        see = self._keys.update
        for name in names:
            see(name)
        weight = sum(counts.values())
        if self._counts.total_weight + weight > _MOST_WEIGHT:
            self._unheld += weight
            return
        update = self._counts.update
        for name, count in zip(names, counts.values(), strict=True):
            update(name, count)

    def merge(self, other: _Sketch) -> None:
        self._purged += other._purged
        self._unheld += other._unheld
        if self._counts.total_weight + other._counts.total_weight > _MOST_WEIGHT:
            self._unheld += other._counts.total_weight
        else:
            self._counts.merge(other._counts)
        self._keys = _union(self._keys, other._keys).get_result(_sketches().tgt_hll_type.HLL_8)

    def distinct(self) -> int:
        # With itself, as only a union's estimate is the same for what was merged and what came in one piece.
        estimate: float = _union(self._keys, self._keys).get_estimate()
        return round(estimate)

    def count(self, key: str | None) -> int:
        least = self._counts.get_lower_bound(_name(key))
        return int(least) + self._taken_off() if least else 0

    def known(self) -> Iterator[tuple[str | None, int]]:
        taken_off = self._taken_off()
        return ((key, least + taken_off) for key, least in self._least())

    def pack(self, total: int) -> _Packed:
        registers = self._keys.serialize_compact()[_HLL_HEADER_BYTES:]
        return _Packed(
            1, list(self._least()), _PackedSketch(total, self._taken_off(), self._unheld, registers)
        )

    @classmethod
    def unpack(cls, least: dict[str | None, int], packed: _PackedSketch) -> _Sketch:
        """Raises ValueError for what no sketch has packed.

        Both sketches are built anew: what is read from bytes by C++ is trusted by it.
        """
        held = sum(least.values())
        if held > _MOST_WEIGHT or held + packed.purged + packed.unheld > packed.total:
            raise ValueError("more is counted than there was")
        sketch = cls()
        for key, count in least.items():
            sketch._counts.update(_name(key), count)
        sketch._purged, sketch._unheld = packed.purged, packed.unheld
        sketch._keys = _sketches().hll_sketch.deserialize(_hll_bytes(packed.registers))
        return sketch

    def _taken_off(self) -> int:
        # Of a key that is never there, as all have a sign before them.
        return int(self._counts.get_upper_bound("")) + self._purged

    def _least(self) -> Iterable[tuple[str | None, int]]:
        all_there_are = _sketches().frequent_items_error_type.NO_FALSE_NEGATIVES
        for name, _, least, _ in self._counts.get_frequent_items(all_there_are):
            yield (name[1:] if name[0] == "=" else None), least


def _name(key: str | None) -> str:
    """What the sketches know a key by: never empty, which HyperLogLog would not count."""
    return "-" if key is None else "=" + (key if len(key) <= KEY_BYTES // 4 else shortened(key, KEY_BYTES))


def _sketches() -> Any:
    # Late: it takes a tenth of a second, and most logs never need it.
    import datasketches  # type: ignore[import-untyped]  # it comes without types

    return datasketches


def _union(*sketches: Any) -> Any:
    union = _sketches().hll_union(_LG_REGISTERS)
    for sketch in sketches:
        union.update(sketch)
    return union


def _hll_bytes(registers: bytes) -> bytes:
    """The format of a HyperLogLog sketch with one byte per register: a header with their sum, and them.

    Raises ValueError if these are no registers.
    """
    if len(registers) != 1 << _LG_REGISTERS or max(registers) > _MOST_RANK:
        raise ValueError("these are no registers of a sketch")
    ranks = Counter(registers)
    kept_sums = array("d", [0.0, sum(number * 2.0**-rank for rank, number in ranks.items()), 0.0])
    # Ten words of header, version 1, HyperLogLog; compact, and the order of the keys is lost; 8 bits each.
    start = bytes((10, 1, 7, _LG_REGISTERS, 0, 8 | 16, 0, 2 | 8))
    return start + kept_sums.tobytes() + ranks[0].to_bytes(4, "little") + bytes(4) + registers
