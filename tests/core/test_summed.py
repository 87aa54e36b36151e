"""Alerts from summaries of several hosts are those of all their records, to the hit."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from rule_kit import LATENESS_S, T0_S, Said, random_log, random_rule, replayed, rule_of, shuffled_within

from w3ctools.core.alert import Alerts
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.rule import Rule
from w3ctools.core.stats import Item, Stats
from w3ctools.core.summary import StatsRow, SummaryError
from w3ctools.core.summed import SummedAlerts
from w3ctools.core.window import JUMP_S, Moment
from w3ctools.core.wire import AlertEvent, LineReader, Read, Row, SummaryRow

in_normal_and_full_runs = pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(60), id="60 logs"),
        pytest.param(range(60, 1060), id="1,000 more logs", marks=pytest.mark.full),
    ],
)
RULE = "threshold=2 window_s=10"


def read(text: str) -> list[SummaryRow]:
    return LineReader(Row, with_summaries=True).feed(text.encode()).summaries


def written(host: str, log: Iterable[Said], interval_s: int = 10) -> list[str]:
    """The lines that a host writes of its log."""
    stats, renderer = Stats(interval_s, LATENESS_S, mergeable=True), JsonRenderer(10, host)
    rows = [StatsRow(event="unparsed" if said.unparsed else None, epoch=said.epoch) for said in log]
    items: list[Item] = [*stats.feed(Read(rows=rows)), *stats.flush()]
    return [line for line in map(renderer.render, items) if '"event":"summary"' in line]


def replay(rules: list[Rule], lines: Iterable[str], lateness_s: int = LATENESS_S) -> list[AlertEvent]:
    summed = SummedAlerts(Alerts(rules, lateness_s), "replay")
    for line in lines:
        summed.feed(read(line), Moment(T0_S, 0.0))
        assert summed.tick(Moment(T0_S, 0.0)) == ([], [])
    return summed.flush()


class Hosts:
    """Hosts that tell of their seconds, and a machine's clocks."""

    def __init__(self, rule: str, *names: str) -> None:
        self.summed = SummedAlerts(Alerts([rule_of(rule)], LATENESS_S), "auto")
        self._names = names
        self._at_s = 0.0
        self.messages: list[str] = []
        self.news: list[str] = []

    def tell(self, *rates: int | None, seconds: int = 10) -> None:
        """The next interval of each host, with so many requests a second; None: it says nothing."""
        begin = round(self._at_s)
        self.wait(seconds)
        for name, rate in zip(self._names, rates, strict=True):
            if rate is not None:
                self.say(name, begin, [rate] * seconds)

    def say(self, name: str, begin: int, counts: list[int]) -> None:
        stats, renderer = Stats(len(counts), LATENESS_S, mergeable=True), JsonRenderer(10, name)
        stats.idle(T0_S + begin + 7)
        (empty,) = stats.idle(T0_S + begin + len(counts) + 7)
        row = read(renderer.render(empty))[0]
        row.seconds = counts
        self.news += [one.text for one in self.summed.feed([row], self.moment)]
        self.tick()

    @property
    def moment(self) -> Moment:
        return Moment(T0_S + self._at_s, self._at_s)

    def wait(self, seconds: float) -> None:
        for _ in range(round(4 * seconds)):
            self._at_s += 0.25
            self.tick()

    def tick(self) -> None:
        events, news = self.summed.tick(self.moment)
        self.messages += [f"{event.state} {(event.epoch or 0) - T0_S}: {event.hits}" for event in events]
        self.news += [one.text for one in news]


def rule_on_requests(rng: random.Random) -> Rule:
    """Any that summaries can answer."""
    while True:
        rule = random_rule(rng)
        if rule.metric == "requests" and rule.by is None:
            return rule


def is_doubted(log: list[Said]) -> bool:
    """Whether a host's clock would wait for a second stamp that agrees, which may come from another host."""
    return any(later.second - earlier.second > JUMP_S for earlier, later in pairwise(log))


