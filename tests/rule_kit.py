"""What the tests of alert rules share: a language for logs, a slow and obvious judge, random logs and rules.

A series reads ``19/s x 60 & 1/s x 60 status=500, 0 x 300``: so many records in each of so many seconds, ``&``
what comes in the same seconds, and behind the seconds what each record says: ``status``, ``bytes``,
``duration``, ``section``, ``vhost``, ``client``, or ``unparsed``. Between them stand ``5 at -3600``
(five records with a stamp that far from the newest second written), ``jump -3600`` (the series goes on
there), ``5 null`` (records without a stamp) and ``silence 68`` (nothing came for 68 s).
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple, get_args

from w3ctools.core.alert import Alerts
from w3ctools.core.gauge import row_type
from w3ctools.core.rule import By, Metric, Rule, make_rule
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.wire import AlertEvent, LineReader, Row

T0_S = 1_700_000_000  # 2023-11-14T22:13:20Z
LATENESS_S = 2
METRICS: tuple[Metric, ...] = get_args(Metric)
BYS: tuple[By, ...] = get_args(By)

#: What the messages of each metric speak of, and how they call its value.
SUBJECTS = {
    "requests": ("traffic", "hits"),
    "errors": ("errors", "errors"),
    "error-ratio": ("error ratio", "ratio"),
    "bytes": ("bytes", "bytes"),
    "unparsed": ("unparsed", "unparsed"),
    "p95": ("p95", "p95"),
}


class Said(NamedTuple):
    """What a log says of one request; without a stamp, `epoch` is None."""

    epoch: float | None
    unparsed: bool = False
    status: int | None = None
    bytes: int | None = None
    duration: float | None = None
    section: str | None = None
    vhost: str | None = None
    client: str | None = None

    @property
    def second(self) -> int:
        """The whole second of its stamp."""
        assert self.epoch is not None
        return floor(self.epoch)


def rows(rules: Iterable[Rule], log: Iterable[Said]) -> list[Any]:
    """The log as commands read it for these rules."""
    made = row_type(rules)
    fields = [field for field in made.__struct_fields__ if field not in ("event", "epoch")]
    return [
        made(
            event="unparsed" if said.unparsed else None,
            epoch=said.epoch,
            **{field: getattr(said, field) for field in fields},
        )
        for said in log
    ]


# Rules and messages as texts.


def rule_of(text: str) -> Rule:
    """``metric=errors threshold=2 by=section`` -> the rule; over 120 s where it does not say."""
    options: dict[str, Any] = {"threshold": None, "below": None, "recover_at": None, "metric": "requests"}
    options["window_s"] = 120
    for option in shlex.split(text):
        name, _, value = option.partition("=")
        options[name] = int(value) if name.endswith("_s") or name == "min_requests" else value
    return make_rule(**options)


def message(rule: Rule, short: str) -> str:
    """``raised 60 on /api: hits = 1220`` -> the line for people."""
    head, _, figure = short.partition(": ")
    state, second, *on = head.split(" ", 2)
    time = rfc3339(T0_S + int(second))
    what = " ".join(["Low" if rule.below else "High", rule.name or SUBJECTS[rule.metric][0], *on])
    if state == "reset":
        return f"{what} alert reset - the log's clock went back, at {time}"
    if state == "raised":
        return f"{what} generated an alert - {figure}, triggered at {time}"
    return f"{what} alert recovered - {figure}, recovered at {time}"


def parse_message(line: bytes) -> AlertEvent | None:
    """The event that a reader makes of a line; None if it is no message, or one behind something else."""
    reader = LineReader(Row)
    alerts = reader.feed(line + b"\n").alerts
    reader.flush()
    return alerts[0][1] if alerts and not reader.foreign else None


def assert_recognised(event: AlertEvent) -> None:
    """Whoever reads the message of the event must learn what it says."""
    found = parse_message(event.message.encode())
    assert found is not None, event.message
    key = None if event.key is None else event.key.replace(" ", "%20")
    assert (found.state, found.time, found.epoch) == (event.state, event.time, event.epoch)
    assert found.key == key or (key is not None and len(key.encode()) > 200)


# The language of logs.


def actions(series: str) -> Iterator[list[Said] | int]:
    """Records that come, or seconds of silence, in order."""
    now = T0_S
    for part in series.split(", "):
        match shlex.split(part):
            case ["silence", seconds]:
                yield int(seconds)
            case ["jump", seconds]:
                now += int(seconds)
            case [count, "null", *says]:
                yield [_said(None, says)] * int(count)
            case [count, "at", offset, *says]:
                yield [_said(now - 1 + int(offset), says)] * int(count)
            case _:
                together = [list(_stretch(now, one)) for one in part.split(" & ")]
                log = [said for stretch in together for said in stretch]
                yield sorted(log, key=lambda said: said.epoch or 0)
                now += max(int(shlex.split(one)[2]) for one in part.split(" & "))


def _stretch(now: int, text: str) -> Iterator[Said]:
    rate, x, seconds, *says = shlex.split(text)
    assert x == "x", text
    for second in range(now, now + int(seconds)):
        for _ in range(int(rate.removesuffix("/s"))):
            yield _said(second, says)


def _said(epoch: float | None, says: list[str]) -> Said:
    fields: dict[str, Any] = {}
    for text in says:
        name, _, value = text.partition("=")
        kind = {"status": int, "bytes": int, "duration": float}.get(name, str)
        fields[name] = True if name == "unparsed" else kind(value)
    return Said(epoch, **fields)


def log_of(series: str) -> list[Said]:
    """The records of a series."""
    return [said for action in actions(series) if isinstance(action, list) for said in action]


def played(alerts: Alerts, series: str) -> list[AlertEvent]:
    """What is told of a series, to its end."""
    rules = [watch.rule for watch in alerts.watches]
    events: list[AlertEvent] = []
    for action in actions(series):
        if isinstance(action, list):
            events += [event for _, event in alerts.feed(rows(rules, action))]
        else:
            events += alerts.tick(action)
    return events + alerts.flush()


def replayed(rules: list[Rule], log: list[Said], lateness_s: int = LATENESS_S) -> list[AlertEvent]:
    """What is told of a whole log, to its end."""
    alerts = Alerts(rules, lateness_s)
    return [event for _, event in alerts.feed(rows(rules, log))] + alerts.flush()


# The judge: every second, every key, every window from all its records.


class Told(NamedTuple):
    """What must be told."""

    second: int
    rule: int
    key: str | None
    state: str
    hits: int
    #: What is compared with the threshold, exactly.
    value: Fraction


def told(rules: list[Rule], events: list[AlertEvent]) -> list[tuple[Any, ...]]:
    """Events, to be compared with `comparable` of what must be told."""
    numbers = {rule.subject: at for at, rule in enumerate(rules)}
    found = []
    for event in events:
        number = next(at for subject, at in numbers.items() if event.message.startswith(f"{subject} "))
        found.append((event.epoch, number, event.key, event.state, event.hits, _value(rules, number, event)))
    return found


def _value(rules: list[Rule], number: int, event: AlertEvent) -> float | None:
    # A percentile is told to one per cent only; a test of the gauge looks at it.
    return None if rules[number].metric == "p95" else event.value


def comparable(rules: list[Rule], expected: list[Told]) -> list[tuple[Any, ...]]:
    """What must be told, to be compared with `told`."""
    return [
        (*one[:5], None if rules[one.rule].metric == "p95" else float(one.value))
        for one in sorted(expected, key=lambda one: (one.second, one.rule, one.key or ""))
    ]


def judged(rules: list[Rule], log: list[Said], quiet_s: int = 0, lateness_s: int | None = None) -> list[Told]:
    """What must be told of a log without jumps; `quiet_s`: so long nothing came after it.

    A record counts in the seconds that were not judged when it came; without `lateness_s` in all.
    """
    heard = [_Heard(said, last) for said, last in zip(log, _judged_before_each(log, lateness_s), strict=True)]
    found: list[Told] = []
    for number, rule in enumerate(rules):
        keys = [None] if rule.by is None else sorted({key_of(said, rule.by) for said in log})
        for key in keys:
            found += _judged_key(number, rule, key, heard, quiet_s)
    return found


class _Heard(NamedTuple):
    """A record, and the newest second that was judged when it came."""

    said: Said
    judged: int


def _judged_before_each(log: list[Said], lateness_s: int | None) -> Iterator[int]:
    newest = None
    for said in log:
        yield log[0].second - 121 if newest is None or lateness_s is None else newest - lateness_s
        if said.second > log[0].second:
            newest = max(said.second, newest or said.second)


def key_of(said: Said, by: By) -> str:
    """What a rule counts this record by."""
    return getattr(said, by) or "-"


def _judged_key(number: int, rule: Rule, key: str | None, log: list[_Heard], quiet_s: int) -> list[Told]:
    first, last = min(heard.said.second for heard in log), max(heard.said.second for heard in log)
    at: dict[int, list[_Heard]] = {}
    for heard in log:
        if rule.by is None or key_of(heard.said, rule.by) == key:
            at.setdefault(heard.said.second, []).append(heard)
    found: list[Told] = []
    firing, alive, held_s = False, not rule.below or rule.by is None, 0
    for second in range(first, last + quiet_s + 1):
        in_window = range(second - rule.window_s + 1, second + 1)
        window = [said for s in in_window for said, judged in at.get(s, ()) if judged < second]
        value = value_of(rule, window)
        if rule.below:
            if second < first + rule.window_s - 1:
                continue
            alive = alive or (value is not None and value >= rule.threshold)
        holds = over(rule, window, value) if firing else alive and breach(rule, window, value)
        held_s = held_s + 1 if holds else 0
        if held_s > (rule.keep_firing_s if firing else rule.for_s):
            firing, held_s = not firing, 0
            state = "raised" if firing else "recovered"
            found.append(Told(second, number, key, state, len(window), value or Fraction(0)))
    return found


def value_of(rule: Rule, window: list[Said]) -> Fraction | None:
    """What the rule measures over the records of its window; None where there is no such thing."""
    errors = len([said for said in window if said.status is not None and 500 <= said.status <= 599])
    if rule.metric == "error-ratio":
        return Fraction(errors, len(window)) if window else None
    if rule.metric == "p95":
        durations = sorted(Fraction(str(said.duration)) for said in window if said.duration is not None)
        return durations[ceil(Fraction(95, 100) * len(durations)) - 1] if durations else None
    amounts = {
        "requests": len(window),
        "errors": errors,
        "bytes": sum(said.bytes or 0 for said in window),
        "unparsed": len([said for said in window if said.unparsed]),
    }
    return Fraction(amounts[rule.metric], rule.window_s)


def breach(rule: Rule, window: list[Said], value: Fraction | None) -> bool:
    """Whether the bound is exceeded."""
    if value is None or len(window) < rule.min_requests:
        return False
    return value < rule.threshold if rule.below else value > rule.threshold


def over(rule: Rule, window: list[Said], value: Fraction | None) -> bool:
    """Whether it has recovered."""
    if value is None or len(window) < rule.min_requests:
        return True
    bound = rule.threshold if rule.recover_at is None else rule.recover_at
    if rule.below:
        return value > bound
    return value < bound or not window


# Random rules and logs.

_BOUNDS = {
    "requests": ["0.2", "0.5", "1", "1.3", "2", "3"],
    "errors": ["0.05", "0.1", "0.25", "0.5", "1"],
    "error-ratio": ["5%", "0.1", "25%", "0.29", "0.5"],
    "bytes": ["50", "100", "250.5", "1kB", "2KiB"],
    "unparsed": ["0.05", "0.1", "0.25", "0.5", "1"],
    "p95": ["0.1", "0.3", "0.7", "1.1", "800ms"],
}
_SECTIONS = ["/api", "/pages", "/a b", "/a", None]


def random_rule(rng: random.Random, name: str | None = None) -> Rule:
    """Any metric with any options."""
    metric = rng.choice(METRICS)
    below = rng.random() < 0.45
    bound, other = sorted(rng.sample(_BOUNDS[metric], 2), key=lambda text: _size(metric, text))
    if not below:
        bound, other = other, bound
    return make_rule(
        threshold=None if below else bound,
        below=bound if below else None,
        recover_at=other if rng.random() < 0.4 else None,
        metric=metric,
        window_s=rng.choice([1, 5, 10, 10, 20, 40]),
        by=rng.choice([None, None, "section", "vhost", "client"]),
        for_s=rng.choice([0, 0, 0, 1, 4, 15]),
        keep_firing_s=rng.choice([0, 0, 0, 1, 4, 15]),
        min_requests=rng.choice([0, 0, 0, 3, 12]),
        name=name,
    )


def _size(metric: Metric, text: str) -> Fraction:
    return make_rule(threshold=text, below=None, recover_at=None, metric=metric, window_s=1).threshold


def random_rules(rng: random.Random) -> list[Rule]:
    """One to five rules with names."""
    return [random_rule(rng, f"rule-{at}") for at in range(rng.randint(1, 5))]


def random_log(rng: random.Random) -> list[Said]:
    """Stretches of traffic of different kinds, in order; the last second stands twice."""
    second, log = T0_S + rng.randrange(1000), []
    for _ in range(rng.randint(3, 5)):
        rate, failing = rng.choice([0, 1, 1, 2, 3]), rng.choice([0.0, 0.1, 0.5, 1.0])
        slow, garbled = rng.choice([0.0, 0.06, 0.5]), rng.choice([0.0, 0.0, 0.3])
        sections = rng.sample(_SECTIONS, rng.randint(1, 4))
        for _ in range(rng.randint(3, 14)):
            for _ in range(max(0, rate + rng.choice([-1, 0, 0, 1]))):
                log.append(_random_said(rng, second, failing, slow, garbled, sections))
            second += 1
        second += rng.choice([0, 0, 0, 3, 10, 39, 40, 41, 100])
    return [*log, *[_random_said(rng, second, 0.5, 0.5, 0.0, _SECTIONS) for _ in range(2)]]


def _random_said(
    rng: random.Random, second: int, failing: float, slow: float, garbled: float, sections: list[str | None]
) -> Said:
    if rng.random() < garbled:
        return Said(second, unparsed=True)
    return Said(
        second,
        status=rng.choice([500, 502, 599])
        if rng.random() < failing
        else rng.choice([200, 404, 499, 600, None]),
        bytes=rng.choice([None, 0, 50, 500, 2048]),
        duration=rng.choice([0.7, 0.9, 1.1, 2.5])
        if rng.random() < slow
        else rng.choice([None, 0.05, 0.1, 0.3]),
        section=rng.choice(sections),
        vhost=rng.choice(["a.example", "b.example"]),
        client=rng.choice(["192.0.2.1", "2001:db8::1", None]),
    )


def shuffled_within(rng: random.Random, lateness_s: int, log: list[Said]) -> list[Said]:
    """The log with each record up to so late."""
    return sorted(log, key=lambda said: said.second + lateness_s * rng.random())


def restamped(said: Said, epoch: float | None) -> Said:
    """The same at another time."""
    return said._replace(epoch=epoch)
