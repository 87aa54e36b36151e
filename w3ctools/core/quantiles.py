"""Quantiles of values that can be merged, in memory that does not grow with the number of values.

Exact, a plain list, up to `MOST_VALUES`. Beyond that a sketch stands for it: that of Cormode et al., Relative
Error Streaming Quantiles (2021), in Apache DataSketches, which is the more exact the higher the rank.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, inf, isfinite, isnan
from typing import Any, Literal

import msgspec

#: Up to here quantiles are exact.
MOST_VALUES = 4_096
#: What the rank of a quantile may be off by beyond that, as a share of the values above it: six standard
#: errors, so a sixth of it is usual. For the median 3.8 % of all values, for the 99th percentile 0.075 %.
RANK_ERROR = 0.075

#: Items of a section of the sketch, which it was measured with.
_K = 12
_MOST_FLOAT = float.fromhex("0x1.fffffep+127")


class Quantiles:
    """Quantiles of finite values.

    Beyond `MOST_VALUES` the values are single floats: right to 6e-8 of themselves.
    """

    __slots__ = ("_sketch", "_values", "count")

    def __init__(self) -> None:
        #: Values that the sketch does not hold: all of them while exact, later those that wait for a block.
        self._values: list[float] = []
        self._sketch: Any = None
        #: How many values there were; always exact.
        self.count = 0

    @property
    def is_exact(self) -> bool:
        """Whether there were few enough values to say all of it exactly."""
        return self._sketch is None

    def add(self, values: Sequence[float]) -> None:
        """Add values; each is finite."""
        self.count += len(values)
        self._values += values
        if len(self._values) > MOST_VALUES:
            self._into_sketch()

    def merge(self, other: Quantiles) -> None:
        """Add the values of another, which stays as it is."""
        self.add(other._values)
        if other._sketch is not None:
            self.count += other._sketch.n
            self._into_sketch().merge(other._sketch)

    def quantile(self, share: float) -> float | None:
        """The least value that such a share of all, from 0 to 1, is not above; None if there is none.

        Beyond `MOST_VALUES` its rank may be off by ``RANK_ERROR * (1 - share)``.
        """
        if not self.count:
            return None
        if self._sketch is None:
            self._values.sort()
            # In decimal, as it was meant: 0.07 of a hundred is seven.
            return float(self._values[max(0, ceil(Fraction(str(share)) * self.count) - 1)])
        value = self._into_sketch().get_quantile(share, True)
        return _shortest(min(max(value, -_MOST_FLOAT), _MOST_FLOAT))

    def pack(self) -> Any:
        """All of it in dictionaries, lists, numbers and texts, for JSON."""
        sketch = None if self._sketch is None else self._into_sketch().serialize()
        return msgspec.to_builtins(_Packed(1, self._values, sketch))

    @classmethod
    def unpack(cls, packed: Any) -> Quantiles:
        """What was packed. Raises ValueError for anything else."""
        try:
            parts = msgspec.convert(packed, _Packed)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None
        if not all(map(isfinite, parts.values)):
            raise ValueError("a value is not finite")
        quantiles = cls()
        if parts.sketch is not None:
            _check_sketch(parts.sketch)
            quantiles._sketch = _sketches().req_floats_sketch.deserialize(parts.sketch)
            quantiles.count = quantiles._sketch.n
        quantiles.add(parts.values)
        return quantiles

    def _into_sketch(self) -> Any:
        if self._sketch is None:
            self._sketch = _sketches().req_floats_sketch(_K, True)
        if self._values:
            self._sketch.update(array("f", self._values))
            self._values = []
        return self._sketch


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    values: list[float]
    sketch: bytes | None = None


def _sketches() -> Any:
    # Late: it takes a tenth of a second, and most logs never need it.
    import datasketches  # type: ignore[import-untyped]  # it comes without types

    return datasketches


def _shortest(value: float) -> float:
    """The shortest decimal that is this single float: 0.3 for 0.30000001192092896."""
    return next(
        short for digits in range(6, 10) if array("f", [short := float(f"{value:.{digits}g}")])[0] == value
    )


#: How a sketch of ours begins: words of its header, version, family, flags (more exact for high ranks, and
#: whether its first level is sorted) and `_K` in two bytes.
_STARTS = {bytes((4, 1, 17, 8 | is_sorted, _K, 0)) for is_sorted in (0, 32)}
_HEADER_BYTES, _LEVEL_BYTES = 24, 20
_MOST_LEVELS = 56
#: By number of sections: as a level gets older, it has twice as many of 0.7 times the size.
_SECTION_SIZES = {3 << age: _K / 2 ** (age / 2) for age in range(5)}


def _check_sketch(data: bytes) -> None:
    """Raises ValueError if this is no sketch of ours: C++ trusts what it reads.

    Behind its start stand the number of levels, of all values, the least and the greatest, and the levels.
    """
    if len(data) < _HEADER_BYTES or data[:6] not in _STARTS or any(map(isnan, array("f", data[16:24]))):
        raise ValueError("this is no sketch")
    levels, values, end = data[6], 0, _HEADER_BYTES
    if not 1 < levels <= _MOST_LEVELS:
        raise ValueError("the sketch has too few levels, or too many")
    for level in range(levels):
        begin, end = end, _end_of_level(data, end, level)
        values += (end - begin - _LEVEL_BYTES) // 4 << level
    if end != len(data) or values != int.from_bytes(data[8:16], "little"):
        raise ValueError("the sketch does not hold what it should")


def _end_of_level(data: bytes, begin: int, level: int) -> int:
    """Where the next begins. Raises ValueError if it is none.

    It has its history, size of its sections, its own number, number of sections, number of values, and they.
    """
    head = data[begin : begin + _LEVEL_BYTES]
    end = begin + _LEVEL_BYTES + 4 * int.from_bytes(head[16:], "little")
    if len(head) < _LEVEL_BYTES or end > len(data):
        raise ValueError("the sketch is cut off")
    is_sound = abs(array("f", head[8:12])[0] - _SECTION_SIZES.get(head[13], inf)) < 0.001
    if not is_sound or head[12] != level or any(map(isnan, array("f", data[begin + _LEVEL_BYTES : end]))):
        raise ValueError("a level of the sketch is damaged")
    return end
