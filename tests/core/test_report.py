"""What a report counts: points in time that merge exactly, alerts as spans, and that nothing grows."""

from __future__ import annotations

import random
from bisect import bisect_left
from itertools import pairwise
from math import ceil

import pytest

from w3ctools.core.report import (
    KEPT_ALERTS,
    MESSAGE_CHARACTERS,
    MOST_POINTS,
    POINT_LENGTHS_S,
    TIMED_SECTIONS,
    Alerts,
    Durations,
    Report,
    ReportRow,
    Timeline,
    step_of,
)
from w3ctools.core.wire import AlertEvent, Read

T0_S = 1_700_006_400  # the beginning of a day
DAY_S = 86_400
LATENESS_S = 2


def row(second: float | None, **keys: object) -> ReportRow:
    """A record so many seconds after T0."""
    epoch = None if second is None else T0_S + second
    return ReportRow(epoch=epoch, **{"status": 200, "bytes": 100, **keys})  # type: ignore[arg-type]


def report_of(rows: list[ReportRow], block: int = 50) -> Report:
    """All rows, read in blocks of a size."""
    report = Report(LATENESS_S)
    for begin in range(0, len(rows), block):
        report.feed(Read(rows=rows[begin : begin + block]))
    report.flush()
    return report


def event(state: str, second: int | None, message: str = "", **keys: object) -> AlertEvent:
    """An alert, with the message of w3c-alert unless another is given."""
    words = {
        "raised": "High traffic generated an alert - hits = 7, triggered at TIME",
        "recovered": "High traffic alert recovered - hits = 7, recovered at TIME",
        "reset": "High traffic alert reset - the log's clock went back, at TIME",
    }
    return AlertEvent(state=state, epoch=second, message=message or words[state], **keys)  # type: ignore[arg-type]


class TestDurations:
    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize(("width", "error"), [(1, 0.0055), (4, 0.0219)])
    def test_percentile_is_within_the_stated_error(self, seed: int, width: int, error: float) -> None:
        chance = random.Random(seed)
        values = [chance.lognormvariate(-2, 2) for _ in range(chance.randint(1, 400))]
        durations = Durations(width)
        for value in values:
            durations.add({step_of(value): 1})
        for percent in (50, 95, 99):
            exact = sorted(values)[ceil(len(values) * percent / 100) - 1]
            assert durations.percentile(percent) == pytest.approx(exact, rel=error)

    def test_nothing_has_no_percentile(self) -> None:
        assert Durations().percentile(50) is None

    @pytest.mark.parametrize("duration_s", [-1e308, -1.0, 0.0, 1e-300, 1e300, 1e308])
    def test_absurd_durations_are_counted_at_the_ends(self, duration_s: float) -> None:
        assert step_of(duration_s) in (0, step_of(1e12))


