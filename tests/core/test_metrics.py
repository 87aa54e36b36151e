"""Totals for a monitoring system: what they count, that they only grow, and that their number is bounded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_kit import parse_message

from w3ctools.core.metrics import (
    BUCKETS_S,
    ENOUGH_REQUESTS,
    MOST_SECTION_CHARS,
    STATUS_CLASSES,
    STRETCH_REQUESTS,
    Metrics,
)
from w3ctools.core.summary import USUAL, Spec, StatsRow, stats_row_type
from w3ctools.core.wire import AlertEvent, Read

T0_S = 1_700_000_000
TIMED = Spec(timings=True)
TIMED_ROW: Any = stats_row_type(TIMED)


def row(section: str | None = "/a", status: int | None = 200, epoch: int = T0_S, **keys: Any) -> StatsRow:
    return StatsRow(section=section, status=status, epoch=epoch, **keys)


def metrics_of(*rows: StatsRow, most_sections: int = 10, spec: Spec = USUAL) -> Metrics:
    metrics = Metrics(2, most_sections, spec)
    metrics.feed(Read(rows=list(rows)))
    return metrics


def values(metrics: Metrics) -> dict[str, float]:
    """All samples, by names such as ``requests_total 2xx``."""
    return {
        " ".join([family.name.removeprefix("w3c_") + sample.suffix, *(text for _, text in sample.labels)]): (
            sample.value
        )
        for family in metrics.families()
        for sample in family.samples
    }


def sections(metrics: Metrics) -> dict[str, tuple[float, float]]:
    """Requests and errors by section."""
    found, lead = values(metrics), "section_requests_total "
    return {
        name.removeprefix(lead): (value, found[f"section_errors_total {name.removeprefix(lead)}"])
        for name, value in found.items()
        if name.startswith(lead)
    }


def alert(state: str, rule: str | None = "traffic", key: str | None = None) -> AlertEvent:
    on = f" on {key}" if key else ""
    words = {"raised": "generated an alert", "recovered": "alert recovered", "reset": "alert reset"}[state]
    return AlertEvent(state=state, rule=rule, key=key, message=f"High traffic{on} {words} - hits = 7")


def alerts_after(*events: AlertEvent) -> dict[str, float]:
    metrics = Metrics(2, 10)
    metrics.feed(Read(alerts=[(0, event) for event in events]))
    return {name: value for name, value in values(metrics).items() if name.startswith("alert")}


# What is counted.


def test_before_anything_came_the_totals_are_there_as_zero() -> None:
    assert values(Metrics(2, 10)) == {
        "requests_total 2xx": 0,
        "requests_total 3xx": 0,
        "requests_total 4xx": 0,
        "requests_total 5xx": 0,
        "requests_total other": 0,
        "response_bytes_total": 0,
        "unparsed_lines_total": 0,
        "late_lines_total": 0,
        "section_requests_total other": 0,
        "section_errors_total other": 0,
    }


def test_requests_count_by_class_of_status() -> None:
    metrics = metrics_of(*(row(status=status) for status in (200, 204, 301, 404, 503, 599, 101, 600, None)))
    found = values(metrics)
    counts = {name.removeprefix("requests_total "): count for name, count in found.items()}
    assert [counts[name] for name in STATUS_CLASSES] == [2, 1, 1, 2, 3]


def test_unparsed_lines_are_no_requests() -> None:
    found = values(metrics_of(row(), StatsRow(event="unparsed"), StatsRow(event="unparsed")))
    assert found["unparsed_lines_total"] == 2
    assert found["requests_total 2xx"] == 1
    assert found["requests_total other"] == 0


def test_bytes_add_up_and_negative_ones_take_nothing_away() -> None:
    metrics = metrics_of(*(row(bytes=size) for size in (500, None, -900, 12)))
    assert values(metrics)["response_bytes_total"] == 512


def test_clock_is_the_newest_time_and_late_lines_count() -> None:
    metrics = metrics_of(row(epoch=T0_S), row(epoch=T0_S + 30), row(epoch=T0_S + 5))
    found = values(metrics)
    assert found["log_clock_timestamp_seconds"] == T0_S + 30
    assert found["late_lines_total"] == 1
    assert found["requests_total 2xx"] == 3


def test_end_of_the_input_settles_what_was_undecided() -> None:
    """One line far behind the clock is late once nothing can confirm it any more."""
    metrics = metrics_of(row(epoch=T0_S), row(epoch=T0_S - 900))
    assert values(metrics)["late_lines_total"] == 0
    metrics.flush()
    assert values(metrics)["late_lines_total"] == 1


def test_families_stay_as_they_are_when_more_comes() -> None:
    metrics = metrics_of(*[row()] * ENOUGH_REQUESTS)
    before = metrics.families()
    text = repr(before)
    metrics.feed(Read(rows=[row()] * 20, alerts=[(0, alert("raised"))]))
    assert repr(before) == text
    assert repr(metrics.families()) != text


# Sections.


def test_section_has_a_series_from_its_tenth_request_on() -> None:
    assert sections(metrics_of(*[row()] * (ENOUGH_REQUESTS - 1))) == {"other": (9, 0)}
    assert sections(metrics_of(*[row()] * (ENOUGH_REQUESTS + 4))) == {"other": (9, 0), "/a": (5, 0)}


def test_errors_of_a_section_are_those_of_the_server() -> None:
    rows = [
        *[row()] * 9,
        row(status=500),
        row(status=599),
        row(status=499),
        row(status=600),
        row(status=None),
    ]
    assert sections(metrics_of(*rows)) == {"other": (9, 0), "/a": (5, 2)}


def test_without_room_all_others_count_together() -> None:
    rows = [row(f"/{name}") for _ in range(20) for name in "abcd"]
    assert sections(metrics_of(*rows, most_sections=2)) == {
        "other": (58, 0),
        "/a": (11, 0),
        "/b": (11, 0),
    }


def test_sections_with_most_requests_take_the_room() -> None:
    """Also where they came last."""
    rows = [row(f"/few{number}") for number in range(9)] * 9 + [row("/many"), row("/more")] * 50
    assert set(sections(metrics_of(*rows, most_sections=2))) == {"other", "/many", "/more"}


def test_what_comes_seldom_never_gets_a_series() -> None:
    metrics = Metrics(2, 10)
    for _ in range(ENOUGH_REQUESTS + 1):
        metrics.feed(Read(rows=[row("/seldom"), *[row("/often")] * (STRETCH_REQUESTS - 1)]))
    assert set(sections(metrics)) == {"other", "/often"}


def test_only_the_sections_of_one_stretch_are_remembered() -> None:
    metrics = Metrics(2, 10)
    for stretch in range(3):
        metrics.feed(Read(rows=[row(f"/{stretch}/{number}") for number in range(STRETCH_REQUESTS)]))
    assert len(metrics._sections._candidates) <= STRETCH_REQUESTS


def test_long_section_is_no_name_for_a_series() -> None:
    fits, too_long = "/" * MOST_SECTION_CHARS, "/" * (MOST_SECTION_CHARS + 1)
    rows = [*[row(fits)] * ENOUGH_REQUESTS, *[row(too_long)] * 50]
    assert sections(metrics_of(*rows)) == {"other": (59, 0), fits: (1, 0)}


def test_sections_named_like_the_rest_make_no_second_series() -> None:
    """Two series of one name, and Prometheus refuses all of them."""
    rows = [row(section) for section in ("other", "-", None)] * ENOUGH_REQUESTS
    metrics = metrics_of(*rows)
    first = sections(metrics)
    assert first == {"other": (28, 0), "-": (2, 0)}
    assert sections(metrics) == first  # nothing was added twice


def test_sections_are_as_deep_as_the_spec_says() -> None:
    rows = [row(path="/a/b/c") for _ in range(ENOUGH_REQUESTS)]
    assert set(sections(metrics_of(*rows, spec=Spec(depth=2)))) == {"other", "/a/b"}


_ROWS = st.builds(
    row,
    section=st.sampled_from(["/a", "/b", "/c", "other", "-", None]),
    status=st.sampled_from([None, 101, 200, 404, 503]),
    epoch=st.integers(T0_S - 200, T0_S + 200),
    bytes=st.none() | st.integers(-5, 1000),
    event=st.sampled_from([None, None, None, "unparsed"]),
)


@given(st.lists(st.lists(_ROWS, max_size=60), max_size=6), st.integers(1, 4))
def test_totals_only_grow_and_sections_are_all_requests(reads: list[list[StatsRow]], most: int) -> None:
    metrics = Metrics(2, most)
    before = values(metrics)
    for rows in reads:
        metrics.feed(Read(rows=rows))
        now = values(metrics)
        assert before.keys() <= now.keys()
        assert all(now[name] >= value for name, value in before.items() if "_total" in name)
        requests = sum(value for name, value in now.items() if name.startswith("requests_total"))
        assert sum(requests for requests, _ in sections(metrics).values()) == requests
        assert len(sections(metrics)) <= most + 1
        before = now


@given(st.lists(_ROWS, max_size=120), st.lists(st.integers(0, 120), max_size=4))
def test_where_one_read_ends_changes_nothing(rows: list[StatsRow], cuts: list[int]) -> None:
    whole, pieces = Metrics(2, 2), Metrics(2, 2)
    whole.feed(Read(rows=rows))
    bounds = [0, *sorted(cuts), len(rows)]
    for begin, end in pairwise(bounds):
        pieces.feed(Read(rows=rows[begin:end]))
    assert pieces.families() == whole.families()


# Durations.


def test_durations_are_in_cumulative_buckets() -> None:
    durations = [0.001, 0.005, 0.0051, 0.3, 10.0, 11.0, None]
    metrics = metrics_of(*(TIMED_ROW(epoch=T0_S, duration=each) for each in durations), spec=TIMED)
    lead = "request_duration_seconds"
    found = {name: value for name, value in values(metrics).items() if name.startswith(lead)}
    counts = [2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5]
    assert found == {
        **{f"{lead}_bucket {bound}": count for bound, count in zip(BUCKETS_S, counts, strict=True)},
        f"{lead}_bucket +Inf": 6,
        f"{lead}_sum": pytest.approx(21.3111),
        f"{lead}_count": 6,
    }


def test_negative_duration_is_none() -> None:
    rows = [TIMED_ROW(epoch=T0_S, duration=0.5), TIMED_ROW(epoch=T0_S, duration=-3)]
    found = values(metrics_of(*rows, spec=TIMED))
    assert found["request_duration_seconds_sum"] == 0.5
    assert found["request_duration_seconds_count"] == 1


def test_log_without_durations_has_no_histogram() -> None:
    found = values(metrics_of(TIMED_ROW(epoch=T0_S), spec=TIMED))
    assert not [name for name in found if "duration" in name]


# Alerts.


def test_alert_is_open_until_it_recovers() -> None:
    assert alerts_after(alert("raised")) == {"alerts_total traffic": 1, "alert_open traffic": 1}
    assert alerts_after(alert("raised"), alert("recovered")) == {
        "alerts_total traffic": 1,
        "alert_open traffic": 0,
    }


def test_reset_ends_an_alert() -> None:
    assert alerts_after(alert("raised"), alert("reset"))["alert_open traffic"] == 0


def test_open_alerts_of_a_rule_are_counted_by_key() -> None:
    events = [alert("raised", key="/a"), alert("raised", key="/b"), alert("recovered", key="/a")]
    assert alerts_after(*events) == {"alerts_total traffic": 2, "alert_open traffic": 1}


def test_alert_told_twice_is_open_once() -> None:
    assert alerts_after(alert("raised"), alert("raised"))["alert_open traffic"] == 1


def test_recovery_from_an_alert_before_the_start_leaves_none_open() -> None:
    assert alerts_after(alert("recovered")) == {"alerts_total traffic": 0, "alert_open traffic": 0}


def test_high_and_low_of_one_name_are_two_alerts() -> None:
    low = AlertEvent(state="raised", rule="traffic", message="Low traffic generated an alert - hits = 1")
    assert alerts_after(alert("raised"), low)["alert_open traffic"] == 2


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("High traffic generated an alert - hits = 7, triggered at 2023-11-14T22:13:20Z", "traffic"),
        ("Low error ratio on /api generated an alert - ratio = 12%, triggered", "error-ratio"),
        ("High slow-on-api on on generated an alert - p95 = 3, triggered", "slow-on-api"),
    ],
)
def test_message_tells_its_rule(message: str, rule: str) -> None:
    event = parse_message(message.encode())
    assert event is not None
    assert alerts_after(event) == {f"alerts_total {rule}": 1, f"alert_open {rule}": 1}


def test_event_and_message_of_one_alert_are_one() -> None:
    recovery = parse_message(alert("recovered", key="/a").message.encode())
    assert recovery is not None
    assert alerts_after(alert("raised", key="/a"), recovery)["alert_open traffic"] == 0


def test_event_without_a_message_of_ours_is_told_by_its_keys() -> None:
    events = [AlertEvent(state=state, rule="disk", key="sda") for state in ("raised", "recovered")]
    assert alerts_after(*events) == {"alerts_total disk": 1, "alert_open disk": 0}
