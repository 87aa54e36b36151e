"""The model of the live screen: fed in the log's time, asked for views."""

from __future__ import annotations

from typing import Any

import pytest
from harness import EPOCH

from w3ctools.core.live import KEPT_ALERTS, Controls, Live, SectionLine, Span, View, closing_alerts
from w3ctools.core.summary import Spec, StatsRow, stats_row_type
from w3ctools.core.wire import AlertEvent, Read

TIMED = Spec(timings=True)
TIMED_ROW: Any = stats_row_type(TIMED)


def _live(spec: Spec = TIMED) -> Live:
    return Live(2, spec)


def _row(epoch: float | None, section: str = "/a", **keys: Any) -> StatsRow:
    values: dict[str, Any] = {"client": "198.18.0.1", "path": section + "/x", "status": 200, **keys}
    row: StatsRow = TIMED_ROW(epoch=epoch, section=section, **values)
    return row


def _feed(live: Live, *rows: StatsRow) -> None:
    live.feed(Read(rows=list(rows)))


def _every_second(live: Live, begin: int, end: int, section: str = "/a", **keys: Any) -> None:
    _feed(live, *(_row(EPOCH + second, section, **keys) for second in range(begin, end)))


def _alert(number: int, state: str = "raised", subject: str = "High traffic") -> AlertEvent:
    words = {"raised": "generated an alert", "recovered": "alert recovered", "reset": "alert reset"}[state]
    return AlertEvent(state=state, message=f"{subject} {words} - hits = {number}, triggered at now")


def _told(live: Live, *alerts: AlertEvent) -> None:
    live.feed(Read(alerts=[(0, alert) for alert in alerts]))


def _section(view: View, name: str) -> SectionLine:
    return next(line for line in view.sections if line.section == name)


def _spans(view: View) -> list[tuple[int, int]]:
    return [(span.length_s, span.requests) for span in view.spans]


def test_nothing_came() -> None:
    view = _live().view(None)
    assert (view.newest, view.lag_s, view.rate_per_s, view.seconds) == (None, None, 0.0, [])
    assert view.spans == [Span(0, 0, 0.0, 0, None)] * 4
    assert not any([view.sections, view.failing, view.clients, view.alerts])


def test_second_that_is_being_written_is_not_in_the_windows() -> None:
    live = _live()
    _feed(live, _row(EPOCH), _row(EPOCH), _row(EPOCH + 1))
    assert live.view(None).seconds == [2]


def test_windows_end_before_the_newest_second_and_the_last_one_is_all() -> None:
    live = _live()
    _every_second(live, 0, 401)
    assert _spans(live.view(None)) == [(10, 10), (60, 60), (300, 300), (401, 401)]


def test_windows_that_are_longer_than_the_log_are_as_long_as_it() -> None:
    live = _live()
    _every_second(live, 0, 21)
    view = live.view(None)
    assert _spans(view) == [(10, 10), (20, 20), (20, 20), (21, 21)]
    assert [span.rate_per_s for span in view.spans] == [1.0] * 4


def test_end_of_the_input_ends_the_newest_second() -> None:
    live = _live()
    _every_second(live, 0, 3)
    live.flush()
    assert live.view(None).seconds == [1, 1, 1]


def test_silence_moves_the_windows_on() -> None:
    live = _live()
    _every_second(live, 0, 100)
    live.tick(30.0)
    view = live.view(None)
    assert view.quiet_s == 30.0
    assert view.rate_per_s == 0.0
    assert view.spans[1].requests < 60


def test_silence_is_over_when_something_comes() -> None:
    live = _live()
    _every_second(live, 0, 100)
    live.tick(30.0)
    _feed(live, _row(EPOCH + 130))
    assert live.view(None).quiet_s is None


def test_disorder_within_the_lateness_counts_where_it_belongs() -> None:
    live = _live()
    _feed(live, _row(EPOCH), _row(EPOCH + 2), _row(EPOCH + 1), _row(EPOCH + 3))
    assert live.view(None).seconds == [1, 1, 1]


def test_single_stamp_far_ahead_moves_nothing() -> None:
    live = _live()
    _feed(live, _row(EPOCH), _row(EPOCH + 1), _row(EPOCH + 90_000), _row(EPOCH + 2))
    view = live.view(None)
    assert (view.newest, view.seconds) == (EPOCH + 2, [1, 1])
    assert view.spans[-1].requests == 4


def test_confirmed_jump_ahead_counts_what_waited() -> None:
    live = _live()
    _feed(live, _row(EPOCH), *(_row(EPOCH + 90_000 + second) for second in range(3)))
    assert live.view(None).seconds[-2:] == [1, 1]


