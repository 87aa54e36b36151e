"""Rules by key: what is remembered is bounded whatever comes, and what matters is not forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from rule_kit import LATENESS_S, T0_S, Said, log_of, rows, rule_of

from w3ctools.core.alert import Alerts, AlertState, Placed
from w3ctools.core.keyed import MOST_ENTRIES, KeyedWatch
from w3ctools.core.rule import Rule
from w3ctools.core.watch import WatchState
from w3ctools.core.wire import AlertEvent

TEN_PER_S = rule_of("threshold=10 by=section")
INVENTED = 20_000


def bounded(rule: Rule, most_entries: int) -> Alerts:
    """Alerts of one rule that may remember no more than this."""
    assert rule.by is not None
    alerts = Alerts([rule], LATENESS_S)
    alerts.watches[0] = KeyedWatch(rule, rule.by, most_entries)
    return alerts


def known(alerts: Alerts) -> WatchState:
    """What the rule knows."""
    return alerts.snapshot().rules[0].watch


def held(alerts: Alerts) -> int:
    """Keys, and sums of a key's second."""
    keys = known(alerts).keys
    return len(keys) + sum(len(key.seconds) for key in keys)


def keys_of(alerts: Alerts) -> set[str | None]:
    return {key.key for key in known(alerts).keys}


def invented(second: int, first: int, count: int) -> list[Said]:
    return [Said(second, section=f"/invented-{number}") for number in range(first, first + count)]


def whole_attack(per_s: int, seconds: int) -> list[Said]:
    return [said for log in attack(per_s, seconds) for said in log]


def attack(per_s: int, seconds: int, start_s: int = T0_S) -> list[list[Said]]:
    """New keys in each second."""
    return [invented(start_s + at, at * per_s, per_s) for at in range(seconds)]


def fed(alerts: Alerts, rule: Rule, log: list[Said]) -> list[AlertEvent]:
    return [event for _, event in alerts.feed(rows([rule], log))]


def batches(rng: random.Random, came: list[Any]) -> Iterator[list[Any]]:
    at = 0
    while at < len(came):
        end = at + rng.choice([1, 2, 7, 100])
        yield came[at:end]
        at = end


def interleaved(seconds: int, count: int) -> list[Said]:
    """New keys of two seconds by turns, as processes write them that do not wait for each other."""
    return [
        Said(T0_S + at // 1000 + at % 2, section=f"/invented-{at}")
        for at in range(min(count, 1000 * seconds))
    ]


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(invented(T0_S, 0, INVENTED), id="in one second"),
        pytest.param(whole_attack(1000, 20), id="over 20 seconds"),
        pytest.param(whole_attack(100, 200), id="over more than the window"),
        pytest.param(interleaved(20, INVENTED), id="of two seconds by turns"),
        pytest.param(
            [Said(T0_S + at, section=f"/{key}") for at in range(200) for key in range(100)],
            id="the same hundred again and again",
        ),
    ],
)
@pytest.mark.parametrize("rule", ["threshold=10 by=section", "below=10 by=section window_s=60"])
def test_whatever_comes_memory_is_bounded(rule: str, log: list[Said]) -> None:
    made = rule_of(rule)
    alerts = bounded(made, 1000)
    came = rows([made], log)
    for at in range(0, len(came), 2000):
        alerts.feed(came[at : at + 2000])
        assert held(alerts) <= 1010


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("threshold=0.001 by=section", id="every key is an open alert"),
        pytest.param("below=0.001 by=section window_s=60", id="every key is alive"),
    ],
)
def test_memory_is_bounded_also_where_no_key_may_be_forgotten(rule: str) -> None:
    made = rule_of(rule)
    alerts = bounded(made, 1000)
    for second in range(T0_S, T0_S + 70):
        alerts.feed(rows([made], [Said(second, section=f"/{key}") for key in range(300)]))
    assert held(alerts) <= 2000


