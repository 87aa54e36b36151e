"""Gauges: what is decoded and measured of rows, and comparing it exactly."""

from __future__ import annotations

import random
from fractions import Fraction
from math import ceil, nextafter

import msgspec
import pytest
from rule_kit import METRICS, Said, restamped, rows, rule_of

from w3ctools.core.gauge import Histogram, Sum, Traffic, gauge, row_type
from w3ctools.core.rule import Rule

SAID = Said(1, status=500, bytes=7, duration=0.5, section="/a", vhost="v", client="c")


def traffic_of(rule: Rule, *log: Said) -> Traffic:
    came = rows([rule], log)
    return Traffic(came, 0, len(came))


def total_of(rule: Rule, *log: Said) -> Sum:
    return gauge(rule).whole(traffic_of(rule, *log))


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        pytest.param([], [], id="no rule"),
        pytest.param(["threshold=1"], [], id="requests"),
        pytest.param(["metric=unparsed threshold=1"], [], id="unparsed"),
        pytest.param(["metric=errors threshold=1"], ["status"], id="errors"),
        pytest.param(["metric=error-ratio threshold=1%"], ["status"], id="error-ratio"),
        pytest.param(["metric=bytes threshold=1"], ["bytes"], id="bytes"),
        pytest.param(["metric=p95 threshold=1"], ["duration"], id="p95"),
        pytest.param(["threshold=1 by=client"], ["client"], id="what is counted by"),
        pytest.param(
            [
                "metric=p95 threshold=1 by=vhost",
                "metric=errors threshold=1 by=section",
                "threshold=1 by=vhost",
            ],
            ["duration", "section", "status", "vhost"],
            id="all that several rules read, once",
        ),
    ],
)
def test_only_what_rules_read_is_decoded(rules: list[str], fields: list[str]) -> None:
    made = row_type([rule_of(text) for text in rules])
    assert sorted(made.__struct_fields__) == sorted(["event", "epoch", *fields])


def test_row_takes_numbers_and_texts_of_its_fields_and_passes_over_the_rest() -> None:
    rules = [rule_of(f"metric={metric} threshold=1 by=section") for metric in ("errors", "bytes", "p95")]
    line = b'{"epoch":1.5,"status":500,"bytes":7,"duration":1,"section":"/a","client":["any","thing"]}'
    row = msgspec.json.decode(line, type=row_type(rules))
    assert msgspec.structs.asdict(row) == {
        "event": None,
        "epoch": 1.5,
        "status": 500,
        "bytes": 7,
        "duration": 1,
        "section": "/a",
    }


@pytest.mark.parametrize("metric", METRICS)
def test_sums_add_up_and_can_be_taken_away_and_packed(metric: str) -> None:
    rule = rule_of(f"metric={metric} threshold=0.5")
    meter = gauge(rule)
    first, second = total_of(rule, SAID, Said(1, unparsed=True)), total_of(rule, SAID, Said(1, status=200))
    both = total_of(rule, SAID, Said(1, unparsed=True), SAID, Said(1, status=200))
    total = meter.nothing()
    total.add(first)
    kept = total.copy()
    total.add(second)
    assert (
        total.pack()
        == both.pack()
        == meter.unpack(msgspec.json.decode(msgspec.json.encode(both.pack()))).pack()
    )
    total.subtract(second)
    assert total.pack() == first.pack() == kept.pack()
    total.subtract(first)
    assert total.pack() == meter.nothing().pack()