def test_clock_set_back_begins_anew() -> None:
    live = _live()
    _every_second(live, 0, 50)
    _every_second(live, -5_000, -4_980)
    view = live.view(None)
    assert view.newest == EPOCH - 4_981
    assert view.seconds == [1] * 19
    assert view.spans[-1].requests == 70


def test_request_without_a_stamp_counts_at_the_clock() -> None:
    live = _live()
    _feed(live, _row(None), _row(EPOCH), _row(None), _row(EPOCH + 1))
    assert live.view(None).seconds == [3]


def test_unparsed_line_is_no_request() -> None:
    live = _live()
    row = _row(EPOCH)
    row.event = "unparsed"
    _feed(live, row, _row(EPOCH), _row(EPOCH + 1))
    view = live.view(None)
    assert (view.seconds, view.unparsed) == ([1], 1)


def test_section_is_counted_over_the_last_minute() -> None:
    live = _live()
    _every_second(live, 0, 101, "/a")
    _every_second(live, 80, 101, "/b", status=503)
    view = live.view(None)
    line = _section(view, "/b")
    assert (line.requests, line.errors, line.error_share) == (20, 20, 1.0)
    assert line.share == 20 / 80
    assert line.rate_per_s == 20 / 60


@pytest.mark.parametrize(
    ("per_s_before", "per_s", "trend"), [(1, 1, 0.0), (1, 3, 2.0), (4, 1, -0.75), (0, 2, None), (2, 0, -1.0)]
)
def test_trend_is_against_the_minute_before(per_s_before: int, per_s: int, trend: float | None) -> None:
    live = _live()
    for second in range(121):
        rows = [_row(EPOCH + second)] * (per_s_before if second < 60 else per_s)
        _feed(live, *rows, _row(EPOCH + second, "/clock"))
    trends = {line.section: line.trend for line in live.view(None).sections}
    assert trends.get("/a") == trend


def test_trend_waits_until_there_is_a_whole_minute_before() -> None:
    live = _live()
    _every_second(live, 0, 120)
    assert _section(live.view(None), "/a").trend is None


def test_section_is_new_that_was_not_seen_in_the_minutes_before() -> None:
    live = _live()
    _every_second(live, 0, 300, "/a")
    _every_second(live, 290, 301, "/b")
    view = live.view(None)
    assert [(line.section, line.is_new) for line in Controls().ordered(view.sections)] == [
        ("/a", False),
        ("/b", True),
    ]


def test_section_seen_four_minutes_ago_is_not_new() -> None:
    live = _live()
    _feed(live, _row(EPOCH + 60, "/b"))
    _every_second(live, 60, 300, "/a")
    _feed(live, _row(EPOCH + 300, "/b"), _row(EPOCH + 301))
    assert not _section(live.view(None), "/b").is_new


def test_no_section_is_new_at_the_start() -> None:
    live = _live()
    _every_second(live, 0, 90, "/a")
    _every_second(live, 85, 91, "/b")
    assert not any(line.is_new for line in live.view(None).sections)


def test_lists_hold_the_last_minute_the_most_first() -> None:
    live = _live()
    _every_second(live, 0, 30, path="/old", status=500, client="old", duration=9.0)
    _every_second(live, 31, 101, path="/fine", duration=0.1)
    _every_second(live, 90, 101, path="/bad", status=500, client="b", duration=2.0)
    view = live.view(None)
    assert view.failing == [("/bad", 10)]
    assert view.clients == [("198.18.0.1", 60), ("b", 10)]
    assert [(slow.path, round(slow.total_s, 3), slow.requests) for slow in view.slowest] == [
        ("/bad", 20.0, 10),
        ("/fine", 6.0, 60),
    ]
    assert view.statuses == [(200, 60), (500, 10)]


def test_statuses_are_in_order_and_those_without_one_last() -> None:
    live = _live()
    statuses = [503, None, 200, 404]
    _feed(live, *(_row(EPOCH, status=status) for status in statuses), _row(EPOCH + 1))
    assert [status for status, _ in live.view(None).statuses] == [200, 404, 503, None]


def test_p95_of_a_window_is_within_two_and_a_half_per_cent() -> None:
    live = _live()
    _feed(live, *(_row(EPOCH, duration=number / 1000) for number in range(1, 1001)), _row(EPOCH + 1))
    spans = live.view(None).spans
    assert spans[0].p95_s == pytest.approx(0.95, rel=0.026)
    assert spans[-1].p95_s == pytest.approx(0.95, rel=0.001)


def test_without_durations_there_is_no_p95_and_no_slow_path() -> None:
    live = _live(Spec())
    live.feed(Read(rows=[StatsRow(epoch=EPOCH), StatsRow(epoch=EPOCH + 1)]))
    view = live.view(None)
    assert [span.p95_s for span in view.spans] == [None] * 4
    assert view.slowest == []