@in_normal_and_full_runs
def test_any_log_spread_over_hosts_gives_the_alerts_of_the_whole(seeds: range) -> None:
    told = 0
    for seed in seeds:
        rng = random.Random(seed)
        rules, log = [rule_on_requests(rng)], random_log(rng)
        hosts: dict[str, list[Said]] = {"a": [], "b": [], "c": []}
        for said in log:
            hosts[rng.choice("aaabbc")].append(said)
        if any(is_doubted(own) for own in hosts.values()):
            continue
        lines = [
            written(name, shuffled_within(rng, LATENESS_S, own), rng.choice([1, 10, 60]))
            for name, own in hosts.items()
        ]
        rng.shuffle(lines)
        expected = replayed(rules, log)
        assert replay(rules, [line for own in lines for line in own]) == expected, f"seed {seed}"
        told += len(expected)
    assert told > len(seeds) / 2


def test_live_alert_is_told_when_all_hosts_have_told_of_its_second() -> None:
    hosts = Hosts("threshold=10 window_s=10", "a", "b")
    hosts.tell(6, 6)
    hosts.wait(2)
    assert hosts.messages == ["raised 8: 108"]


def test_host_that_has_not_told_yet_is_waited_for() -> None:
    hosts = Hosts("threshold=10 window_s=10", "a", "b")
    hosts.tell(1, 1)
    hosts.tell(11, None)
    hosts.wait(5)
    assert hosts.messages == []
    hosts.say("b", 10, [11] * 10)
    assert hosts.messages == ["raised 14: 120"]


def test_empty_intervals_of_all_hosts_end_an_alert() -> None:
    hosts = Hosts("threshold=10 window_s=10", "a", "b")
    hosts.tell(6, 6)
    hosts.tell(0, 0)
    hosts.wait(2)
    assert hosts.messages == ["raised 8: 108", "recovered 11: 96"]


def test_silence_of_hosts_ends_no_alert() -> None:
    hosts = Hosts("threshold=10 window_s=10", "a", "b")
    hosts.tell(6, 6)
    hosts.wait(300)
    assert hosts.messages == ["raised 8: 108"]
    assert [text[: text.index(":")] for text in hosts.news] == ["host a is silent", "host b is silent"]


def test_silent_host_delays_no_alert_and_counts_again_when_it_is_back() -> None:
    hosts = Hosts("threshold=10 window_s=60", "a", "b")
    hosts.tell(1, 1)
    for _ in range(3):
        hosts.tell(1, None)
    hosts.wait(0.25)
    assert [text[: text.index(":")] for text in hosts.news] == ["host b is silent"]
    hosts.say("b", 10, [60] * 10)
    hosts.tell(1, 1, seconds=10)
    hosts.wait(60)
    assert hosts.messages == ["raised 30: 641"]


def test_records_without_name_of_a_host_are_summed() -> None:
    log = [Said(T0_S + second) for second in range(30) for _ in range(3)]
    lines = [line.replace('"host":"a"', '"host":null') for line in written("a", log)]
    assert replay([rule_of(RULE)], lines) == replayed([rule_of(RULE)], log) != []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("metric=errors threshold=1", "errors"),
        ("metric=p95 threshold=1s", "p95"),
        ("threshold=1 by=section", "traffic"),
        ("threshold=1 by=client name=many", "many"),
    ],
)
def test_rule_that_summaries_cannot_answer_is_named(rule: str, name: str) -> None:
    with pytest.raises(SummaryError, match=f"^rule {name}: from summaries"):
        SummedAlerts(Alerts([rule_of(RULE), rule_of(rule)], LATENESS_S), "auto")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"seconds":[', '"seconds":[1,', "its seconds are not those from its first to its last"),
        ('"seconds":[3', '"seconds":[-3', "its seconds are not those from its first to its last"),
        ('"seconds":[3,3,3,3,3,3,3,3,3,3]', '"seconds":null', "does not tell of its seconds"),
        ('"to":"2023-11-14T22:13:30Z"', '"to":"2023-11-14T22:13:20Z"', "it ends before it begins"),
        ('"to":"2023-11-14T22:13:30Z"', '"to":"yesterday"', "is damaged"),
    ],
)
def test_damaged_summary_is_named(old: str, new: str, reason: str) -> None:
    line = written("a", [Said(T0_S + second) for second in range(10) for _ in range(3)])[0]
    assert old in line
    summed = SummedAlerts(Alerts([rule_of(RULE)], LATENESS_S), "auto")
    with pytest.raises(SummaryError, match=f"^summary of a: .*{reason}"):
        summed.feed(read(line.replace(old, new)), Moment(T0_S, 0.0))
