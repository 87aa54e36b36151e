"""Rules tried on old logs: the alerts are those that were told, the values those of every second's window."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import pytest
from rule_kit import (
    LATENESS_S,
    T0_S,
    Said,
    key_of,
    log_of,
    random_log,
    random_rule,
    replayed,
    rows,
    rule_of,
    value_of,
)

from w3ctools.core.rule import Rule
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.trial import MOST_LISTED, Trial

SHARES = (Fraction(1, 2), Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000), Fraction(1))
_SIZE = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


def tried(log: list[Said], *rules: Rule, reads: int = 1) -> Trial:
    """A trial of the whole log, fed in so many pieces."""
    trial = Trial(rules, LATENESS_S)
    size = ceil(len(log) / reads) or 1
    for at in range(0, len(log), size):
        trial.feed(rows(rules, log[at : at + size]))
    trial.flush()
    return trial


def report(series: str, *rules: str) -> list[str]:
    """The lines of what is reported of a series, without the first two."""
    return tried(log_of(series), *map(rule_of, rules)).report().splitlines()[2:]


def at(second: int) -> str:
    return rfc3339(T0_S + second) or ""


# Alerts.


def test_report_shows_span_rule_alerts_values_and_threshold() -> None:
    series = "1/s x 100, 4/s x 20, 1/s x 380, 4/s x 20, 1/s x 480"
    assert tried(log_of(series), rule_of("threshold=2 window_s=20")).report() == (
        f"{at(0)} to {at(999)}: 1,120 records\n"
        "\n"
        "High traffic: requests above 2/s over 20 s\n"
        "  2 alerts, 54s in all\n"
        "  raised                recovered  lasted\n"
        f"  {at(106)}  {at(133)[11:]}     27s  hits = 41\n"
        f"  {at(506)}  {at(533)[11:]}     27s  hits = 41\n"
        "  of the time      50 %      90 %      99 %    99.9 %     100 %\n"
        "  up to             1/s       1/s    3.55/s       4/s       4/s\n"
        "  -t 4 would be exceeded for at most 0.1 % of the time\n"
    )


def test_recovery_on_another_day_has_its_date() -> None:
    lines = report("1/s x 6380, 4/s x 20, 1/s x 60", "threshold=2 window_s=20")
    assert lines[3].startswith(f"  {at(6386)}  {at(6413)}  ")
    assert at(6386)[:10] != at(6413)[:10]


def test_alert_open_at_the_end_lasts_up_to_it() -> None:
    lines = report("1/s x 40, 4/s x 30", "threshold=2 window_s=20")
    assert lines[1:4] == [
        "  1 alert, 23s in all",
        "  raised                recovered  lasted",
        f"  {at(46)}  open          23s  hits = 41",
    ]


def test_alert_that_was_reset_has_no_length() -> None:
    lines = report("1/s x 40, 4/s x 30, jump -3600, 1/s x 100", "threshold=2 window_s=20")
    assert lines[1:4] == [
        "  1 alert, 0s in all",
        "  raised                recovered  lasted",
        f"  {at(46)}  reset           -  hits = 41",
    ]


def test_alerts_by_key_stand_in_the_order_of_their_raising_and_name_the_key() -> None:
    series = (
        "1/s x 60 section=/a & 4/s x 60 section=/b, 4/s x 20 section=/a & 4/s x 60 section='/c d', "
        "1/s x 99 section=/a"
    )
    lines = report(series, "threshold=2 window_s=20 by=section")
    assert [line.split("  ")[-1].removeprefix("hits = 41 ") for line in lines[3:6]] == [
        "on /b",
        "on /a",
        "on /c%20d",
    ]


def test_first_alerts_are_listed_and_the_others_counted() -> None:
    series = ", ".join(["4/s x 20, 0 x 20"] * (MOST_LISTED + 2))
    lines = report(series.replace("0 x 20", "1/s x 1, jump 19"), "threshold=2 window_s=10")
    assert lines[1].startswith(f"  {MOST_LISTED + 2} alerts, ")
    assert lines[3 + MOST_LISTED] == "  and 2 more"
    assert len([line for line in lines if "hits = " in line]) == MOST_LISTED


def test_two_rules_of_one_name_are_told_apart() -> None:
    rules = [rule_of("threshold=2 window_s=20"), rule_of("below=0.5 window_s=20 name=traffic")]
    series = "4/s x 60, 1/s x 1, jump 59, 1/s x 30"
    text = tried(log_of(series), *rules).report()
    high, low = text.split("\n\n")[1:]
    assert (high.splitlines()[1][:9], low.splitlines()[1][:9]) == ("  1 alert", "  1 alert")
    assert (low.splitlines()[0]) == "Low traffic: requests below 0.5/s over 20 s"


@pytest.mark.parametrize("seed", range(60))
def test_alerts_of_any_rule_on_any_log_are_those_that_it_tells(seed: int) -> None:
    rng = random.Random(seed)
    rule, log = random_rule(rng), random_log(rng)
    raised = [event.time for event in replayed([rule], log) if event.state == "raised"]
    text = tried(log, rule).report()
    assert re.findall(r"^  (\d{4}-\S+)  ", text, re.MULTILINE) == raised[:MOST_LISTED]
    assert ("no alert" in text) is not bool(raised)


# Values.


def windows(rule: Rule, log: list[Said]) -> Iterator[tuple[str | None, Fraction]]:
    """Of each key and second what the window measured, where there was anything to measure."""
    first, last = min(said.second for said in log), max(said.second for said in log)
    keys = [None] if rule.by is None else sorted({key_of(said, rule.by) for said in log})
    for key in keys:
        came: dict[int, list[Said]] = {}
        for said in log:
            if rule.by is None or key_of(said, rule.by) == key:
                came.setdefault(said.second, []).append(said)
        measured_s = 0
        for second in range(first, last + 1):
            window = [
                said for at in range(second - rule.window_s + 1, second + 1) for said in came.get(at, ())
            ]
            value = value_of(rule, window)
            if value is None or len(window) < rule.min_requests or (rule.by is not None and not window):
                measured_s = 0
                continue
            measured_s += 1
            if not rule.below or measured_s >= rule.window_s:
                yield key, value or Fraction(0)


def shown_values(text: str) -> list[float]:
    """The values of the table."""
    line = next(line for line in text.splitlines() if line.startswith(("  up to ", "  at least ")))
    found = re.findall(r"([\d.]+)([kMG]?)(?:/s|B/s|%|s)", line)
    return [float(number) * _SIZE[prefix] / (100 if "%" in line else 1) for number, prefix in found]


MIXED = (
    "2/s x 150 status=200 bytes=500 duration=0.1 section=/a & 1/s x 90 status=500 duration=1.5 section=/b, "
    "7/s x 33 status=200 bytes=2048 duration=0.33 section=/b & 2/s x 11 unparsed, "
    "3/s x 70 status=503 bytes=77777 duration=0.7 section=/a, jump 45, "
    "1/s x 260 status=200 bytes=9 duration=0.02 section='/c d'"
)
RULES = [
    "threshold=1",
    "threshold=1 window_s=1",
    "threshold=1 window_s=7 by=section",
    "threshold=1 metric=errors window_s=30",
    "threshold=1 metric=errors window_s=30 by=section",
    "threshold=5% metric=error-ratio window_s=40",
    "threshold=5% metric=error-ratio window_s=40 by=section",
    "threshold=5% metric=error-ratio window_s=40 by=section min_requests=60",
    "threshold=1 metric=unparsed window_s=10",
    "threshold=1kB metric=bytes window_s=25",
    "threshold=1kB metric=bytes window_s=25 by=section",
    "threshold=500ms metric=p95 window_s=20",
    "threshold=500ms metric=p95 window_s=20 by=section",
    "below=1 window_s=30",
    "below=1 window_s=70",
    "below=1 window_s=30 by=section",
    "below=1kB metric=bytes window_s=50",
    "below=20ms metric=p95 window_s=20",
]


@pytest.mark.parametrize("text", RULES)
def test_values_are_those_of_every_second(text: str) -> None:
    rule, log = rule_of(text), log_of(MIXED)
    values = sorted((value for _, value in windows(rule, log)), reverse=rule.below)
    shown = shown_values(tried(log, rule).report())
    assert len(shown) == len(SHARES)
    # A bucket of the trial is 1 % wide, one of p95's is 2 %, and three digits are shown.
    inexact = 0.016 if rule.metric == "p95" else 0.005
    for share, value in zip(SHARES, shown, strict=True):
        exact = float(values[ceil(share * len(values)) - 1])
        least, most = (0.985, 1) if rule.below else (1, 1.015)
        assert exact * (least - inexact) <= value <= exact * (most + inexact), share


def suggested(text: str) -> str:
    """The value of the last line's option."""
    match = re.fullmatch(r"  (?:-t|--below) (\S+) would be .*", text.splitlines()[-1])
    assert match is not None, text
    return match[1]