@pytest.mark.parametrize("metric", ["requests", "p95"])
@pytest.mark.parametrize("packed", [[], [1], [1, 2, 3], [-1, 0], ["1", 0], [1, "x"], [None, []], [1, [[1]]]])
def test_sum_that_cannot_be_is_refused(metric: str, packed: list[object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        gauge(rule_of(f"metric={metric} threshold=1")).unpack(packed)


@pytest.mark.parametrize(
    ("metric", "hits", "amount", "value"),
    [
        ("requests", 4, 4, 0.4),
        ("errors", 4, 2, 0.2),
        ("error-ratio", 4, 2, 0.5),
        ("bytes", 4, 1000, 100.0),
        ("unparsed", 4, 1, 0.1),
    ],
)
def test_metrics_measure_what_they_say(metric: str, hits: int, amount: int, value: float) -> None:
    rule = rule_of(f"metric={metric} threshold=1 window_s=10")
    log = [Said(1, status=500, bytes=1000), Said(1, status=599), Said(1, status=404), Said(1, unparsed=True)]
    total = total_of(rule, *log)
    assert (total.hits, total.amount, gauge(rule).value(total)) == (hits, amount, value)


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_measures_nothing(metric: str) -> None:
    meter = gauge(rule_of(f"metric={metric} threshold=1"))
    nothing = meter.nothing()
    assert (meter.value(nothing), meter.is_breaching(nothing), meter.is_over(nothing)) == (0.0, False, True)


@pytest.mark.parametrize("metric", METRICS)
def test_by_key_is_what_each_key_would_be_alone(metric: str) -> None:
    rng = random.Random(1)
    rule = rule_of(f"metric={metric} threshold=0.5 by=section")
    log = [
        Said(
            1,
            status=rng.choice([200, 500, None]),
            bytes=rng.choice([None, 7]),
            duration=rng.choice([None, 0.1, 0.5]),
            section=rng.choice(["/a", "/b", None]),
        )
        for _ in range(99)
    ]
    sums = gauge(rule).by_key(traffic_of(rule, *log), "section")
    assert {key: came.pack() for key, came in sums.items()} == {
        key: total_of(rule, *[said for said in log if said.section == key]).pack()
        for key in ("/a", "/b", None)
    }


def test_traffic_is_of_its_rows_alone() -> None:
    rule = rule_of("metric=bytes threshold=1")
    came = rows([rule], [Said(1, bytes=size) for size in (1, 10, 100, 1000)])
    traffic = Traffic(came, 1, 3)
    assert (traffic.requests, traffic.count("bytes")) == (2, 110)
    assert [one.count("bytes") for one in traffic.each()] == [10, 100]


# Bounds


@pytest.mark.parametrize(
    ("rule", "amounts"),
    [
        # Amounts of which the value is below, at and above the threshold.
        ("threshold=0.29 window_s=100", (28, 29, 30)),
        ("threshold=0.1 window_s=30", (2, 3, 4)),
        ("threshold=1.1 window_s=10", (10, 11, 12)),
        ("metric=bytes threshold=0.7 window_s=10", (6, 7, 8)),
        ("metric=errors threshold=0.3 window_s=10", (2, 3, 4)),
        ("metric=unparsed threshold=0.6 window_s=5", (2, 3, 4)),
    ],
)
def test_bound_of_a_rate_is_exact(rule: str, amounts: tuple[int, int, int]) -> None:
    high, low = gauge(rule_of(rule)), gauge(rule_of(rule.replace("threshold", "below")))
    totals = [Sum(99, amount) for amount in amounts]
    assert [high.is_breaching(total) for total in totals] == [False, False, True]
    assert [high.is_over(total) for total in totals] == [True, False, False]
    assert [low.is_breaching(total) for total in totals] == [True, False, False]
    assert [low.is_over(total) for total in totals] == [False, False, True]
    assert [low.reaches_threshold(total) for total in totals] == [False, True, True]


@pytest.mark.parametrize(
    ("share", "hits", "errors"), [("5%", 20, 1), ("0.29", 100, 29), ("7%", 10**15, 7 * 10**13)]
)
def test_bound_of_a_ratio_is_exact(share: str, hits: int, errors: int) -> None:
    meter = gauge(rule_of(f"metric=error-ratio threshold={share}"))
    totals = [Sum(hits, errors - 1), Sum(hits, errors), Sum(hits, errors + 1)]
    assert [meter.is_breaching(total) for total in totals] == [False, False, True]
    assert [meter.is_over(total) for total in totals] == [True, False, False]


@pytest.mark.parametrize("bound", ["0.3", "0.83", "1.1", "29ms", "0.0000005", "123456", "1"])
def test_bound_of_a_percentile_is_exact(bound: str) -> None:
    rule = rule_of(f"metric=p95 threshold={bound}")
    meter, bound_s = gauge(rule), float(rule.threshold)
    durations = [nextafter(bound_s, 0), bound_s, nextafter(bound_s, 1e9)]
    totals = [total_of(rule, Said(1, duration=duration_s)) for duration_s in durations]
    assert [meter.is_breaching(total) for total in totals] == [False, False, True]
    assert [meter.is_over(total) for total in totals] == [True, False, False]
    assert meter.value(totals[1]) == bound_s


@pytest.mark.parametrize("recover_at", ["0.299999999", "0.3", "0.1"])
def test_bound_of_recovery_of_a_percentile_is_exact(recover_at: str) -> None:
    rule = rule_of(f"metric=p95 threshold=0.3 recover_at={recover_at}")
    bound_s = float(recover_at)
    totals = [total_of(rule, Said(1, duration=duration_s)) for duration_s in (nextafter(bound_s, 0), bound_s)]
    assert [gauge(rule).is_over(total) for total in totals] == [True, False]


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 39, 40, 41, 59, 60, 61, 100])
def test_percentile_is_of_the_nearest_rank(count: int) -> None:
    rule = rule_of("metric=p95 threshold=0.001")
    durations = [1.03**rank for rank in range(1, count + 1)]
    random.Random(count).shuffle(durations)
    total = total_of(rule, *[Said(1, duration=duration_s) for duration_s in durations])
    expected_s = sorted(durations)[ceil(Fraction(95 * count, 100)) - 1]
    assert gauge(rule).value(total) == pytest.approx(expected_s, rel=0.0101)


