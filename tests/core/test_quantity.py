"""Durations, times and numbers as users write them."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import QuantityError
from w3ctools.core.quantity import (
    parse_duration_s,
    parse_factor,
    parse_number,
    parse_seconds,
    parse_share,
    parse_size_bytes,
    parse_time_s,
)

NOW_S = 1_795_517_610  # 2026-11-24T10:53:30Z


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        pytest.param("90", 90, id="seconds without unit"),
        pytest.param("90s", 90, id="seconds"),
        pytest.param("10m", 600, id="minutes"),
        pytest.param("2h", 7200, id="hours"),
        pytest.param("30d", 2_592_000, id="days"),
        pytest.param("0", 0, id="nothing"),
        pytest.param("007s", 7, id="zeros in front"),
        pytest.param(" 10m ", 600, id="blanks around"),
        pytest.param("999999999", 999_999_999, id="nine digits"),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, duration_s: int) -> None:
    assert parse_duration_s(text) == duration_s


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("s", id="a unit alone"),
        pytest.param("-1", id="negative"),
        pytest.param("+1", id="a plus sign"),
        pytest.param("1.5h", id="a fraction"),
        pytest.param("1h30m", id="two units"),
        pytest.param("10 m", id="a blank before the unit"),
        pytest.param("10M", id="a unit in upper case"),
        pytest.param("1w", id="an unknown unit"),
        pytest.param("1e3", id="an exponent"),
        pytest.param("\u0661m", id="a digit that is not ASCII"),
        pytest.param("1000000000", id="ten digits"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is no duration"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        pytest.param("2026-11-24T10:53:30Z", NOW_S, id="RFC 3339"),
        pytest.param("2026-11-24T11:53:30+01:00", NOW_S, id="RFC 3339 with an offset"),
        pytest.param("2026-11-24T10:53:30.9Z", NOW_S, id="a fraction is cut"),
        pytest.param(" 2026-11-24T10:53:30Z ", NOW_S, id="blanks around"),
        pytest.param("-2h", NOW_S - 7200, id="relative"),
        pytest.param("-90", NOW_S - 90, id="relative without unit"),
        pytest.param("-0", NOW_S, id="now"),
    ],
)
def test_a_time_is_read_in_unix_seconds(text: str, time_s: int) -> None:
    assert parse_time_s(text, NOW_S) == time_s


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "or -2h for two hours ago", id="nothing"),
        pytest.param("2h", "or -2h for two hours ago", id="relative without sign"),
        pytest.param("2026-11-24", "or -2h for two hours ago", id="a date alone"),
        pytest.param("2026-02-30T00:00:00Z", "impossible time", id="an impossible date"),
        pytest.param("-", "is no duration", id="a sign alone"),
        pytest.param("--2h", "is no duration", id="two signs"),
    ],
)
def test_what_is_no_time_is_refused(text: str, message: str) -> None:
    with pytest.raises(QuantityError, match=message):
        parse_time_s(text, NOW_S)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("10", Fraction(10), id="whole"),
        pytest.param("0", Fraction(0), id="zero"),
        pytest.param("0.29", Fraction(29, 100), id="exactly as written"),
        pytest.param(".5", Fraction(1, 2), id="no digit before the point"),
        pytest.param("1.500000000", Fraction(3, 2), id="nine digits behind the point"),
        pytest.param(" 10 ", Fraction(10), id="blanks around"),
    ],
)
def test_a_number_is_read_exactly(text: str, number: Fraction) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("-1", id="negative"),
        pytest.param("1.", id="no digit behind the point"),
        pytest.param(".", id="a point alone"),
        pytest.param("1,5", id="a comma"),
        pytest.param("1/2", id="a fraction"),
        pytest.param("1e3", id="an exponent"),
        pytest.param("nan", id="not a number"),
        pytest.param("inf", id="infinity"),
        pytest.param("1_000", id="an underscore"),
        pytest.param("\u0661", id="a digit that is not ASCII"),
        pytest.param("1" * 13, id="thirteen digits"),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is no number"):
        parse_number(text)


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**9 - 1))
def test_any_decimal_is_read_exactly(whole: int, billionths: int) -> None:
    assert parse_number(f"{whole}.{billionths:09}") == whole + Fraction(billionths, 10**9)


@given(st.one_of(st.text(), st.from_regex(r"[-0-9.smhdkKiBTZ:+% ]{0,25}")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (
        parse_duration_s,
        parse_number,
        parse_share,
        parse_factor,
        parse_size_bytes,
        parse_seconds,
        partial(parse_time_s, now_s=NOW_S),
    ):
        with suppress(QuantityError):
            read(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        pytest.param("1%", Fraction(1, 100), id="percent"),
        pytest.param("0.01", Fraction(1, 100), id="a part"),
        pytest.param("0.5%", Fraction(1, 200), id="a part of a percent"),
        pytest.param(" 100% ", Fraction(1), id="all"),
        pytest.param("0", Fraction(0), id="none"),
    ],
)
def test_a_share_is_read_exactly(text: str, share: Fraction) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "101%", "1.1", "-1%", "1%%", "1 %", "one"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_share(text)


@pytest.mark.parametrize(("text", "factor"), [("10x", 10), ("10", 10), (" 0.5x ", Fraction(1, 2))])
def test_a_factor_is_read_exactly(text: str, factor: Fraction) -> None:
    assert parse_factor(text) == factor


@pytest.mark.parametrize("text", ["", "x", "0", "0x", "-1x", "10xx", "10 times", "fast"])
def test_what_is_no_factor_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is no speed"):
        parse_factor(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        pytest.param("500", 500, id="bytes without unit"),
        pytest.param("500B", 500, id="bytes"),
        pytest.param("64KiB", 65_536, id="1,024 each"),
        pytest.param("64Ki", 65_536, id="without B"),
        pytest.param("64kB", 64_000, id="1,000 each"),
        pytest.param("64k", 64_000, id="a prefix alone"),
        pytest.param("2MiB", 2_097_152, id="mebibytes"),
        pytest.param("2MB", 2_000_000, id="megabytes"),
        pytest.param("1GiB", 1 << 30, id="gibibytes"),
        pytest.param("1TB", 10**12, id="terabytes"),
        pytest.param("1.5KiB", 1536, id="a fraction"),
        pytest.param("0.1", Fraction(1, 10), id="exactly as written"),
        pytest.param(".5kb", 500, id="any case"),
        pytest.param("2 MiB", 2_097_152, id="a blank before the unit"),
        pytest.param(" 0 ", 0, id="nothing, with blanks around"),
    ],
)
def test_a_size_is_read_in_bytes(text: str, size_bytes: Fraction | int) -> None:
    assert parse_size_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("MiB", id="a unit alone"),
        pytest.param("-1", id="negative"),
        pytest.param("1e3", id="an exponent"),
        pytest.param("1.2.3MB", id="two points"),
        pytest.param("1.MB", id="no digit behind the point"),
        pytest.param("1iB", id="an i without a prefix"),
        pytest.param("1PB", id="an unknown prefix"),
        pytest.param("1MBs", id="more behind it"),
        pytest.param("1,000", id="a comma"),
        pytest.param("5%", id="a share"),
        pytest.param("\u0661MB", id="a digit that is not ASCII"),
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is no size"):
        parse_size_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("0.5", Fraction(1, 2), id="seconds without unit"),
        pytest.param("0.5s", Fraction(1, 2), id="seconds"),
        pytest.param("500ms", Fraction(1, 2), id="milliseconds"),
        pytest.param("0.1ms", Fraction(1, 10_000), id="exactly as written"),
        pytest.param(" 2s ", 2, id="blanks around"),
        pytest.param("0", 0, id="nothing"),
    ],
)
def test_seconds_are_read_exactly(text: str, seconds: Fraction | int) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "ms", "-1s", "1m", "1us", "1 s", "1ss", "500mss", "1.s", "1e-3", "500MS", "\u0661s"]
)
def test_what_is_no_time_of_a_request_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="is no time that a request takes"):
        parse_seconds(text)