def test_lag_is_from_the_log_to_this_machine() -> None:
    live = _live()
    _feed(live, _row(EPOCH))
    assert live.view(EPOCH + 3.5).lag_s == 3.5
    assert live.view(None).lag_s is None


def test_alerts_are_newest_first_and_say_which_are_open() -> None:
    live = _live()
    _told(live, _alert(1), _alert(2, subject="High errors on /a"), _alert(3, "recovered"))
    view = live.view(None)
    assert [told.is_open for told in view.alerts] == [False, True, False]
    assert view.alerts[0].alert.state == "recovered"
    assert (view.alert_count, view.open_alerts) == (3, 1)


def test_alert_raised_again_is_open_once() -> None:
    live = _live()
    _told(live, _alert(1), _alert(2, "reset"), _alert(3))
    assert live.view(None).open_alerts == 1


def test_no_more_alerts_are_kept_than_are_said() -> None:
    live = _live()
    _told(live, *(_alert(number) for number in range(KEPT_ALERTS + 5)))
    lines = list(closing_alerts(live))
    assert live.view(None).alert_count == KEPT_ALERTS + 5
    assert (len(lines), lines[0], lines[-1]) == (
        KEPT_ALERTS + 1,
        "5 older alerts",
        f"High traffic generated an alert - hits = {KEPT_ALERTS + 4}, triggered at now",
    )


def test_total_is_all_that_came() -> None:
    live = _live()
    assert live.total() is None
    _every_second(live, 0, 500)
    total = live.total()
    assert total is not None
    assert (total.from_s, total.to_s, total.summary.requests) == (EPOCH, EPOCH + 500, 500)


def test_total_of_lines_without_time_has_none() -> None:
    live = _live()
    _feed(live, _row(None))
    total = live.total()
    assert total is not None
    assert not total.has_time


def test_what_a_view_holds_does_not_change_any_more() -> None:
    live = _live()
    _every_second(live, 0, 100)
    view = live.view(None)
    seconds, clients = list(view.seconds), list(view.clients)
    _every_second(live, 100, 200)
    assert (view.seconds, view.clients) == (seconds, clients)


def test_many_keys_in_one_second_are_bounded_and_totals_stay_exact() -> None:
    live = _live()
    for begin in range(0, 3000, 100):
        rows = [
            _row(EPOCH, f"/{number}", client=f"c{number}", status=500, duration=1.0)
            for number in range(begin, begin + 100)
        ]
        _feed(live, *rows, *[_row(EPOCH, "/main", client="main", status=500, duration=1.0)] * 5)
    _feed(live, _row(EPOCH + 1))
    view = live.view(None)
    assert view.spans[0].requests == view.spans[0].errors == 3150
    assert len(view.sections) <= 200
    assert _section(view, "/main").requests == 150
    assert view.clients[0] == ("main", 150)


def test_only_the_last_minutes_are_held() -> None:
    live = _live()
    _every_second(live, 0, 5_000)
    assert len(live._seconds) <= 600
    live.view(None)
    assert len(live._seconds) <= 301


def _lines() -> list[SectionLine]:
    return [
        SectionLine("/a", 5, 0.5, 5.0, 1, 0.2, None, False),
        SectionLine("/b", 9, 0.4, 9.0, 0, 0.0, 0.5, False),
        SectionLine(None, 5, 0.1, 5.0, 2, 0.4, -0.5, False),
    ]


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ("", ["/b", "/a", None]),
        ("2", ["/a", None, "/b"]),
        ("22", ["/b", "/a", None]),
        ("1", [None, "/a", "/b"]),
        ("11", ["/b", "/a", None]),
        ("3", ["/a", "/b", None]),
        ("5", [None, "/a", "/b"]),
        ("55", ["/b", "/a", None]),
        ("51", [None, "/a", "/b"]),
        ("7", ["/b", None, "/a"]),
    ],
)
def test_digits_sort_by_column_and_reverse(keys: str, order: list[str | None]) -> None:
    controls = Controls()
    for key in keys:
        assert controls.press(key)
    assert [line.section for line in controls.ordered(_lines())] == order


def test_keys_that_mean_nothing_do_nothing() -> None:
    controls = Controls()
    before = vars(controls).copy()
    assert not any(controls.press(key) for key in ["0", "8", "9", "x", "Q", "\n", "é", "\x00", "12"])
    assert vars(controls) == before


@pytest.mark.parametrize(("key", "name"), [(" ", "frozen"), ("?", "shows_help")])
def test_key_switches_on_and_off(key: str, name: str) -> None:
    controls = Controls()
    seen = []
    for _ in range(3):
        assert controls.press(key)
        seen.append(getattr(controls, name))
    assert seen == [True, False, True]


def test_q_ends() -> None:
    controls = Controls()
    assert controls.press("q")
    assert controls.ended