@pytest.mark.parametrize("text", [text for text in RULES if text != "below=1 window_s=30"])
def test_suggestion_is_exceeded_for_a_thousandth_of_the_time_at_most(text: str) -> None:
    rule, log = rule_of(text), log_of(MIXED)
    option = "below" if rule.below else "threshold"
    bound = suggested(tried(log, rule).report())
    better = rule_of(re.sub(rf"{option}=\S+", f"{option}={bound}", text))
    values = [value for _, value in windows(better, log)]
    beyond = [
        value for value in values if (value < better.threshold if rule.below else value > better.threshold)
    ]
    assert len(beyond) <= len(values) / 1000


@pytest.mark.parametrize("text", ["threshold=9 window_s=10", "below=1 window_s=10"])
def test_suggestion_is_no_further_away_than_needed(text: str) -> None:
    rng = random.Random(3)
    log = [Said(T0_S + second) for second in range(2500) for _ in range(rng.randint(2, 9))]
    rule = rule_of(text)
    bound = float(suggested(tried(log, rule).report()))
    values = sorted((float(value) for _, value in windows(rule, log)), reverse=rule.below)
    exact = values[ceil(0.999 * len(values)) - 1]
    assert abs(bound - exact) <= 0.1  # Two digits are suggested.


def test_windows_that_cannot_raise_an_alert_for_want_of_requests_do_not_count() -> None:
    usual = "1/s x 500 status=200 section=/a"
    series = f"{usual}, 1/s x 1 status=500 section=/rare, jump 99, {usual}"
    lines = report(series, "threshold=5% metric=error-ratio window_s=20 min_requests=5 by=section")
    assert "100%" not in lines[-2]


