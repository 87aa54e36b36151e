"""Stamps of access logs and RFC 3339 times, against datetime and at every border."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.timestamp import (
    MONTHS,
    Zone,
    civil_from_days,
    clf,
    days_from_civil,
    parse_clf,
    parse_rfc3339,
    rfc3339,
)

EPOCH_DAY = date(1970, 1, 1).toordinal()
YEAR_0_S = -62_167_219_200  # 0000-01-01T00:00:00Z
LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z
PARIS = ZoneInfo("Europe/Paris")

moments = st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(microsecond=0))
offsets_s = st.integers(-(23 * 60 + 59), 23 * 60 + 59).map(lambda minutes: minutes * 60)


def _epoch_s(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)


def _offset_text(offset_s: int, colon: str = "") -> str:
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return f"{'-' if offset_s < 0 else '+'}{hours:02}{colon}{minutes:02}"


def test_every_day_of_three_centuries_has_the_number_datetime_gives_it() -> None:
    days = [date.fromordinal(n) for n in range(date(1850, 1, 1).toordinal(), date(2150, 1, 1).toordinal())]
    assert [days_from_civil(d.year, d.month, d.day) for d in days] == [
        d.toordinal() - EPOCH_DAY for d in days
    ]


@given(st.dates())
def test_any_date_has_the_number_datetime_gives_it(day: date) -> None:
    assert days_from_civil(day.year, day.month, day.day) == day.toordinal() - EPOCH_DAY


@given(st.integers(-10_000_000, 10_000_000))
def test_any_day_number_and_back_is_the_same(days: int) -> None:
    assert days_from_civil(*civil_from_days(days)) == days


@given(moments)
def test_any_second_is_written_as_datetime_writes_it(moment: datetime) -> None:
    assert rfc3339(_epoch_s(moment)) == f"{moment.replace(tzinfo=None).isoformat()}Z"


@pytest.mark.parametrize(
    ("epoch_s", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00Z", id="the epoch"),
        pytest.param(-1, "1969-12-31T23:59:59Z", id="the second before the epoch"),
        pytest.param(951_782_400, "2000-02-29T00:00:00Z", id="leap day of a century"),
        pytest.param(YEAR_0_S, "0000-01-01T00:00:00Z", id="first second of year 0"),
        pytest.param(YEAR_0_S - 1, None, id="before year 0"),
        pytest.param(LAST_S, "9999-12-31T23:59:59Z", id="last second of year 9999"),
        pytest.param(LAST_S + 1, None, id="after year 9999"),
    ],
)
def test_a_second_is_written_in_utc(epoch_s: int, text: str | None) -> None:
    assert rfc3339(epoch_s) == text


def test_fraction_digits_are_written_as_given() -> None:
    assert rfc3339(0, "120") == "1970-01-01T00:00:00.120Z"


@given(st.integers(YEAR_0_S, LAST_S))
def test_a_written_time_read_back_is_the_same(epoch_s: int) -> None:
    assert parse_rfc3339(rfc3339(epoch_s) or "") == epoch_s


@given(st.integers(YEAR_0_S, LAST_S))
def test_a_written_stamp_read_back_is_the_same(epoch_s: int) -> None:
    assert parse_clf(clf(epoch_s)) == (rfc3339(epoch_s), epoch_s)


@given(moments, offsets_s)
def test_a_time_with_an_offset_is_read_as_datetime_reads_it(moment: datetime, offset_s: int) -> None:
    text = f"{moment.replace(tzinfo=None).isoformat()}{_offset_text(offset_s, ':')}"
    assert parse_rfc3339(text) == _epoch_s(moment) - offset_s


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), offsets_s)
def test_a_stamp_with_an_offset_is_read_as_datetime_reads_it(moment: datetime, offset_s: int) -> None:
    epoch_s = _epoch_s(moment.replace(tzinfo=timezone.utc, microsecond=0)) - offset_s
    day = f"{moment.day:02}/{MONTHS[moment.month - 1]}/{moment.year:04}"
    text = f"{day}:{moment:%H:%M:%S} {_offset_text(offset_s)}"
    assert parse_clf(text) == (rfc3339(epoch_s), epoch_s)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        pytest.param("2026-11-24T10:53:30Z", 1_795_517_610, id="upper case"),
        pytest.param("2026-11-24t10:53:30z", 1_795_517_610, id="lower case"),
        pytest.param("2026-11-24 10:53:30Z", 1_795_517_610, id="a blank for the T"),
        pytest.param("2026-11-24T11:53:30+01:00", 1_795_517_610, id="offset"),
        pytest.param("2026-11-24T11:53:30+0100", 1_795_517_610, id="offset without colon"),
        pytest.param("2026-11-24T10:53:30-00:00", 1_795_517_610, id="unknown local offset"),
        pytest.param("2026-11-24T10:53:30.5Z", 1_795_517_610.5, id="fraction"),
        pytest.param("2016-12-31T23:59:60Z", 1_483_228_800, id="leap second is the next second"),
    ],
)
def test_an_rfc3339_time_is_read(text: str, epoch: int | float) -> None:
    assert parse_rfc3339(text) == epoch


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("2026-11-24", id="a date alone"),
        pytest.param("2026-11-24T10:53:30", id="no zone"),
        pytest.param("2026-11-24T10:53Z", id="no seconds"),
        pytest.param("2026-11-24T10:53:30.Z", id="a point without digits"),
        pytest.param("2026-11-24T10:53:30Z\n", id="a line end behind it"),
        pytest.param("\u0662026-11-24T10:53:30Z", id="a digit that is not ASCII"),
        pytest.param("2026-02-29T10:53:30Z", id="29 February of a common year"),
        pytest.param("2026-00-24T10:53:30Z", id="month 0"),
        pytest.param("2026-13-24T10:53:30Z", id="month 13"),
        pytest.param("2026-11-24T24:00:00Z", id="hour 24"),
        pytest.param("2026-11-24T10:60:00Z", id="minute 60"),
        pytest.param("2026-11-24T10:53:61Z", id="second 61"),
        pytest.param("2026-11-24T10:53:30+24:00", id="offset of 24 hours"),
        pytest.param("2026-11-24T10:53:30+01:60", id="offset of 60 minutes"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "time", "epoch"),
    [
        pytest.param("10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z", 971_211_336, id="west of UTC"),
        pytest.param("11/Nov/2016:03:04:55 +0100", "2016-11-11T02:04:55Z", 1_478_829_895, id="east of UTC"),
        pytest.param(
            "01/Jan/2000:00:00:00 -0000", "2000-01-01T00:00:00Z", 946_684_800, id="minus zero is UTC"
        ),
        pytest.param("01/Jan/2000:00:00:00 +2359", "1999-12-31T00:01:00Z", 946_598_460, id="greatest offset"),
        pytest.param(
            "01/jAN/2000:00:00:00 +0000", "2000-01-01T00:00:00Z", 946_684_800, id="month in any case"
        ),
        pytest.param("1/Jan/2000:00:00:00 +0000", "2000-01-01T00:00:00Z", 946_684_800, id="day of one digit"),
        pytest.param("29/Aug/2023 22:02:58", "2023-08-29T22:02:58Z", 1_693_346_578, id="a blank and no zone"),
        pytest.param("29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00Z", 951_782_400, id="leap day"),
        pytest.param("31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00Z", 1_483_228_800, id="leap second"),
        pytest.param("01/Jan/0000:00:00:00 +0000", "0000-01-01T00:00:00Z", YEAR_0_S, id="year 0"),
        pytest.param("31/Dec/9999:23:59:59 +0000", "9999-12-31T23:59:59Z", LAST_S, id="year 9999"),
        pytest.param("01/Jan/1970:00:00:01.5 +0000", "1970-01-01T00:00:01.5Z", 1.5, id="one fraction digit"),
        pytest.param(
            "01/Jan/1970:00:00:01.120 +0000", "1970-01-01T00:00:01.120Z", 1.12, id="a last zero stays"
        ),
        pytest.param(
            "01/Jan/1970:00:00:01.123456789 +0000",
            "1970-01-01T00:00:01.123456789Z",
            1.123456,
            id="nanoseconds stay in the text only",
        ),
    ],
)
def test_a_stamp_is_read(text: str, time: str, epoch: int | float) -> None:
    assert parse_clf(text) == (time, epoch)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("31/Feb/2000:00:00:00 +0000", id="31 February"),
        pytest.param("29/Feb/1900:00:00:00 +0000", id="29 February of a common century"),
        pytest.param("00/Jan/2000:00:00:00 +0000", id="day 0"),
        pytest.param("01/Mai/2000:00:00:00 +0000", id="a month name of another language"),
        pytest.param("01/Jan/2000:24:00:00 +0000", id="hour 24"),
        pytest.param("01/Jan/2000:00:60:00 +0000", id="minute 60"),
        pytest.param("01/Jan/2000:00:00:61 +0000", id="second 61"),
        pytest.param("01/Jan/2000:00:00:00 +2400", id="offset of 24 hours"),
        pytest.param("01/Jan/2000:00:00:00 +0160", id="offset of 60 minutes"),
        pytest.param("01/Jan/0000:00:00:00 +0001", id="a minute before year 0"),
        pytest.param("31/Dec/9999:23:59:59 -0001", id="a minute after year 9999"),
        pytest.param("31/Dec/9999:23:59:60", id="leap second after year 9999, no zone"),
    ],
)
def test_an_impossible_stamp_has_no_time(text: str) -> None:
    assert parse_clf(text, Zone(PARIS)) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("10/10/2000:13:55:36 -0700", id="a month in digits"),
        pytest.param("10/Oct/2000:13:55 -0700", id="no seconds"),
        pytest.param("10/Oct/2000:13:55:36 UTC", id="a zone's name"),
        pytest.param("10/Oct/2000:13:55:36  -0700", id="two blanks before the zone"),
        pytest.param("10/Oct/2000:13:55:36.1234567890 -0700", id="ten fraction digits"),
        pytest.param("10/Oct/2000:13:55:3\u0666 -0700", id="a digit that is not ASCII"),
        pytest.param("10/Oct/2000:13:55:36 -0700\n", id="a line end behind it"),
    ],
)
def test_a_text_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_clf(text)


def _times(zone: Zone, day: str, *clocks: str) -> list[str]:
    return [(parse_clf(f"{day}:{clock}", zone)[0] or "")[11:19] for clock in clocks]


def test_a_stamp_without_zone_is_of_the_zone_given() -> None:
    assert _times(Zone(PARIS), "01/Jul/2021", "12:00:00") == ["10:00:00"]


def test_a_stamp_with_zone_leaves_the_zone_given_unused() -> None:
    zone = Zone(PARIS)
    parse_clf("01/Jul/2021:12:00:00 +0000", zone)
    assert zone.used == 0


def test_stamps_without_zone_are_counted() -> None:
    zone = Zone(PARIS)
    _times(zone, "01/Jul/2021", "12:00:00", "12:00:01")
    assert zone.used == 2


@pytest.mark.parametrize(
    ("clocks", "times"),
    [
        pytest.param(["01:59:59", "02:00:00"], ["23:59:59", "00:00:00"], id="the first hour goes on"),
        pytest.param(
            ["02:00:00", "02:59:59", "02:00:00", "02:59:59", "03:00:00"],
            ["00:00:00", "00:59:59", "01:00:00", "01:59:59", "02:00:00"],
            id="both hours, then winter time",
        ),
        pytest.param(
            ["02:30:00", "02:29:00", "02:30:01"],
            ["00:30:00", "00:29:00", "00:30:01"],
            id="back by a minute is disorder",
        ),
        pytest.param(
            ["02:30:00", "02:28:59"], ["00:30:00", "01:28:59"], id="back by more is the second hour"
        ),
        pytest.param(
            ["02:30:00", "02:29:30", "02:28:59"],
            ["00:30:00", "00:29:30", "01:28:59"],
            id="back in steps is measured from the newest",
        ),
        pytest.param(
            ["02:59:59", "02:00:01", "02:00:00", "02:00:02"],
            ["00:59:59", "01:00:01", "01:00:00", "01:00:02"],
            id="disorder within the second hour",
        ),
        pytest.param(
            ["02:59:59", "02:59:58", "03:00:00", "02:59:59", "03:00:01"],
            ["00:59:59", "00:59:58", "02:00:00", "01:59:59", "02:00:01"],
            id="a late line of the second hour",
        ),
    ],
)
def test_an_hour_that_occurs_twice_is_told_apart_by_order(clocks: list[str], times: list[str]) -> None:
    assert _times(Zone(PARIS), "31/Oct/2021", *clocks) == times


def test_an_hour_that_occurs_twice_begins_anew_each_year() -> None:
    zone = Zone(PARIS)
    _times(zone, "31/Oct/2021", "02:59:59", "02:00:00", "03:00:00")
    assert _times(zone, "30/Oct/2022", "01:59:00", "02:00:00") == ["23:59:00", "00:00:00"]


@pytest.mark.parametrize(
    ("clock", "time"),
    [
        pytest.param("01:59:59", "00:59:59", id="last second before it"),
        pytest.param("02:00:00", "00:00:00", id="its first second"),
        pytest.param("02:30:00", "00:30:00", id="within"),
        pytest.param("03:00:00", "01:00:00", id="first second behind it"),
    ],
)
def test_a_skipped_hour_is_read_with_the_offset_after_it(clock: str, time: str) -> None:
    assert _times(Zone(PARIS), "28/Mar/2021", clock) == [time]


@pytest.mark.parametrize("year", ["0000", "0001", "9999"])
def test_a_stamp_without_zone_at_a_border_of_the_calendar_is_read(year: str) -> None:
    time, _ = parse_clf(f"15/Jun/{year}:12:00:00", Zone())
    assert time == f"{year}-06-15T12:00:00Z"
