"""The log and its truth: block borders change nothing, odd and late lines are what they are said to be."""

from __future__ import annotations

import math
import re
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import parse_line
from w3ctools.core.synth.chance import generator
from w3ctools.core.synth.junk import Junk
from w3ctools.core.synth.log import Disorder, Log
from w3ctools.core.synth.site import Site
from w3ctools.core.synth.truth import Rule, Truth, alert_events

T0_S = 1_600_000_000
NONE, ALL = Fraction(0), Fraction(1)


def make(
    scenario: str = "steady", *, junk: Fraction = NONE, late: Fraction = NONE, log_format: str = "combined"
) -> tuple[Log, Truth]:
    site = Site(url="http://my.site.com", sections=5, log_format=log_format, seed=1)
    truth = Truth(site.line_format, Rule(Fraction(10), 120))
    return Log(site, scenario, Fraction(20), Disorder(junk, late), truth, 1), truth


def written(log: Log, seconds: int, block_lines: int = 1000) -> bytes:
    blocks = []
    for second in range(seconds):
        mixes = log.plan(second, T0_S + second)
        blocks += [
            log.write(mixes[begin : begin + block_lines], T0_S + second)
            for begin in range(0, len(mixes), block_lines)
        ]
    return b"".join(blocks)


@pytest.mark.parametrize("scenario", ["steady", "flood", "deploy-500"])
def test_borders_of_blocks_change_neither_bytes_nor_truth(scenario: str) -> None:
    found = []
    for block_lines in (1, 7, 1000):
        log, truth = make(scenario, junk=Fraction(1, 10), late=Fraction(1, 10))
        found.append((written(log, 130, block_lines), truth.values()))
    assert found[0] == found[1] == found[2]


def test_odd_lines_leave_the_others_as_they_are() -> None:
    plain = written(make()[0], 30).splitlines()
    odd = written(make(junk=Fraction(1, 10))[0], 30).split(b"\n")[:-1]
    changed = sum(before != after for before, after in zip(plain, odd, strict=True))
    assert 0.05 * len(plain) < changed < 0.15 * len(plain)


def test_late_lines_are_one_to_five_seconds_late_and_counted() -> None:
    log, truth = make(late=Fraction(1, 4))
    stamps = re.findall(rb"12:2\d:(\d\d)", written(log, 1))
    late = Counter((40 - int(stamp)) % 60 for stamp in stamps)
    assert set(late) <= set(range(6))
    assert truth.values()["late"] == {"lines": 20 - late[0], "most_s": max(late)}


def test_every_odd_line_is_the_record_it_is_said_to_be() -> None:
    site = Site(url="http://my.site.com", sections=5, log_format="combined", seed=1)
    junk = Junk(site.line_format, generator(1, "test"))
    kinds = set()
    for _ in range(500):
        odd = junk.next(T0_S)
        assert "\n" not in odd.line
        try:
            record: Any = parse_line(odd.line.encode()).record
        except ParseError:
            assert odd.record is None
            kinds.add(odd.line[:3])
            continue
        assert odd.record is not None, odd.line
        visit, exchange = odd.record
        assert (record.client, record.method, record.section) == (visit.client, odd.method, odd.section)
        assert (record.status, record.bytes) == (exchange.status, exchange.body_bytes)
        kinds.add(odd.line.partition("] ")[2])
    assert len(kinds) > 22


@pytest.mark.parametrize("log_format", ["json", "w3c", "haproxy", "alb"])
def test_other_formats_get_only_what_is_no_record(log_format: str) -> None:
    log, truth = make(junk=ALL, log_format=log_format)
    written(log, 5)
    values = truth.values()
    assert (values["lines"], values["records"], values["unparsed"]) == (100, 0, 100)


def states(hits: dict[int, int], threshold: str, window_s: int) -> list[tuple[str, int, int]]:
    events = alert_events(Counter(hits), Rule(Fraction(threshold), window_s))
    return [(event["state"], event["epoch"], event["hits"]) for event in events]


def test_alert_is_raised_above_and_recovers_below_the_limit() -> None:
    hits = {100: 4, 101: 3, 102: 1, 103: 2}
    assert states(hits, "3", 2) == [("raised", 101, 7), ("recovered", 102, 4)]


def test_alert_stays_as_it_is_at_the_limit() -> None:
    assert states({100: 6, 102: 6, 103: 1}, "3", 2) == [("raised", 103, 7)]
    assert states({100: 7, 101: 0, 102: 6}, "3", 2) == [("raised", 100, 7)]


def test_limit_is_exact() -> None:
    assert states({100: 29}, "0.29", 100) == []
    assert states({100: 30}, "0.29", 100) == [("raised", 100, 30)]


def test_alert_is_not_judged_after_the_last_hit() -> None:
    assert states({100: 9}, "1", 2) == [("raised", 100, 9)]
    assert states({}, "1", 2) == []


def test_hits_without_a_stamp_count_at_the_newest_before_them() -> None:
    truth = make()[1]
    for stamp_s in (None, 105, 103, None):
        truth.add_hits(stamp_s, 1300)
    events = truth.values()["alert"]["events"]
    assert [(event["epoch"], event["hits"]) for event in events] == [(103, 1300)]


def test_rate_is_kept_whatever_is_odd() -> None:
    log, truth = make("burst", junk=Fraction(1, 20), late=Fraction(1, 20))
    written(log, 360)
    assert truth.values()["lines"] == math.floor(240 * 20 + 120 * 160)