def test_report_does_not_depend_on_how_the_log_was_read() -> None:
    log, rules = log_of(MIXED), [rule_of(text) for text in RULES[:1] + RULES[3:4]]
    rules[1] = rules[1]._replace(name="of-errors")
    assert tried(log, *rules, reads=97).report() == tried(log, *rules).report()


def test_report_asked_for_twice_is_the_same() -> None:
    trial = tried(log_of(MIXED), rule_of("threshold=1"))
    assert trial.report() == trial.report()


def test_what_was_before_a_clock_went_back_is_not_held_behind_it() -> None:
    series = "5/s x 100 section=/gone, jump -5000, 1/s x 6000 section=/a"
    values = report(series, "threshold=9 window_s=10 by=section")[-2]
    assert values.split()[:3] == ["up", "to", "1/s"]


# What leaves nothing to say.


@pytest.mark.parametrize("series", ["", "5 null"])
def test_log_without_time_is_told(series: str) -> None:
    log = log_of(series) if series else []
    assert tried(log, rule_of("threshold=1")).report() == (
        "no record with a time: there is nothing to try the rules on\n"
    )


def test_values_that_were_nearly_always_0_suit_any_threshold() -> None:
    lines = report("5/s x 2000 status=200", "threshold=1 metric=errors")
    assert lines[1:] == [
        "  no alert",
        "  of the time      50 %      90 %      99 %    99.9 %     100 %",
        "  up to             0/s       0/s       0/s       0/s       0/s",
        "  any -t would be exceeded for at most 0.1 % of the time",
    ]


def test_traffic_that_stopped_suits_no_lower_bound() -> None:
    lines = report("5/s x 100, jump 900, 5/s x 2", "below=1 window_s=10")
    assert lines[-1] == "  no --below suits: it was 0 for more than 0.1 % of the time"


def test_log_shorter_than_the_window_tells_nothing_of_a_lower_bound() -> None:
    lines = report("1/s x 60", "below=1 window_s=61")
    assert lines[1:] == ["  no alert", "  nothing was ever measured over a whole window"]


def test_filling_window_is_not_taken_for_little_traffic() -> None:
    assert report("1/s x 100", "below=1 window_s=61")[-2].split() == ["at", "least", *["1/s"] * 5]


def test_rule_on_durations_that_the_log_has_not_says_so() -> None:
    lines = report("1/s x 60", "threshold=1 metric=p95")
    assert lines[1:] == ["  no alert", "  no record has a duration: have the server log it (w3ctools(7))"]


@pytest.mark.parametrize("text", RULES)
def test_lines_fit_80_columns(text: str) -> None:
    _rule, *lines = report(MIXED, text)
    assert max(map(len, lines)) <= 80
