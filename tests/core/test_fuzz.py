"""Whatever bytes come, all promises are kept; `make fuzz` tries more of them for longer."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from fuzz.blocks import NAMES, cut, make_block
from fuzz.checks import AUTO, SITES, check
from fuzz.corpus import SEEDS, VARIANTS

REGRESSIONS = sorted((Path(__file__).parent.parent / "data" / "fuzz").glob("*.hex"))
SMALL_RUN_BLOCKS = 12
LONG_RUN_S = 60.0


def _check_everywhere(data: bytes, random: Random) -> None:
    for name in (AUTO, *NAMES):
        for site in range(len(SITES)):
            check(data, name, site, cut(random, data))


def _check_one(random: Random, source: str) -> None:
    data = make_block(random, source)
    for name in (AUTO, source, random.choice(NAMES)):
        check(data, name, random.randrange(len(SITES)), cut(random, data))


def test_every_format_has_variants() -> None:
    assert set(VARIANTS) == set(SEEDS)


@pytest.mark.parametrize("name", NAMES)
def test_promises_are_kept_for_lines_as_servers_write_them(name: str) -> None:
    random, data = Random(name), b"\n".join(SEEDS[name]) + b"\n"
    for other in (AUTO, *NAMES):
        check(data, other, random.randrange(len(SITES)), cut(random, data))


@pytest.mark.parametrize("name", NAMES)
def test_promises_are_kept_for_damaged_lines(name: str) -> None:
    random = Random(name)
    for _ in range(SMALL_RUN_BLOCKS):
        _check_one(random, name)


@pytest.mark.parametrize("path", REGRESSIONS, ids=[path.stem for path in REGRESSIONS])
def test_promises_are_kept_for_what_has_failed_before(path: Path) -> None:
    data = bytes.fromhex(path.read_text(encoding="ascii"))
    _check_everywhere(data, Random(1))
    for name in (AUTO, *NAMES):
        check(data, name, 0, data.splitlines(keepends=True))


@pytest.mark.full
def test_promises_are_kept_for_a_minute_of_damaged_lines() -> None:
    random = Random(1)
    until_s = time.monotonic() + LONG_RUN_S
    while time.monotonic() < until_s:
        _check_one(random, random.choice(NAMES))
