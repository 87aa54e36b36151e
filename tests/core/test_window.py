"""The log's clock step by step, and what proves silence."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.window import GRACE_S, Kind, LogClock, Moment, Run, Silence, Step, runs

YEAR_S = 31_536_000
WALL_S = 1_700_000_000.0

stamps = st.one_of(
    st.none(),
    st.integers(-(10**10), 10**12),
    st.integers(-300, 300),
    st.floats(-1e9, 1e12, allow_nan=False),
    st.integers(-1200, 1200).map(lambda quarter: quarter / 4),
)


def clock_at(second: int, lateness_s: int = 2) -> LogClock:
    """A clock that an ordered log has brought to `second`."""
    clock = LogClock(lateness_s)
    clock.feed(Run(second - 1, 1))
    clock.feed(Run(second, 1))
    return clock


def fed(clock: LogClock, *runs_of_records: tuple[int | None, int], wall_s: float | None = None) -> list[Step]:
    """The steps of the last run."""
    steps: list[Step] = []
    for second, records in runs_of_records:
        steps = clock.feed(Run(second, records), wall_s)
    return steps


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([7], [Run(7, 1)], id="one record"),
        pytest.param([7, 7, 7], [Run(7, 3)], id="one second"),
        pytest.param([7, 8, 7], [Run(7, 1), Run(8, 1), Run(7, 1)], id="arrival order stays"),
        pytest.param([7, 7.25, 7.999, 8.0], [Run(7, 3), Run(8, 1)], id="fractions are floored"),
        pytest.param([-1, -0.5, 0, 0.5], [Run(-1, 2), Run(0, 2)], id="floored, not cut, before 1970"),
        pytest.param(
            [None, None, 0, None], [Run(None, 2), Run(0, 1), Run(None, 1)], id="no stamp is no zero"
        ),
    ],
)
def test_stamps_are_runs_of_seconds(epochs: list[int | float | None], expected: list[Run]) -> None:
    assert runs(epochs) == expected


@given(st.lists(stamps, max_size=60))
def test_any_runs_hold_every_record_once(epochs: list[int | float | None]) -> None:
    assert sum(run.records for run in runs(epochs)) == len(epochs)


def test_first_stamp_is_the_clock_and_nothing_near_it_is_late() -> None:
    clock = LogClock(2)
    steps = fed(clock, (1000, 1))
    assert (steps, clock.newest, clock.judged) == ([Step(Kind.COUNT, 1000)], 1000, 1000 - 121)


def test_zero_is_a_stamp_like_any_other() -> None:
    clock = LogClock(2)
    fed(clock, (0, 1), (1, 1))
    assert (clock.newest, clock.judged, clock.on_time) == (1, -1, 2)


@pytest.mark.parametrize("lateness_s", [1, 2, 60])
def test_second_is_judged_when_the_clock_is_the_lateness_past_it(lateness_s: int) -> None:
    assert clock_at(1000, lateness_s).judged == 1000 - lateness_s


@pytest.mark.parametrize(
    ("second", "late"),
    [
        pytest.param(1001, 0, id="newer"),
        pytest.param(1000, 0, id="the newest second"),
        pytest.param(999, 0, id="not judged yet"),
        pytest.param(998, 1, id="the judged second"),
        pytest.param(881, 1, id="119 s behind"),
    ],
)
def test_record_counts_at_its_own_second(second: int, late: int) -> None:
    clock = clock_at(1000)
    steps = fed(clock, (second, 1))
    assert (steps, clock.late, clock.on_time) == ([Step(Kind.COUNT, second)], late, 3 - late)


def test_older_record_moves_no_clock() -> None:
    clock = clock_at(1000)
    fed(clock, (900, 1))
    assert (clock.newest, clock.judged) == (1000, 998)


def test_records_without_a_stamp_wait_for_the_first_stamp() -> None:
    clock = LogClock(2)
    waiting = fed(clock, (None, 3))
    steps = fed(clock, (1000, 1))
    assert waiting == [Step(Kind.WAIT)]
    assert steps == [Step(Kind.COUNT_WAITING, 1000), Step(Kind.COUNT, 1000)]
    assert (clock.on_time, clock.stamped, clock.unstamped) == (4, 1, 3)


def test_records_without_any_stamp_are_on_time() -> None:
    clock = LogClock(2)
    fed(clock, (None, 3))
    assert (clock.flush(), clock.on_time, clock.newest) == ([], 3, None)


def test_record_without_a_stamp_counts_at_the_clock() -> None:
    assert fed(clock_at(1000), (990, 1), (None, 2)) == [Step(Kind.COUNT, 1000)]


@pytest.mark.parametrize(
    ("ahead_s", "records", "wall_s", "steps", "newest"),
    [
        pytest.param(120, 1, None, [Step(Kind.COUNT, 1120)], 1120, id="120 s ahead"),
        pytest.param(121, 1, None, [Step(Kind.WAIT, 1121)], 1000, id="121 s ahead waits"),
        pytest.param(121, 2, None, [Step(Kind.COUNT, 1121, after_records=2)], 1121, id="two agree"),
        pytest.param(600, 1, 1660.0, [Step(Kind.COUNT, 1600)], 1600, id="60 s from the wall clock"),
        pytest.param(600, 1, 1540.0, [Step(Kind.COUNT, 1600)], 1600, id="60 s on its other side"),
        pytest.param(600, 1, 1660.5, [Step(Kind.WAIT, 1600)], 1000, id="farther from the wall clock"),
    ],
)
def test_stamp_ahead_moves_the_clock_or_waits(
    ahead_s: int, records: int, wall_s: float | None, steps: list[Step], newest: int
) -> None:
    clock = clock_at(1000)
    assert (fed(clock, (1000 + ahead_s, records), wall_s=wall_s), clock.newest) == (steps, newest)


@pytest.mark.parametrize(
    ("second", "steps", "newest", "outliers"),
    [
        pytest.param(1600, [Step(Kind.COUNT_WAITING, 1600), Step(Kind.COUNT, 1600)], 1600, 0, id="the same"),
        pytest.param(
            1481, [Step(Kind.COUNT_WAITING, 1600), Step(Kind.COUNT, 1481)], 1600, 0, id="119 s before it"
        ),
        pytest.param(
            1480, [Step(Kind.COUNT_WAITING, 1600), Step(Kind.WAIT, 1480)], 1600, 0, id="120 s before it"
        ),
        pytest.param(1479, [Step(Kind.DROP_WAITING), Step(Kind.WAIT, 1479)], 1000, 1, id="121 s before it"),
        pytest.param(
            1001, [Step(Kind.DROP_WAITING), Step(Kind.COUNT, 1001)], 1001, 1, id="as if it never was"
        ),
        pytest.param(
            9000, [Step(Kind.COUNT_WAITING, 1600), Step(Kind.WAIT, 9000)], 1600, 0, id="farther ahead still"
        ),
        pytest.param(100, [Step(Kind.DROP_WAITING), Step(Kind.WAIT, 100)], 1000, 1, id="far behind"),
        pytest.param(None, [Step(Kind.COUNT, 1000)], 1000, 0, id="no stamp settles nothing"),
    ],
)
def test_next_stamp_settles_one_that_waits(
    second: int | None, steps: list[Step], newest: int, outliers: int
) -> None:
    clock = clock_at(1000)
    assert fed(clock, (1600, 1), (second, 1)) == steps
    assert (clock.newest, clock.outliers) == (newest, outliers)


def test_stamp_that_waits_at_the_end_is_an_outlier() -> None:
    clock = clock_at(1000)
    fed(clock, (1000 + YEAR_S, 1))
    assert (clock.flush(), clock.outliers, clock.newest, clock.judged) == (
        [Step(Kind.DROP_WAITING)],
        1,
        1000,
        1000,
    )


def test_ten_agreeing_records_that_span_ten_seconds_are_a_new_era() -> None:
    clock = clock_at(5000)
    fed(clock, *[(100 + second, 1) for second in range(10)])
    steps = fed(clock, (110, 3))
    assert steps == [Step(Kind.WAIT, 110), Step(Kind.NEW_ERA, 100, finished=5000, after_records=1)]
    assert (clock.newest, clock.judged, clock.late, clock.on_time) == (110, 108, 0, 15)


def test_era_is_decided_by_its_tenth_record() -> None:
    steps = fed(clock_at(5000), (100, 4), (110, 8))
    assert steps[-1] == Step(Kind.NEW_ERA, 100, finished=5000, after_records=6)


def test_clock_of_a_new_era_is_its_highest_stamp() -> None:
    clock = clock_at(5000)
    fed(clock, (100, 5), (98, 2), (111, 2), (110, 1))
    assert (clock.newest, clock.judged, clock.on_time) == (111, 109, 12)


def test_old_stamps_that_drift_backwards_are_dropped_at_the_end_of_their_window() -> None:
    clock = clock_at(5000)
    fed(clock, *[(1000 - second, 1) for second in range(120)])
    kept = clock.late
    fed(clock, (880, 1))
    assert (kept, clock.late) == (0, 120)


@pytest.mark.parametrize(
    "old",
    [
        pytest.param([(100, 9)], id="nine"),
        pytest.param([(100, 5), (109, 5)], id="a span of nine seconds"),
        pytest.param([(100, 1_000_000)], id="a million of one stamp"),
        pytest.param([(110 - i, 1) for i in range(30)], id="they run backwards"),
        pytest.param([(100, 5), (221, 5)], id="a step of 121 s"),
        pytest.param([(100, 5), (97, 5), (107, 1)], id="a step back beyond the lateness"),
    ],
)
def test_old_records_that_do_not_agree_are_late(old: list[tuple[int | None, int]]) -> None:
    clock = clock_at(5000)
    fed(clock, *old, (5001, 1))
    assert (clock.newest, clock.late) == (5001, sum(records for _, records in old))


def test_old_records_at_the_end_are_late() -> None:
    clock = clock_at(5000)
    fed(clock, (100, 4))
    assert (clock.flush(), clock.late) == ([Step(Kind.DROP_WAITING)], 4)


@pytest.mark.parametrize(
    ("elapsed_s", "now", "judged"),
    [
        pytest.param(0.0, 993, 998, id="nothing is judged again"),
        pytest.param(GRACE_S + 0.5, 998, 998, id="the lateness is kept"),
        pytest.param(GRACE_S + 1.0, 999, 999, id="one second more"),
        pytest.param(GRACE_S + 1.99, 999, 999, id="a second that is not over"),
        pytest.param(GRACE_S + 2.0, 1000, 1000, id="the newest stamp"),
        pytest.param(GRACE_S + 602.0, 1600, 1000, id="not beyond the newest stamp"),
    ],
)
def test_silence_judges_what_is_over(elapsed_s: float, now: int, judged: int) -> None:
    clock = clock_at(1000)
    assert (clock.silent(elapsed_s), clock.judged) == (now, judged)


def test_end_of_the_input_judges_up_to_the_newest_stamp() -> None:
    clock = clock_at(1000)
    assert (clock.flush(), clock.judged) == ([], 1000)


@given(st.lists(stamps, max_size=60), st.integers(1, 60), st.sampled_from([None, 0.0, WALL_S]))
def test_any_records_are_tallied_once(
    epochs: list[int | float | None], lateness_s: int, wall_s: float | None
) -> None:
    clock = LogClock(lateness_s)
    for run in runs(epochs):
        clock.feed(run, wall_s)
    clock.flush()
    assert clock.on_time + clock.late + clock.outliers == clock.stamped + clock.unstamped == len(epochs)


@given(st.lists(stamps, max_size=60), st.integers(1, 60))
def test_any_records_that_wait_are_counted_or_dropped(
    epochs: list[int | float | None], lateness_s: int
) -> None:
    clock, waiting, counted, dropped = LogClock(lateness_s), 0, 0, 0
    for run in runs(epochs):
        for step in clock.feed(run):
            counted += run.records if step.kind is Kind.COUNT else 0
            waiting += run.records if step.kind is Kind.WAIT else 0
            if step.kind in (Kind.COUNT_WAITING, Kind.NEW_ERA):
                counted, waiting = counted + waiting, 0
            elif step.kind is Kind.DROP_WAITING:
                dropped, waiting = dropped + waiting, 0
    if clock.flush():
        dropped, waiting = dropped + waiting, 0
    assert counted + dropped + waiting == len(epochs)
    assert waiting == (0 if clock.newest is not None else len(epochs))


# Silence.

ClockMode = Literal["auto", "live", "replay"]


def quiet(silence: Silence, seconds: float, *, asked_s: float = 0.25) -> None:
    """So long nothing comes, in waits that end when they were meant to."""
    for _ in range(round(seconds / asked_s)):
        silence.waited(asked_s, asked_s)


def silent_log(mode: ClockMode = "auto", behind_s: float = 0.0) -> Silence:
    """A log that was `behind_s` behind the wall clock when it was read, 100 s after boot."""
    silence = Silence(mode)
    silence.stamped(int(WALL_S - behind_s), Moment(WALL_S, 100.0))
    return silence


def test_silence_is_proven_by_waits_that_last_the_grace() -> None:
    silence = silent_log()
    quiet(silence, GRACE_S)
    assert silence.elapsed_s(Moment(WALL_S + 5, 105.0)) == 5.0


def test_shorter_silence_proves_nothing() -> None:
    silence = silent_log()
    quiet(silence, GRACE_S - 0.25)
    assert silence.elapsed_s(Moment(WALL_S + 5, 105.0)) is None


def test_silence_counts_the_time_of_a_suspended_machine() -> None:
    silence = silent_log()
    quiet(silence, GRACE_S)
    assert silence.elapsed_s(Moment(WALL_S + 3600, 3700.0)) == 3600.0


@pytest.mark.parametrize(
    ("took_s", "lasted"),
    [pytest.param(0.75, True, id="half a second longer"), pytest.param(0.76, False, id="overslept")],
)
def test_wait_that_overslept_begins_the_grace_again(took_s: float, lasted: bool) -> None:
    silence = silent_log()
    quiet(silence, GRACE_S - 0.5)
    silence.waited(0.25, took_s)
    assert silence.lasted(GRACE_S) is lasted


def test_grace_after_oversleeping_is_whole() -> None:
    silence = silent_log()
    quiet(silence, 60)
    silence.waited(0.25, 20.0)
    quiet(silence, GRACE_S - 0.25)
    assert not silence.lasted(GRACE_S)
    quiet(silence, 0.25)
    assert silence.lasted(GRACE_S)


def test_records_with_a_stamp_end_the_silence() -> None:
    silence = silent_log()
    quiet(silence, GRACE_S)
    silence.stamped(int(WALL_S), Moment(WALL_S + 6, 106.0))
    assert silence.elapsed_s(Moment(WALL_S + 6, 106.0)) is None


def test_records_without_a_stamp_do_not_end_the_silence() -> None:
    silence = silent_log()
    quiet(silence, GRACE_S / 2)
    silence.waited(0.25, 0.01)  # something came, but no sign of time
    quiet(silence, GRACE_S / 2)
    assert silence.elapsed_s(Moment(WALL_S + 6, 106.0)) == 6.0


@pytest.mark.parametrize(
    ("mode", "behind_s", "live"),
    [
        pytest.param("auto", 0, True, id="auto: now"),
        pytest.param("auto", 900, True, id="auto: 15 minutes behind"),
        pytest.param("auto", 901, False, id="auto: more is a replay"),
        pytest.param("auto", -900, True, id="auto: 15 minutes ahead"),
        pytest.param("auto", -901, False, id="auto: farther ahead"),
        pytest.param("live", YEAR_S, True, id="live: however old"),
        pytest.param("replay", 0, False, id="replay: however new"),
    ],
)
def test_log_is_live_by_its_mode_and_its_stamps(mode: ClockMode, behind_s: float, live: bool) -> None:
    silence = silent_log(mode, behind_s)
    quiet(silence, GRACE_S)
    elapsed_s = silence.elapsed_s(Moment(WALL_S + 5, 105.0))
    assert (silence.live, elapsed_s) == (live, 5.0 if live else None)


def test_log_that_catches_up_becomes_live() -> None:
    silence = silent_log("auto", 86_400)
    before = silence.live
    silence.stamped(int(WALL_S) - 10, Moment(WALL_S, 100.0))
    assert (before, silence.live) == (False, True)


def test_log_without_a_believed_stamp_is_not_live() -> None:
    silence = Silence("auto")
    silence.stamped(None, Moment(WALL_S, 100.0))
    assert not silence.live


@pytest.mark.parametrize(("mode", "wall_s"), [("auto", WALL_S), ("live", WALL_S), ("replay", None)])
def test_declared_replay_has_no_wall_clock(mode: ClockMode, wall_s: float | None) -> None:
    assert Silence(mode).wall_s(Moment(WALL_S, 100.0)) == wall_s
