"""Chance that comes from the seed alone, so that a log can be written again on any Python from 3.10.

Only ``random()``, ``choices()`` and ``getrandbits()`` are drawn from: these give the same values in every
Python from 3.10. For the same reason weights are added up with `fsum` and `accumulate`, since ``sum`` of
floats rounds differently from 3.12 on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


def generator(seed: int, purpose: str) -> random.Random:
    """A generator of its own for each purpose; a text seed does not depend on PYTHONHASHSEED."""
    return random.Random(f"{seed}: {purpose}")


def zipf(count: int) -> list[float]:
    """The shares of `count` things by rank: the n-th is wanted 1/n times as often as the first."""
    return shares([1 / rank for rank in range(1, count + 1)])


def shares(weights: Sequence[float]) -> list[float]:
    """The weights, brought to a sum of 1."""
    total = math.fsum(weights)
    return [weight / total for weight in weights]