@pytest.mark.parametrize("duration_s", [1e-6, 0.00123, 0.1, 0.83, 1.0, 7.77, 3600.0, 99_000.0])
def test_percentile_is_known_to_one_per_cent(duration_s: float) -> None:
    rule = rule_of("metric=p95 threshold=0.5")
    assert gauge(rule).value(total_of(rule, Said(1, duration=duration_s))) == pytest.approx(
        duration_s, rel=0.0101
    )


def test_requests_that_took_no_time_are_shown_as_such() -> None:
    rule = rule_of("metric=p95 below=0.5")
    assert gauge(rule).shown(total_of(rule, Said(1, duration=0.0))) == "p95 = 0 s"


def test_whole_seconds_are_durations_too() -> None:
    rule = rule_of("metric=p95 threshold=2")
    row = msgspec.json.decode(b'{"epoch":1,"duration":3}', type=row_type([rule]))
    total = gauge(rule).whole(Traffic([row], 0, 1))
    assert isinstance(total, Histogram)
    assert gauge(rule).is_breaching(total)


@pytest.mark.parametrize(
    ("hits", "breaching", "over"),
    [pytest.param(4, False, True, id="fewer"), pytest.param(5, True, False, id="enough")],
)
@pytest.mark.parametrize("bound", ["threshold=1%", "below=99%"])
def test_with_fewer_requests_there_is_no_alert(bound: str, hits: int, breaching: bool, over: bool) -> None:
    meter = gauge(rule_of(f"metric=error-ratio {bound} min_requests=5"))
    total = Sum(hits, hits - 3)
    assert (meter.is_breaching(total), meter.is_over(total)) == (breaching, over)


@pytest.mark.parametrize(
    ("rule", "log", "shown"),
    [
        ("threshold=1", [SAID] * 1220, "hits = 1220"),
        ("metric=errors threshold=1", [SAID] * 132, "errors = 132"),
        ("metric=error-ratio threshold=1%", [SAID] * 36 + [Said(1)] * 464, "ratio = 7.2 %"),
        ("metric=bytes threshold=1", [Said(1, bytes=1_234_567)], "bytes = 1234567"),
        ("metric=unparsed threshold=1", [Said(1, unparsed=True)] * 12, "unparsed = 12"),
        ("metric=p95 threshold=0.83", [Said(1, duration=0.83)], "p95 = 0.83 s"),
    ],
)
def test_value_for_people(rule: str, log: list[Said], shown: str) -> None:
    made = rule_of(rule)
    assert gauge(made).shown(total_of(made, *[restamped(said, 1) for said in log])) == shown