class TestTimeline:
    def test_lengths_are_multiples(self) -> None:
        pairs = pairwise(POINT_LENGTHS_S)
        assert [pair for pair in pairs if pair[1] % pair[0]] == []

    @pytest.mark.parametrize(
        ("span_s", "point_s"),
        [
            (1, 1),
            (720, 1),
            (721, 5),
            (3600, 5),
            (3601, 15),
            (DAY_S, 300),
            (30 * DAY_S, 3600),
            (365 * DAY_S, DAY_S),
        ],
    )
    def test_points_are_as_short_as_fits(self, span_s: int, point_s: int) -> None:
        timeline = Timeline()
        timeline.at(T0_S)
        timeline.at(T0_S + span_s - 1)
        assert timeline.point_s == point_s
        assert len(timeline.points()) == max(1, ceil(span_s / point_s))

    @pytest.mark.parametrize("span_s", [10, 10**5, 10**7, 10**9, 10**12, 10**30])
    def test_never_more_than_most_points(self, span_s: int) -> None:
        timeline = Timeline()
        for second in (0, span_s // 3, -span_s, span_s):
            timeline.at(T0_S + second)
        assert 1 < len(timeline.points()) <= MOST_POINTS

    @pytest.mark.parametrize("seed", range(30))
    def test_order_makes_no_difference(self, seed: int) -> None:
        chance = random.Random(seed)
        rows = [
            row(chance.randrange(10 ** chance.randint(1, 7)), duration=chance.random()) for _ in range(200)
        ]
        found = []
        for _ in range(2):
            timeline = Timeline()
            for one in rows:
                timeline.at(int(one.epoch or 0)).feed([(one, step_of(one.duration or 0))])
            found.append(
                [(p.requests, p.bytes, p.durations.percentile(95)) for p in timeline.points()]
                + [(timeline.first_s, timeline.end_s, None)]
            )
            chance.shuffle(rows)
        assert found[0] == found[1]
        assert sum(point[0] for point in found[0][:-1]) == 200


class TestReport:
    def test_a_point_counts_what_came(self) -> None:
        rows = [row(0, status=200), row(0, status=404), row(0, status=503), row(0, status=None, bytes=None)]
        (point,) = report_of([*rows, row(0, event="unparsed")]).timeline.points()
        assert (point.requests, point.client_errors, point.server_errors) == (4, 1, 1)
        assert (point.bytes, point.unparsed, point.lines) == (300, 1, 5)

    def test_gaps_are_empty_points(self) -> None:
        requests = [point.requests for point in report_of([row(0), row(3), row(3)]).timeline.points()]
        assert requests == [1, 0, 0, 2]

    @pytest.mark.parametrize("status", [-1, 0, 99, 600, 10**30])
    def test_an_absurd_status_is_in_no_class(self, status: int) -> None:
        (point,) = report_of([row(0, status=status)]).timeline.points()
        assert point.by_class == {0: 1}

    @pytest.mark.parametrize("seed", range(30))
    def test_blocks_make_no_difference(self, seed: int) -> None:
        chance = random.Random(seed)
        second, rows = 0, []
        for _ in range(400):
            second += chance.choice((0, 0, 0, 1, 1, 2, -1, -3, 40, -200, 500)) if chance.random() < 0.5 else 0
            stamp = None if chance.random() < 0.02 else second
            rows.append(row(stamp, status=chance.choice((200, 404, 500)), duration=chance.random()))
        shown = []
        for block in (1, 7, 400):
            report = report_of(rows, block)
            points = [(p.requests, p.server_errors, p.bytes) for p in report.timeline.points()]
            shown.append((points, report.peak, report.first_s, report.last_s, report.timeless))
        assert shown[0] == shown[1] == shown[2]
        points, timeless = shown[0][0], shown[0][-1]
        assert sum(point[0] for point in points) + timeless == 400

    def test_one_wrong_stamp_does_not_stretch_time(self) -> None:
        report = report_of([row(0), row(10**8), row(1), row(2)])
        assert report.span_s == 3
        assert report.timeless == 1
        assert report.summary.requests == 4

    def test_clock_set_back_counts_at_the_times_told(self) -> None:
        later, earlier = [row(second) for second in range(1000, 1100)], [row(second) for second in range(30)]
        report = report_of([*later, *earlier])
        points = report.timeline.points()
        assert sum(point.requests for point in points) == 130
        assert (report.first_s, report.last_s) == (T0_S, T0_S + 1099)

    def test_lines_without_time_count_at_the_clock(self) -> None:
        report = report_of([row(None), row(5), row(None)])
        assert [point.requests for point in report.timeline.points()] == [3]

    def test_without_any_time_there_is_no_timeline(self) -> None:
        report = report_of([row(None)])
        assert not report.timeline
        assert (report.span_s, report.first_s) == (0, None)
        assert report.summary.requests == 1

    def test_peak_is_the_busiest_second(self) -> None:
        seconds = [*range(100), *[100] * 7, 101, *[102] * 3]
        assert report_of([row(second) for second in seconds]).peak == 7

    def test_peak_of_two_eras_is_not_their_sum(self) -> None:
        first, second = [row(s) for s in (1000, *range(1000, 1200))], [row(s) for s in range(990, 1005)]
        assert report_of([*first, *second], block=1).peak == 2

    def test_reasons_are_counted(self) -> None:
        rows = [row(0, event="unparsed", reason=reason) for reason in ("a", "b", "b")]
        assert report_of(rows).reasons.top(5) == [("b", 2), ("a", 1)]

    def test_sections_know_their_durations(self) -> None:
        report = report_of([row(0, section="/a", duration=0.5), row(0, section="/b")])
        assert report.section_p95_s("/a") == pytest.approx(0.5, rel=0.022)
        assert report.section_p95_s("/b") is None

    def test_a_long_section_knows_its_durations_too(self) -> None:
        report = report_of([row(0, section="/" + "x" * 5000, duration=0.5)])
        (section,) = report.summary.sections.top(1)
        assert report.section_p95_s(section.key) == pytest.approx(0.5, rel=0.022)

    def test_durations_of_the_sections_that_came_first(self) -> None:
        rows = [row(0, section=f"/{number}", duration=1.0) for number in range(TIMED_SECTIONS + 10)]
        report = report_of(rows)
        known = [report.section_p95_s(one.section) is not None for one in rows]
        assert known == [True] * TIMED_SECTIONS + [False] * 10
        assert report.durations.count == len(rows)

    def test_time_in_all_by_path(self) -> None:
        rows = [
            row(0, path="/a", duration=0.25),
            row(0, path="/b", duration=0.3),
            row(0, path="/a", duration=0.25),
        ]
        assert report_of(rows).slow_paths.top(5) == [("/a", 500_000), ("/b", 300_000)]

    def test_absurd_durations_are_counted(self) -> None:
        report = report_of([row(0, path="/a", duration=duration) for duration in (1e308, -1e308, 0.0)])
        assert report.durations.count == 3
        assert report.slow_paths.total >= 0

    def test_says_whether_anything_came(self) -> None:
        report = Report(LATENESS_S)
        assert not report.feed(Read())
        assert report.feed(Read(rows=[row(0)]))
        assert report.feed(Read(alerts=[(0, event("raised", 1))]))

    def test_alert_without_time_is_at_the_clock(self) -> None:
        report = Report(LATENESS_S)
        report.feed(Read(rows=[row(3), row(50)], alerts=[(1, event("raised", None))]))
        assert report.alerts.kept[0].raised_s == T0_S + 3


class TestAlerts:
    def test_an_alert_goes_from_raised_to_recovered(self) -> None:
        alerts = Alerts()
        alerts.feed(event("raised", 10), None)
        assert alerts.lasting == 1
        alerts.feed(event("recovered", 25), None)
        (alert,) = alerts.kept
        assert (alert.raised_s, alert.ended_s, alert.ended_by) == (10, 25, "recovered")
        assert alerts.lasting == 0

    def test_a_reset_ends_it_too(self) -> None:
        alerts = Alerts()
        alerts.feed(event("raised", 10), None)
        alerts.feed(event("reset", 3), None)
        assert [(alert.raised_s, alert.ended_by) for alert in alerts.kept] == [(10, "reset")]

    def test_alerts_about_different_things_do_not_meet(self) -> None:
        alerts = Alerts()
        words = "High errors on {} generated an alert - errors = 9, triggered at TIME"
        alerts.feed(event("raised", 1, words.format("/a")), None)
        alerts.feed(event("raised", 2, words.format("/b")), None)
        alerts.feed(event("recovered", 3, "High errors on /a alert recovered - errors = 0, at TIME"), None)
        assert [alert.ended_s for alert in alerts.kept] == [3, None]

    def test_an_end_without_beginning_is_kept(self) -> None:
        alerts = Alerts()
        alerts.feed(event("recovered", 9), None)
        assert [(alert.raised_s, alert.ended_s) for alert in alerts.kept] == [(None, 9)]

    def test_raised_twice_is_one(self) -> None:
        alerts = Alerts()
        alerts.feed(event("raised", 1), None)
        alerts.feed(event("raised", 2), None)
        assert [alert.raised_s for alert in alerts.kept] == [1]

    def test_without_words_rule_and_key_tell_which(self) -> None:
        alerts = Alerts()
        alerts.feed(event("raised", 1, "?", rule="a", key="x"), None)
        alerts.feed(event("raised", 2, "?", rule="a", key="y"), None)
        alerts.feed(event("recovered", 3, "?", rule="a", key="y"), None)
        assert [alert.ended_s for alert in alerts.kept] == [None, 3]

    def test_the_newest_are_kept_and_all_are_counted(self) -> None:
        alerts = Alerts()
        for number in range(3 * KEPT_ALERTS):
            alerts.feed(event("raised", number, f"High x on {number} generated an alert - "), None)
        assert (len(alerts.kept), alerts.count) == (KEPT_ALERTS, 3 * KEPT_ALERTS)
        assert alerts.kept[0].raised_s == 2 * KEPT_ALERTS
        assert len(alerts._open) == KEPT_ALERTS

    def test_a_long_message_is_cut(self) -> None:
        alerts = Alerts()
        alerts.feed(event("raised", 1, "x" * 10_000), None)
        assert len(alerts.kept[0].message) == MESSAGE_CHARACTERS + 1


def test_memory_is_flat() -> None:
    """A month at one request a minute: as many points as for two, and of each some counts."""
    report = Report(LATENESS_S)
    sizes = []
    for day in range(60):
        minutes = range(day * DAY_S, (day + 1) * DAY_S, 60)
        report.feed(Read(rows=[row(minute, duration=0.1) for minute in minutes]))
        sizes.append(len(report.timeline.points()))
    assert max(sizes) <= MOST_POINTS
    assert bisect_left(POINT_LENGTHS_S, report.timeline.point_s) == POINT_LENGTHS_S.index(10_800)
    assert len(report._open_seconds) <= 3
