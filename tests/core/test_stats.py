"""Intervals in virtual time: where they begin, when they close, and that no record is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import pytest

from w3ctools.core.stats import Gap, Interval, Item, Stats, Total
from w3ctools.core.summary import StatsRow
from w3ctools.core.wire import AlertEvent, Read

T0_S = 1_700_000_000  # a multiple of 10
YEAR_S = 31_536_000
LATENESS_S = 2

Epochs = list[int | float | None]
#: An interval as ``(from, to, requests, late, uncounted)``, a gap as ``(from, to)``; seconds since T0.
Short = tuple[int, ...] | str

in_normal_and_full_runs = pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(150), id="150 logs"),
        pytest.param(range(150, 2150), id="2,000 more logs", marks=pytest.mark.full),
    ],
)


def read_of(epochs: Epochs, alerts: list[tuple[int, AlertEvent]] | None = None) -> Read[StatsRow]:
    rows = [StatsRow(epoch=None if epoch is None else epoch + T0_S, status=200) for epoch in epochs]
    return Read(rows=rows, alerts=alerts or [])


def short(items: list[Item]) -> list[Short]:
    found: list[Short] = []
    for item in items:
        if isinstance(item, AlertEvent):
            found.append(item.message)
        elif isinstance(item, Interval):
            requests = item.summary.requests
            found.append((item.from_s - T0_S, item.to_s - T0_S, requests, item.late, item.uncounted))
        elif isinstance(item, Gap):
            found.append((item.from_s - T0_S, item.to_s - T0_S))
    return found


def fed(*epochs: int | float | None, interval_s: int = 10) -> Stats:
    """Stats that have counted these records, one by one."""
    stats = Stats(interval_s, LATENESS_S)
    for epoch in epochs:
        stats.feed(read_of([epoch]))
    return stats


def all_items(stats: Stats, epochs: Epochs) -> list[Item]:
    return stats.feed(read_of(epochs)) + stats.flush()


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([3], [(0, 4, 1, 0, 0)], id="one record: a partial interval that ends with it"),
        pytest.param([9], [(0, 10, 1, 0, 0)], id="the last second ends an interval"),
        pytest.param([3, 10], [(0, 10, 1, 0, 0), (10, 11, 1, 0, 0)], id="the next one begins at a multiple"),
        pytest.param([3, 5, 9, 10, 19], [(0, 10, 3, 0, 0), (10, 20, 2, 0, 0)], id="two whole ones"),
        pytest.param([9.99, 10.0], [(0, 10, 1, 0, 0), (10, 11, 1, 0, 0)], id="fractions are floored"),
        pytest.param([3, 25], [(0, 10, 1, 0, 0), (10, 20), (20, 26, 1, 0, 0)], id="a gap"),
        pytest.param([3, 95], [(0, 10, 1, 0, 0), (10, 90), (90, 96, 1, 0, 0)], id="a long gap is one"),
        pytest.param(
            [3, YEAR_S, YEAR_S],
            [(0, 10, 1, 0, 0), (10, YEAR_S), (YEAR_S, YEAR_S + 1, 2, 0, 0)],
            id="a year's gap is one",
        ),
        pytest.param([3, YEAR_S], [(0, 4, 1, 0, 1)], id="one stamp a year ahead is uncounted"),
        pytest.param([3, YEAR_S, 4], [(0, 5, 2, 0, 1)], id="the same between others"),
        pytest.param(
            [3, 8, 5, 12], [(0, 10, 3, 1, 0), (10, 13, 1, 0, 0)], id="late, but its interval is open"
        ),
        pytest.param(
            [3, 12, 9, 10], [(0, 10, 1, 0, 0), (10, 13, 2, 2, 1)], id="late, and its interval is closed"
        ),
        pytest.param(
            [3, 11, 25, 12, 12], [(0, 10, 1, 0, 0), (10, 20, 1, 0, 0), (20, 26, 1, 2, 2)], id="two late ones"
        ),
        pytest.param(
            [3, 41, 22, 23, 43],
            [(0, 10, 1, 0, 0), (10, 40), (40, 44, 2, 2, 2)],
            id="late in a gap is uncounted",
        ),
        pytest.param(
            [3, 41, 39, 43],
            [(0, 10, 1, 0, 0), (10, 40), (40, 44, 2, 1, 1)],
            id="late at the end of a gap too",
        ),
        pytest.param(
            [3, 40, 39, 43],
            [(0, 10, 1, 0, 0), (10, 30), (30, 40, 1, 0, 0), (40, 44, 2, 0, 0)],
            id="disorder within the lateness shortens a gap",
        ),
        pytest.param([3, 4, -60], [(0, 5, 2, 1, 1)], id="late before the first interval"),
        pytest.param(
            [3, -60, 3], [(-60, -50, 1, 0, 0), (-50, 0), (0, 4, 2, 0, 0)], id="disorder at the start"
        ),
        pytest.param([None, None, 3], [(0, 4, 3, 0, 0)], id="no stamp yet: counts at the first"),
        pytest.param(
            [3, 12, 9, None], [(0, 10, 1, 0, 0), (10, 13, 2, 1, 1)], id="no stamp: counts at the clock"
        ),
        pytest.param(
            [3, *range(-3600, -3589)],
            [(0, 4, 1, 0, 0), (-3600, -3590, 10, 0, 0), (-3590, -3589, 1, 0, 0)],
            id="the clock was set back: a partial interval, then a new era without a gap",
        ),
        pytest.param([3, *range(-3600, -3591)], [(0, 4, 1, 9, 9)], id="nine old records are late"),
        pytest.param([-5], [(-10, -4, 1, 0, 0)], id="before a multiple of the interval"),
    ],
)
def test_records_give_intervals(epochs: Epochs, expected: list[Short]) -> None:
    assert short(all_items(Stats(10, LATENESS_S), epochs)) == expected


@pytest.mark.parametrize(
    "epochs", [[3, 12, 9, 10], [3, 41, 22, 23, 43], [3, 11, 9, 9, 9, 10, 25, 12, 12, 12]]
)
def test_records_one_by_one_give_the_same_intervals(epochs: Epochs) -> None:
    stats = Stats(10, LATENESS_S)
    items = [item for epoch in epochs for item in stats.feed(read_of([epoch]))] + stats.flush()
    assert short(items) == short(all_items(Stats(10, LATENESS_S), epochs))


@pytest.mark.parametrize("interval_s", [1, 7, 60, 86_400])
def test_intervals_begin_at_multiples_of_their_length(interval_s: int) -> None:
    items = all_items(Stats(interval_s, LATENESS_S), [*range(100, 400, 3)])
    assert {item.from_s % interval_s for item in items if isinstance(item, Interval)} == {0}


@pytest.mark.parametrize(
    ("epoch", "closed"),
    [
        pytest.param(10, 0, id="in the next second"),
        pytest.param(LATENESS_S + 8, 0, id="its last second is not judged"),
        pytest.param(LATENESS_S + 9, 1, id="its last second is judged"),
    ],
)
def test_interval_is_closed_when_its_last_second_is_judged(epoch: int, closed: int) -> None:
    items = fed(0).feed(read_of([epoch]))
    assert short(items) == [(0, 10, 1, 0, 0)][:closed]


@pytest.mark.parametrize(
    ("elapsed_s", "closed"),
    [
        pytest.param(12.9, 0, id="a second too early"),
        pytest.param(13.0, 1, id="grace, lateness, and the rest of the interval"),
        pytest.param(90_000.0, 1, id="long ago"),
    ],
)
def test_interval_is_closed_by_silence(elapsed_s: float, closed: int) -> None:
    stats = fed(2, 3)
    assert short(stats.tick(elapsed_s)) == [(0, 10, 2, 0, 0)][:closed]
    assert stats.is_quiet is bool(closed)


def test_interval_closed_by_silence_is_whole_and_told_once() -> None:
    stats = fed(3)
    items = [*stats.tick(20.0), *stats.tick(21.0), *stats.flush()]
    assert [isinstance(item, Interval) and item.partial for item in items] == [False]


def test_silence_before_the_first_record_says_nothing() -> None:
    assert fed(None).tick(90_000.0) == []


def test_gap_is_told_when_disorder_can_no_longer_shorten_it() -> None:
    stats = fed(3, 40)
    assert short(stats.feed(read_of([40]))) == []
    assert short(stats.feed(read_of([41]))) == [(10, 40)]


def test_gap_after_silence_is_told_when_traffic_returns() -> None:
    stats = fed(3)
    items = [*stats.tick(60.0), *stats.tick(90.0), *stats.feed(read_of([105, 108])), *stats.flush()]
    assert short(items) == [(0, 10, 1, 0, 0), (10, 100), (100, 109, 2, 0, 0)]


def test_record_of_an_interval_that_silence_closed_is_uncounted() -> None:
    stats = fed(3)
    stats.tick(60.0)
    assert short([*stats.feed(read_of([5, 12])), *stats.flush()]) == [(10, 13, 1, 0, 1)]


@pytest.mark.parametrize(("last", "partial"), [(8, True), (9, False)])
def test_last_interval_is_partial_unless_it_is_whole(last: int, partial: bool) -> None:
    (item,) = all_items(Stats(10, LATENESS_S), [0, last])
    assert isinstance(item, Interval)
    assert item.partial is partial


def test_interval_that_a_new_era_cuts_is_partial() -> None:
    items = all_items(Stats(10, LATENESS_S), [3, *range(-3600, -3579)])
    assert [item.partial for item in items if isinstance(item, Interval)] == [True, False, False, True]


def test_rate_is_by_the_time_of_the_log() -> None:
    items = all_items(Stats(10, LATENESS_S), [*[0] * 50, 9, *[13] * 8])
    assert [item.rate_per_s for item in items if isinstance(item, Interval)] == [5.1, 2.0]


def test_late_records_are_told_once() -> None:
    epochs: Epochs = [0, 15, 9, 9, 25, 26, 35]
    assert short(all_items(Stats(10, LATENESS_S), epochs)) == [
        (0, 10, 1, 0, 0),
        (10, 20, 1, 2, 2),
        (20, 30, 2, 0, 0),
        (30, 36, 1, 0, 0),
    ]


def test_unparsed_lines_are_counted_in_their_interval() -> None:
    rows = [StatsRow(epoch=T0_S + 3), StatsRow(event="unparsed", epoch=T0_S + 12), StatsRow(event="unparsed")]
    stats = Stats(10, LATENESS_S)
    items = stats.feed(Read(rows=rows)) + stats.flush()
    assert [(i.summary.requests, i.summary.unparsed) for i in items if isinstance(i, Interval)] == [
        (1, 0),
        (0, 2),
    ]


@pytest.mark.parametrize(
    ("after_rows", "expected"),
    [
        pytest.param(0, ["alert", (0, 10, 2, 0, 0), (10, 14, 1, 0, 0)], id="before all"),
        pytest.param(2, ["alert", (0, 10, 2, 0, 0), (10, 14, 1, 0, 0)], id="before the record that closes"),
        pytest.param(3, [(0, 10, 2, 0, 0), "alert", (10, 14, 1, 0, 0)], id="behind it"),
    ],
)
def test_alerts_keep_their_place(after_rows: int, expected: list[Short]) -> None:
    stats = Stats(10, LATENESS_S)
    items = stats.feed(read_of([0, 9, 13], [(after_rows, AlertEvent(message="alert"))])) + stats.flush()
    assert short(items) == expected


def seconds(items: list[Item]) -> list[tuple[int, int, dict[int, int] | None]]:
    """Each interval with the requests of its seconds, since T0."""
    return [
        (
            item.from_s - T0_S,
            item.to_s - T0_S,
            None if item.seconds is None else {at - T0_S: count for at, count in item.seconds.items()},
        )
        for item in items
        if isinstance(item, Interval)
    ]


def mergeable(*epochs: int | float | None) -> tuple[Stats, list[Item]]:
    stats = Stats(10, LATENESS_S, mergeable=True)
    return stats, stats.feed(read_of([*epochs]))


def test_what_others_merge_tells_of_each_second() -> None:
    stats, items = mergeable(None, 1, 1, 3.5, None, 10, 9, 12, 14, 31)
    assert seconds(items + stats.flush()) == [
        (0, 10, {1: 3, 3: 2, 9: 1}),
        (10, 20, {10: 1, 12: 1, 14: 1}),
        (30, 32, {31: 1}),
    ]


def test_what_nobody_merges_does_not() -> None:
    assert [tells for _, _, tells in seconds(all_items(Stats(10, LATENESS_S), [1, 2, 30]))] == [None, None]


def test_stamp_that_waits_counts_at_its_second() -> None:
    stats, items = mergeable(1, 200, 201)
    assert seconds(items + stats.flush()) == [(0, 10, {1: 1}), (200, 202, {200: 1, 201: 1})]


def test_stamps_of_a_new_era_count_at_their_seconds() -> None:
    stats, items = mergeable(1, *range(-3600, -3580))
    counted = seconds(items + stats.flush())
    assert counted[0] == (0, 2, {1: 1})
    assert sum(sum((tells or {}).values()) for _, _, tells in counted[1:]) == 20


@pytest.mark.parametrize("seed", range(30))
def test_seconds_of_any_log_are_the_requests_of_their_intervals(seed: int) -> None:
    rng = random.Random(seed)
    epochs = [rng.choice([at, at - 1, at - 4, None]) for at in range(100) for _ in range(rng.randrange(4))]
    stats, items = mergeable(*epochs)
    for item in items + stats.flush():
        if isinstance(item, Interval):
            assert sum((item.seconds or {}).values()) == item.summary.requests
            assert all(item.from_s <= at < item.to_s for at in item.seconds or {})


def test_silence_of_a_live_log_is_told_in_empty_intervals() -> None:
    stats, items = mergeable(1)
    assert items == []
    assert seconds(stats.tick(30)) == [(0, 10, {1: 1}), (10, 20, {})]
    assert seconds(stats.tick(40)) == [(20, 30, {})]
    assert seconds(stats.tick(41)) == []


def test_gap_that_was_told_in_empty_intervals_is_not_told_again() -> None:
    stats, _ = mergeable(1)
    stats.tick(40)
    items = stats.feed(read_of([55, 70]))
    assert [item for item in items if isinstance(item, Gap)] == [Gap(T0_S + 30, T0_S + 50)]


def test_what_comes_of_an_interval_that_was_told_empty_is_told_too() -> None:
    stats, _ = mergeable(1)
    stats.tick(40)
    assert seconds(stats.feed(read_of([15, 25, 40]))) == [(10, 20, {15: 1}), (20, 30, {25: 1})]


def test_log_without_any_record_is_told_of_from_now_on() -> None:
    stats = Stats(10, LATENESS_S, mergeable=True)
    assert stats.idle(T0_S + 18) == []
    assert seconds(stats.idle(T0_S + 26)) == [(10, 20, {})]
    assert seconds(stats.idle(T0_S + 46)) == [(20, 30, {}), (30, 40, {})]
    assert seconds(stats.feed(read_of([5, 30]))) == [(0, 10, {5: 1})]


def test_nobody_is_told_of_a_log_without_records_who_does_not_merge() -> None:
    stats = Stats(10, LATENESS_S)
    assert stats.idle(T0_S + 100) == stats.idle(T0_S + 200) == []


def test_alerts_without_any_record_are_given() -> None:
    alerts = [(0, AlertEvent(message="first")), (0, AlertEvent(message="second"))]
    assert short(Stats(10, LATENESS_S).feed(read_of([], alerts))) == ["first", "second"]


# What must hold for any log.


def ordered_log(rng: random.Random) -> list[int]:
    second, epochs = rng.randint(0, 60), []
    for _ in range(rng.randint(2, 6)):
        rate = rng.choice([1, 1, 2, 4])
        for _ in range(rng.randint(1, 60)):
            epochs += [second] * max(0, rate + rng.choice([-1, 0, 0, 1]))
            second += 1
        second += rng.choice([0, 0, 3, 25, 119, 121, 600])
    return [*epochs, second, second]


def chaotic_log(rng: random.Random) -> Epochs:
    """Disorder, far stamps, clocks set back, fractions, and records without a stamp."""
    epochs: Epochs = []
    shift = 0
    for _, epoch in sorted(
        (epoch + rng.choice([1, 2, 30]) * rng.random(), epoch) for epoch in ordered_log(rng)
    ):
        if rng.random() < 0.01:
            shift += rng.choice([-3600, -121, 121, 3600])
        stamp: int | float | None = epoch + shift
        dice = rng.random()
        if dice < 0.02:
            stamp = None
        elif dice < 0.06:
            stamp = epoch + rng.choice([-YEAR_S, -600, -121, -60, -20, 20, 120, 121, 240, YEAR_S])
        elif dice < 0.2:
            stamp = epoch + shift + rng.randrange(4) / 4
        epochs += [stamp] * (1 if rng.random() < 0.9 else rng.randint(2, 12))
    return epochs


def random_rows(rng: random.Random, epochs: Epochs) -> list[StatsRow]:
    return [
        StatsRow(
            event=rng.choice([None, None, None, "unparsed"]),
            epoch=epoch,
            client=rng.choice("abc"),
            status=rng.choice([200, 404, 500]),
            bytes=rng.choice([None, 1, 10]),
            section=rng.choice(["/a", "/b", None]),
        )
        for epoch in epochs
    ]


def reads(
    rng: random.Random, rows: list[StatsRow], alerts: list[tuple[int, AlertEvent]]
) -> Iterator[Read[StatsRow]]:
    """The rows in reads of any size, each alert in the read that holds the row before it."""
    size = rng.choice([1, 2, 7, 100])
    at = 0
    while at < len(rows) or alerts:
        end = min(len(rows), at + rng.randint(0, 2 * size))
        here = [(after - at, alert) for after, alert in alerts if after <= end]
        alerts = alerts[len(here) :]
        yield Read(rows=rows[at:end], alerts=here)
        at = end


def told(item: Item) -> object:
    """All that an item says, comparable."""
    if not isinstance(item, Interval):
        return item
    summary = item.summary
    counts = (summary.sections.top(10**6), summary.statuses())
    clients, paths = (tally.top(10**6) for tally in (summary.clients, summary.failing_paths))
    more = (summary.requests, summary.unparsed, clients, paths)
    return item[:2], item[3:], counts, more


@in_normal_and_full_runs
def test_any_ordered_log_gives_what_sorting_it_into_intervals_gives(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        epochs, interval_s = ordered_log(rng), rng.choice([1, 7, 10, 60])
        expected: list[Short] = []
        end = None
        for number, group in groupby((epoch + T0_S) // interval_s for epoch in epochs):
            begin = number * interval_s - T0_S
            if end is not None and begin > end:
                expected.append((end, begin))
            end = begin + interval_s
            expected.append((begin, min(end, epochs[-1] + 1), len(list(group)), 0, 0))
        assert short(all_items(Stats(interval_s, LATENESS_S), [*epochs])) == expected, f"seed {seed}"


@in_normal_and_full_runs
def test_any_reads_give_the_same_items(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rows, interval_s = random_rows(rng, chaotic_log(rng)), rng.choice([1, 7, 10, 60])
        places = sorted(rng.randint(0, len(rows)) for _ in range(rng.randint(0, 4)))
        alerts = [(place, AlertEvent(hits=number)) for number, place in enumerate(places)]
        whole, split = Stats(interval_s, LATENESS_S), Stats(interval_s, LATENESS_S)
        expected = whole.feed(Read(rows=rows, alerts=alerts)) + whole.flush()
        items = [item for read in reads(rng, rows, alerts) for item in split.feed(read)] + split.flush()
        assert [told(item) for item in items] == [told(item) for item in expected], f"seed {seed}"


@in_normal_and_full_runs
def test_any_log_loses_no_record(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rows = random_rows(rng, chaotic_log(rng))
        stats = Stats(rng.choice([1, 7, 10, 60]), rng.choice([1, 2, 60]))
        items = [item for read in reads(rng, rows, []) for item in stats.feed(read)] + stats.flush()
        intervals = [item for item in items if isinstance(item, Interval)]
        counted = sum(i.summary.requests + i.summary.unparsed + i.uncounted for i in intervals)
        clock = stats.clock
        assert counted == clock.on_time + clock.late + clock.outliers == len(rows), f"seed {seed}"
        assert sum(i.late for i in intervals) == clock.late, f"seed {seed}"
        assert all(i.from_s < i.to_s for i in intervals), f"seed {seed}"


@in_normal_and_full_runs
def test_any_disorder_within_the_lateness_gives_the_same_items(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        epochs, lateness_s = ordered_log(rng), rng.choice([1, 2, 5, 60])
        epochs.append(epochs[-1])
        shuffled = [
            epoch for _, epoch in sorted((epoch + lateness_s * rng.random(), epoch) for epoch in epochs)
        ]
        expected = short(all_items(Stats(10, lateness_s), [*epochs]))
        assert short(all_items(Stats(10, lateness_s), [*shuffled])) == expected, f"seed {seed}"


@in_normal_and_full_runs
def test_any_silence_tells_no_interval_twice(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rows, stats = random_rows(rng, [*ordered_log(rng)]), Stats(10, LATENESS_S)
        items: list[Item] = []
        for read in reads(rng, rows, []):
            items += stats.feed(read)
            items += stats.tick(rng.choice([0.0, 6.0, 12.0, 30.0, 300.0]))
        items += stats.flush()
        begins = Counter(item.from_s for item in items if isinstance(item, Interval | Gap))
        assert [*begins] == sorted(begins), f"seed {seed}"
        assert set(begins.values()) <= {1}, f"seed {seed}"


# One summary of everything.


def total_of(epochs: Epochs) -> Interval:
    total = Total(LATENESS_S)
    items = [item for epoch in epochs for item in total.feed(read_of([epoch]))] + total.flush()
    (item,) = items
    assert isinstance(item, Interval)
    return item


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        pytest.param([3], (3, 4, 1, 0, 0), id="one record"),
        pytest.param([3, 95], (3, 96, 2, 0, 0), id="from the first to the last second"),
        pytest.param([3, 50, -60], (-60, 51, 3, 1, 0), id="late records count"),
        pytest.param([3, YEAR_S], (3, 4, 2, 0, 0), id="an outlier counts, but not its time"),
        pytest.param([3, YEAR_S, YEAR_S], (3, YEAR_S + 1, 3, 0, 0), id="two that agree"),
        pytest.param([None, 3, None], (3, 4, 3, 0, 0), id="no stamp counts"),
        pytest.param([3, *range(-3600, -3589)], (-3600, 4, 12, 0, 0), id="two eras"),
    ],
)
def test_total_counts_everything(epochs: Epochs, expected: Short) -> None:
    assert short([total_of(epochs)]) == [expected]


def test_total_without_a_stamp_counts_still() -> None:
    total = total_of([None, None])
    assert (total.has_time, total.summary.requests) == (False, 2)


def test_total_of_nothing_is_nothing() -> None:
    assert Total(LATENESS_S).flush() == []


def test_total_gives_alerts_at_once_and_is_not_ended_by_silence() -> None:
    total = Total(LATENESS_S)
    assert short(total.feed(read_of([3], [(1, AlertEvent(message="alert"))]))) == ["alert"]
    assert total.tick(90_000.0) == []


@in_normal_and_full_runs
def test_any_total_holds_every_record(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rows, total = random_rows(rng, chaotic_log(rng)), Total(LATENESS_S)
        for read in reads(rng, rows, []):
            total.feed(read)
        (item,) = total.flush()
        assert isinstance(item, Interval), f"seed {seed}"
        assert item.summary.requests + item.summary.unparsed == len(rows), f"seed {seed}"
        assert item.from_s < item.to_s, f"seed {seed}"
