"""Whatever a log says and a rule asks, the alerts are those that counting every window anew gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from rule_kit import (
    LATENESS_S,
    Said,
    assert_recognised,
    comparable,
    judged,
    random_log,
    random_rule,
    random_rules,
    replayed,
    restamped,
    rows,
    shuffled_within,
    told,
)

from w3ctools.core.alert import Alerts, AlertState, Placed
from w3ctools.core.rule import Rule
from w3ctools.core.window import GRACE_S
from w3ctools.core.wire import AlertEvent

in_normal_and_full_runs = pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(150), id="150 logs"),
        pytest.param(range(150, 2150), id="2,000 more logs", marks=pytest.mark.full),
    ],
)
YEAR_S = 31_536_000


def chaotic_log(rng: random.Random) -> list[Said]:
    """Disorder, far stamps, clocks set back, fractions, and records without a stamp."""
    log: list[Said] = []
    shift = 0
    for said in shuffled_within(rng, rng.choice([1, 2, 5, 20]), random_log(rng)):
        if rng.random() < 0.006:
            shift += rng.choice([-YEAR_S, -3600, -121, -120, 120, 121, 3600])
        epoch: float | None = said.second + shift
        dice = rng.random()
        if dice < 0.02:
            epoch = None
        elif dice < 0.05:
            epoch = said.second + rng.choice([-YEAR_S, -600, -121, -120, -60, 119, 120, 121, 600, YEAR_S])
        elif dice < 0.2:
            epoch = said.second + shift + rng.randrange(4) / 4
        log += [restamped(said, epoch)] * (1 if rng.random() < 0.95 else rng.randint(2, 12))
    return log


def late_log(rng: random.Random) -> list[Said] | None:
    """Some records come much later than their second; None if the clock would have to doubt a stamp."""
    places = [
        (at if at == 0 or rng.random() < 0.9 else at + rng.randint(1, 60), said)
        for at, said in enumerate(random_log(rng))
    ]
    log = [said for _, said in sorted(places, key=lambda place: place[0])]
    newest = log[0].second
    for said in log:
        if abs(said.second - newest) >= 120:
            return None
        newest = max(newest, said.second)
    return log


def batches(rng: random.Random, came: list[Any]) -> Iterator[list[Any]]:
    size = rng.choice([1, 2, 7, 100])
    at = 0
    while at < len(came):
        end = at + rng.randint(0, 2 * size)
        yield came[at:end]
        at = end


def fed(alerts: Alerts, came: list[Any], wall_s: float | None = None) -> list[AlertEvent]:
    return [event for _, event in alerts.feed(came, wall_s)]


def live_run(
    rng: random.Random, rules: list[Rule], log: list[Said], lateness_s: int
) -> tuple[list[AlertEvent], Alerts]:
    """The log as it is written: each record comes within the grace, and time is looked at in between."""
    alerts = Alerts(rules, lateness_s)
    events: list[AlertEvent] = []
    now = read_at = log[0].second + 0.0
    batch: list[Any] = []
    for row in rows(rules, log):
        due = row.epoch + rng.random() + rng.random() * (GRACE_S - 0.01)
        if due > now:
            if batch:
                events += fed(alerts, batch, now)
                batch, read_at = [], now
            for moment in sorted(rng.uniform(now, due) for _ in range(rng.choice([0, 1, 2]))):
                events += alerts.tick(moment - read_at)
            now = due
        batch.append(row)
    return events + fed(alerts, batch, now), alerts


def saved_and_restored(alerts: Alerts, rules: list[Rule]) -> Alerts:
    """Through the file that a restart reads."""
    data = msgspec.json.encode(alerts.snapshot())
    restored = Alerts(rules, alerts.clock.lateness_s)
    assert restored.restore(msgspec.json.decode(data, type=AlertState)) == []
    return restored


@in_normal_and_full_runs
def test_any_log_gives_what_counting_every_window_gives(seeds: range) -> None:
    decided = 0
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = [random_rule(rng)], random_log(rng)
        expected = comparable(rules, judged(rules, log))
        assert told(rules, replayed(rules, log, rng.choice([1, 2, 60]))) == expected, f"seed {seed}: {rules}"
        decided += len(expected)
    assert decided > len(seeds)  # the logs are such that there is something to decide


@in_normal_and_full_runs
def test_any_rules_together_give_what_each_gives_in_order(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = random_rules(rng), random_log(rng)
        whole = replayed(rules, log)
        alone = [(at, event) for at, rule in enumerate(rules) for event in replayed([rule], log)]
        alone.sort(key=lambda one: (one[1].epoch or 0, one[0], one[1].key or ""))
        assert whole == [event for _, event in alone], f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_late_records_count_in_the_seconds_still_to_be_judged(seeds: range) -> None:
    tried = 0
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = [random_rule(rng)], late_log(rng)
        if log is not None:
            tried += 1
            lateness_s = rng.choice([1, 2, 10])
            expected = comparable(rules, judged(rules, log, lateness_s=lateness_s))
            assert told(rules, replayed(rules, log, lateness_s)) == expected, f"seed {seed}: {rules}"
    assert tried > len(seeds) // 2


@in_normal_and_full_runs
def test_any_batches_give_the_same_events_at_the_same_records(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules = random_rules(rng)
        came = rows(rules, chaotic_log(rng))
        whole = Alerts(rules, LATENESS_S)
        expected = whole.feed(came)
        split = Alerts(rules, LATENESS_S)
        placed, before = [], 0
        for batch in batches(rng, came):
            placed += [Placed(before + after, event) for after, event in split.feed(batch)]
            before += len(batch)
        assert placed == expected, f"seed {seed}: {rules}"
        assert split.flush() == whole.flush(), f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_any_disorder_within_the_lateness_changes_nothing(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules, lateness_s, ordered = random_rules(rng), rng.choice([1, 2, 5, 60]), random_log(rng)
        disordered = shuffled_within(rng, lateness_s, ordered)
        expected = replayed(rules, ordered, lateness_s)
        assert replayed(rules, disordered, lateness_s) == expected, f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_any_live_run_says_what_its_replay_says(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules, log, lateness_s = random_rules(rng), random_log(rng), rng.choice([1, 2, 5])
        events, alerts = live_run(rng, rules, log, lateness_s)
        expected = replayed(rules, log, lateness_s)
        assert events + alerts.flush() == expected, f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_silence_adds_what_an_empty_future_brings_and_never_too_early(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = [random_rule(rng)], random_log(rng)
        events, alerts = live_run(rng, rules, log, LATENESS_S)
        last = log[-1].second
        for elapsed_s in range(0, 108, 3):
            more = alerts.tick(elapsed_s)
            over = last + elapsed_s - GRACE_S - LATENESS_S
            assert all((event.epoch or 0) <= over for event in more), f"seed {seed}: {rules}"
            events += more
        expected = comparable(rules, judged(rules, log, quiet_s=over - last))
        assert told(rules, events) == expected, f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_any_beginning_of_a_log_gives_the_beginning_of_its_events(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = random_rules(rng), shuffled_within(rng, LATENESS_S, random_log(rng))
        alerts = Alerts(rules, LATENESS_S)
        events = fed(alerts, rows(rules, log[: rng.randint(1, len(log))]))
        # The end of the input judges the last seconds as they stand.
        until = (alerts.clock.newest or 0) - LATENESS_S
        whole = replayed(rules, log)
        assert _until(events + alerts.flush(), until) == _until(whole, until), f"seed {seed}: {rules}"


def _until(events: list[AlertEvent], second: int) -> list[AlertEvent]:
    return [event for event in events if event.epoch is not None and event.epoch <= second]


@in_normal_and_full_runs
def test_restart_at_any_record_loses_and_invents_nothing(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules = random_rules(rng)
        came = rows(rules, chaotic_log(rng))
        cut = rng.randint(0, len(came))
        whole, stopped = Alerts(rules, LATENESS_S), Alerts(rules, LATENESS_S)
        assert fed(stopped, came[:cut]) == fed(whole, came[:cut])
        restored = saved_and_restored(stopped, rules)
        assert fed(restored, came[cut:]) == fed(whole, came[cut:]), f"seed {seed}: {rules}"
        assert restored.tick(200) == whole.tick(200), f"seed {seed}: {rules}"
        assert restored.flush() == whole.flush(), f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_restart_in_silence_loses_and_invents_nothing(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules = random_rules(rng)
        came = rows(rules, random_log(rng))
        cut = rng.randint(1, len(came))
        whole, stopped = Alerts(rules, LATENESS_S), Alerts(rules, LATENESS_S)
        assert fed(stopped, came[:cut]) == fed(whole, came[:cut])
        elapsed_s = rng.choice([6.5, 12, 30, 60])
        assert stopped.tick(elapsed_s) == whole.tick(elapsed_s)
        restored = saved_and_restored(stopped, rules)
        for elapsed_s in (61, 90, 200):
            assert restored.tick(elapsed_s) == whole.tick(elapsed_s), f"seed {seed}: {rules}"
        assert fed(restored, came[cut:]) == fed(whole, came[cut:]), f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_events_of_any_log_with_any_silence_alternate_and_are_recognised(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rules = random_rules(rng)
        alerts = Alerts(rules, rng.choice([1, 2, 60]))
        events: list[AlertEvent] = []
        for batch in batches(rng, rows(rules, chaotic_log(rng))):
            events += fed(alerts, batch)
            if rng.random() < 0.2:
                events += alerts.tick(rng.choice([0.0, 6.5, 30.0, 130.0, 1000.0]))
        events += alerts.flush()
        opened: dict[Any, list[bool]] = {}
        for event in events:
            assert_recognised(event)
            opened.setdefault((event.rule, event.key), []).append(event.state == "raised")
        for states in opened.values():
            assert states[0], f"seed {seed}: {rules}"
            assert all(before != after for before, after in pairwise(states)), f"seed {seed}: {rules}"


@in_normal_and_full_runs
def test_rule_by_key_says_of_a_log_with_one_key_what_a_rule_without_says(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        rule = random_rule(rng)._replace(by=None)
        if rule.below:
            continue  # by key, only what was alive can be dead
        log = [said._replace(section=None) for said in chaotic_log(rng)]
        whole, keyed = Alerts([rule], LATENESS_S), Alerts([rule._replace(by="section")], LATENESS_S)
        for batch in batches(rng, log):
            elapsed_s = rng.choice([0.0, 0.0, 0.0, 6.5, 30.0, 130.0])
            expected = fed(whole, rows([rule], batch)) + whole.tick(elapsed_s)
            events = fed(keyed, rows([rule._replace(by="section")], batch)) + keyed.tick(elapsed_s)
            assert _without_keys(events) == _without_keys(expected), f"seed {seed}: {rule}"


def _without_keys(events: list[AlertEvent]) -> list[tuple[Any, ...]]:
    return [(event.state, event.epoch, event.hits, event.value) for event in events]
