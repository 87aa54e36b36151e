"""A rule: what is said in its name, and how keys and numbers are written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_kit import BYS, METRICS, T0_S, assert_recognised, rule_of

from w3ctools.core.quantity import plain
from w3ctools.core.rule import (
    BY,
    NAME,
    WORDS,
    Rule,
    make_rule,
    message_key,
    parse_bound,
    shortened_key,
)
from w3ctools.core.rule import METRICS as METRICS_OF_OPTIONS
from w3ctools.core.wire import MESSAGE_KEY_BYTES


def test_options_have_the_metrics_and_keys_of_the_types() -> None:
    assert (METRICS_OF_OPTIONS, BY, set(WORDS)) == (METRICS, BYS, set(METRICS))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5.0, "5"),
        (7.2, "7.2"),
        (7.234, "7.23"),
        (0.83, "0.83"),
        (66.6666, "66.7"),
        (99.96, "100"),
        (100.0, "100"),
        (1234.5, "1234"),
        (1_234_567.0, "1234567"),
        (0.00012, "0.00012"),
        (0.000012345, "0.0000123"),
        (1e-9, "0.000000001"),
        (1e21, "1000000000000000000000"),
    ],
)
def test_number_is_written_plainly(value: float, text: str) -> None:
    assert plain(value) == text


@given(st.floats(1e-9, 1e12))
def test_number_is_right_to_three_digits_and_has_no_exponent(value: float) -> None:
    assert float(plain(value)) == pytest.approx(value, rel=0.00501)
    assert set(plain(value)) <= set("0123456789.")


@pytest.mark.parametrize(
    ("key", "written"),
    [
        pytest.param("/api", "/api", id="as it is"),
        pytest.param(" a  b ", "%20a%20%20b%20", id="blanks"),
        pytest.param("x" * 200, "x" * 200, id="200 bytes"),
        pytest.param("x" * 201, f"{'x' * 98}....{'x' * 98}", id="201 bytes"),
        pytest.param("é" * 100, "é" * 100, id="200 bytes of two each"),
        pytest.param("é" * 101, f"{'é' * 49}....{'é' * 49}", id="202 bytes of two each"),
        pytest.param(f"a{'é' * 100}", f"a{'é' * 48}....{'é' * 49}", id="the cut is inside a letter"),
        pytest.param(f"{'é' * 100}a", f"{'é' * 49}....{'é' * 48}a", id="the other cut is inside a letter"),
        pytest.param("😀" * 51, f"{'😀' * 24}....{'😀' * 24}", id="letters of four bytes"),
        pytest.param("x y" * 50, f"{'x%20y' * 19}x%2....20y{'x%20y' * 19}", id="blanks make it longer"),
    ],
)
def test_key_in_a_message(key: str, written: str) -> None:
    assert message_key(key) == written


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), max_size=120))
def test_shortened_key_fits_and_keeps_both_ends(key: str) -> None:
    short = shortened_key(key)
    assert len(short.encode()) <= MESSAGE_KEY_BYTES
    if short != key:
        before, _, after = short.partition("....")
        assert (
            len(short.encode()) > MESSAGE_KEY_BYTES - 7
        )  # of a letter of four bytes three may be lost, twice
        assert key.startswith(before) or "...." in key
        assert key.endswith(after) or "...." in key
    assert shortened_key(short) == short


@pytest.mark.parametrize(
    ("metric", "text", "bound"),
    [
        ("requests", "0.29", Fraction(29, 100)),
        ("errors", "2", Fraction(2)),
        ("unparsed", ".5", Fraction(1, 2)),
        ("error-ratio", "5%", Fraction(1, 20)),
        ("error-ratio", "0.05", Fraction(1, 20)),
        ("error-ratio", "100%", Fraction(1)),
        ("bytes", "2MiB", Fraction(2 * 1024**2)),
        ("bytes", "2MB", Fraction(2_000_000)),
        ("p95", "500ms", Fraction(1, 2)),
        ("p95", "1.5s", Fraction(3, 2)),
    ],
)
def test_bound_is_exact_in_the_unit_of_its_metric(metric: str, text: str, bound: Fraction) -> None:
    assert rule_of(f"metric={metric} threshold={text}").threshold == bound
    assert [parse_bound(known, text) for known in METRICS if known == metric] == [bound]


def test_traffic_has_a_usual_bound() -> None:
    made = make_rule(threshold=None, below=None, recover_at=None, metric="requests", window_s=120)
    assert made == Rule(Fraction(10), 120)


def test_options_are_those_of_the_rule() -> None:
    text = "metric=error-ratio below=10% recover_at=20% window_s=60 by=vhost for_s=5 keep_firing_s=7"
    assert rule_of(f"{text} min_requests=9 name=x") == Rule(
        Fraction(1, 10),
        60,
        metric="error-ratio",
        below=True,
        by="vhost",
        recover_at=Fraction(1, 5),
        for_s=5,
        keep_firing_s=7,
        min_requests=9,
        name="x",
    )


@pytest.mark.parametrize(("recover_at", "bound"), [("", 10), ("recover_at=4", 4)])
def test_recovers_on_the_other_side_of_the_threshold_if_nothing_else_is_said(
    recover_at: str, bound: int
) -> None:
    assert rule_of(f"threshold=10 {recover_at}").recovers_at == bound


@pytest.mark.parametrize(
    ("rule", "about"),
    [
        ("threshold=1", "High traffic on /a%20b"),
        ("below=1", "Low traffic on /a%20b"),
        ("metric=error-ratio threshold=1%", "High error ratio on /a%20b"),
        ("metric=p95 below=1", "Low p95 on /a%20b"),
        ("metric=errors threshold=1 name=shop-errors", "High shop-errors on /a%20b"),
    ],
)
def test_messages_speak_of_the_rule_and_the_key(rule: str, about: str) -> None:
    assert rule_of(rule).about("/a b") == about
    assert rule_of(rule).about(None) == about.partition(" on ")[0]


@pytest.mark.parametrize(
    ("rule", "described"),
    [
        ("threshold=10", "High traffic: requests above 10/s over 120 s"),
        ("below=0.5 window_s=60", "Low traffic: requests below 0.5/s over 60 s"),
        (
            "metric=error-ratio threshold=5% by=section",
            "High error ratio by section: error-ratio above 0.05 over 120 s",
        ),
        ("metric=bytes threshold=2kB name=out", "High out: bytes above 2000 bytes/s over 120 s"),
        (
            "metric=p95 threshold=1 recover_at=500ms for_s=5 keep_firing_s=7 min_requests=9",
            "High p95: p95 above 1 s over 120 s, "
            "recovers at 0.5 s, for 5 s, keeps firing 7 s, from 9 requests on",
        ),
    ],
)
def test_rule_in_a_line(rule: str, described: str) -> None:
    assert rule_of(rule).described() == described


def test_event_has_every_figure() -> None:
    rule = rule_of("metric=error-ratio threshold=5% window_s=60 by=section")
    event = rule.event("raised", T0_S, "/a b", 0.072, "ratio = 7.2 %", 500)
    assert (event.event, event.state, event.time, event.epoch) == (
        "alert",
        "raised",
        "2023-11-14T22:13:20Z",
        T0_S,
    )
    assert (event.rule, event.metric, event.key, event.value) == (
        "error-ratio",
        "error-ratio",
        "/a b",
        0.072,
    )
    assert (event.hits, event.threshold, event.window_s) == (500, 0.05, 60)
    assert event.message == (
        "High error ratio on /a%20b generated an alert - ratio = 7.2 %, triggered at 2023-11-14T22:13:20Z"
    )


#: Names and keys that are words of the messages themselves.
WORDS_OF_MESSAGES = ["on", "alert", "generated", "recovered", "reset", "an", "-", "high", "0"]


@pytest.mark.parametrize("name", [None, *WORDS_OF_MESSAGES])
def test_message_is_recognised_whatever_its_name_and_key(name: str | None) -> None:
    assert name is None or NAME.fullmatch(name)
    keys = [None, *WORDS_OF_MESSAGES, "on on", "a on b", "x alert reset - y", "é", "%20", "/" * 999, "\t"]
    for metric in METRICS:
        for rule in (
            Rule(Fraction(1), 60, metric, name=name),
            Rule(Fraction(1), 60, metric, True, name=name),
        ):
            for key in keys:
                assert_recognised(rule.event("raised", T0_S, key, 1.0, "hits = 1", 1))
                assert_recognised(rule.event("recovered", T0_S, key, 1.0, "ratio = 7.2 %", 1))
                assert_recognised(rule.event("reset", T0_S, key, 1.0, "hits = 1", 1))