@pytest.mark.parametrize(
    "log",
    [
        pytest.param([Said(None, section=f"/{key}") for key in range(INVENTED)], id="without a stamp yet"),
        pytest.param(
            log_of("9/s x 5 section=/a")
            + [Said(T0_S - 3600 + at // 4000, section=f"/{at}") for at in range(INVENTED)],
            id="of the past",
        ),
    ],
)
def test_memory_of_what_waits_is_bounded(log: list[Said]) -> None:
    alerts = bounded(TEN_PER_S, 1000)
    alerts.feed(rows([TEN_PER_S], log))
    assert len(known(alerts).waiting) <= 1000
    assert alerts.forgotten >= INVENTED - 1000


def test_keys_with_the_fewest_requests_are_forgotten_first() -> None:
    alerts = bounded(TEN_PER_S, 40)
    came = [said for hits in range(1, 21) for said in [Said(T0_S, section=f"/{hits:02}")] * hits]
    random.Random(1).shuffle(came)
    fed(alerts, TEN_PER_S, came)
    assert keys_of(alerts) == {f"/{hits:02}" for hits in range(1, 21)}
    fed(alerts, TEN_PER_S, [Said(T0_S + 1, section="/new")])
    kept = keys_of(alerts)
    assert "/new" in kept
    assert kept == {f"/{hits:02}" for hits in range(20, 20 - len(kept) + 1, -1)} | {"/new"}
    assert alerts.forgotten == 21 - len(kept)


def test_requests_of_the_whole_window_are_what_counts() -> None:
    alerts = bounded(TEN_PER_S, 40)
    fed(alerts, TEN_PER_S, [Said(T0_S + at, section="/steady") for at in range(9)])
    fed(alerts, TEN_PER_S, [said for at in range(14) for said in [Said(T0_S + 9, section=f"/{at}")] * 8])
    fed(alerts, TEN_PER_S, invented(T0_S + 10, 0, 50))
    assert "/steady" in keys_of(alerts)


def test_nothing_is_forgotten_where_there_is_room() -> None:
    alerts = bounded(TEN_PER_S, MOST_ENTRIES)
    for log in attack(2000, 10):
        fed(alerts, TEN_PER_S, log)
    assert (len(keys_of(alerts)), alerts.forgotten) == (INVENTED, 0)


def test_whatever_is_forgotten_is_told() -> None:
    alerts = bounded(TEN_PER_S, 1000)
    fed(alerts, TEN_PER_S, invented(T0_S, 0, INVENTED))
    assert INVENTED - len(keys_of(alerts)) == alerts.forgotten


def test_keys_that_have_left_the_window_cost_nothing() -> None:
    alerts = bounded(TEN_PER_S, MOST_ENTRIES)
    fed(alerts, TEN_PER_S, [*invented(T0_S, 0, 1000), *log_of("11/s x 300 section=/a")])
    assert keys_of(alerts) == {"/a"}
    assert alerts.forgotten == 0


@pytest.mark.parametrize("seed", range(2))
def test_heavy_key_survives_an_attack_and_is_told_at_its_second(seed: int) -> None:
    rng = random.Random(seed)
    alerts = bounded(TEN_PER_S, 1000)
    events = fed(alerts, TEN_PER_S, log_of("20/s x 5 section=/heavy"))
    for at, log in enumerate(attack(200, 100, T0_S + 5)):
        log += [Said(T0_S + 5 + at, section="/heavy")] * 20
        rng.shuffle(log)
        events += fed(alerts, TEN_PER_S, log)
    assert alerts.forgotten > INVENTED / 2
    assert [(event.state, event.epoch, event.key, event.hits) for event in events] == [
        ("raised", T0_S + 60, "/heavy", 1220)
    ]


def test_heavy_key_that_begins_in_an_attack_is_told() -> None:
    rng = random.Random(1)
    alerts = bounded(TEN_PER_S, 1000)
    events: list[AlertEvent] = []
    for at, log in enumerate(attack(200, 150)):
        log += [Said(T0_S + at, section="/heavy")] * (20 if at >= 50 else 0)
        rng.shuffle(log)
        events += fed(alerts, TEN_PER_S, log)
    assert [(event.state, event.key) for event in events] == [("raised", "/heavy")]


def test_open_alert_is_never_forgotten() -> None:
    alerts = bounded(TEN_PER_S, 1000)
    events = fed(alerts, TEN_PER_S, log_of("1201/s x 1 section=/open, 1/s x 5 section=/other"))
    for at in range(6, 130):
        log = invented(T0_S + at, at * 100, 100)
        events += fed(alerts, TEN_PER_S, [said for said in log for _ in range(3)])
    assert alerts.forgotten
    assert [(event.state, event.epoch, event.key) for event in events] == [
        ("raised", T0_S, "/open"),
        ("recovered", T0_S + 120, "/open"),
    ]


def test_key_that_was_alive_is_never_forgotten() -> None:
    rule = rule_of("below=1 window_s=5 by=section")
    alerts = bounded(rule, 100)
    events = fed(alerts, rule, log_of("1/s x 10 section=/dies"))
    for log in attack(100, 10, T0_S + 10):
        events += fed(alerts, rule, log)
    assert alerts.forgotten
    assert [(event.state, event.epoch, event.key) for event in events] == [("raised", T0_S + 10, "/dies")]


def random_log(rng: random.Random) -> list[Said]:
    """More keys than can be remembered, some of them often, in disorder within the lateness."""
    log = []
    for second in range(T0_S, T0_S + rng.randint(20, 60)):
        for _ in range(rng.randint(0, 30)):
            key = rng.randrange(3) if rng.random() < 0.5 else rng.randrange(200)
            log.append(Said(second, section=f"/{key}"))
    return sorted(log, key=lambda said: said.second + LATENESS_S * rng.random())


def test_what_is_remembered_of_a_second_does_not_depend_on_where_reads_end() -> None:
    rule = rule_of("threshold=0.5 window_s=1 by=section")
    came = rows(
        [rule],
        log_of("1/s x 1 section=/a & 1/s x 1 section=/b, 0 x 2, 1/s x 1 section=/c & 1/s x 1 section=/d"),
    )
    at_once = bounded(rule, 4)
    one_by_one = bounded(rule, 4)
    at_once.feed(came)
    for row in came:
        one_by_one.feed([row])
    assert one_by_one.flush() == at_once.flush()


RULES = ["threshold=0.5 window_s=10 by=section", "below=0.5 window_s=10 by=section for_s=2"]


@pytest.mark.parametrize("rule", RULES)
def test_what_is_forgotten_does_not_depend_on_where_reads_end(rule: str) -> None:
    made, forgotten = rule_of(rule), 0
    for seed in range(40):
        rng = random.Random(seed)
        came, most_entries = rows([made], random_log(rng)), rng.choice([20, 50, 150])
        whole = bounded(made, most_entries)
        split = bounded(made, most_entries)
        expected, placed, before = whole.feed(came), [], 0
        for batch in batches(rng, came):
            placed += [Placed(before + after, event) for after, event in split.feed(batch)]
            before += len(batch)
        assert placed == expected, f"seed {seed}"
        assert keys_of(split) == keys_of(whole), f"seed {seed}"
        assert split.forgotten == whole.forgotten, f"seed {seed}"
        forgotten += whole.forgotten
    assert forgotten


@pytest.mark.parametrize("rule", RULES)
def test_restart_while_keys_are_forgotten_changes_nothing(rule: str) -> None:
    made = rule_of(rule)
    for seed in range(60):
        rng = random.Random(seed)
        came, most_entries = rows([made], random_log(rng)), rng.choice([20, 50, 150])
        cut = rng.randint(1, len(came))
        whole = bounded(made, most_entries)
        stopped = bounded(made, most_entries)
        restored = bounded(made, most_entries)
        assert stopped.feed(came[:cut]) == whole.feed(came[:cut])
        data = msgspec.json.encode(stopped.snapshot())
        assert restored.restore(msgspec.json.decode(data, type=AlertState)) == []
        assert restored.feed(came[cut:]) == whole.feed(came[cut:]), f"seed {seed}"
        assert restored.tick(100) == whole.tick(100), f"seed {seed}"


def test_key_is_none_of_the_log_or_a_dash() -> None:
    rule = rule_of("threshold=1 window_s=1 by=section")
    alerts = bounded(rule, 100)
    log = [Said(T0_S), Said(T0_S, section="-"), Said(T0_S, section=""), Said(T0_S, unparsed=True)]
    alerts.feed(rows([rule], log))
    assert keys_of(alerts) == {"-"}


def test_long_key_is_remembered_cut() -> None:
    alerts = bounded(TEN_PER_S, 100)
    fed(alerts, TEN_PER_S, [Said(T0_S, section=f"/{'é' * 5000}")])
    assert [len(str(key).encode()) <= 200 for key in keys_of(alerts)] == [True]
