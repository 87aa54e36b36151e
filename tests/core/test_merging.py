"""Summaries of several hosts put together say what one command would have said of all their lines."""

from __future__ import annotations

import random
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from w3ctools.core.hosts import HostNews
from w3ctools.core.merging import Merging
from w3ctools.core.render import Style, TextRenderer
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.stats import Gap, Interval, Item, Stats, Total
from w3ctools.core.summary import Spec, StatsRow, Summary, SummaryError
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.window import Moment
from w3ctools.core.wire import AlertEvent, LineReader, Read, SummaryRow

T0_S = 1_700_000_000  # a multiple of 10
NOW = Moment(T0_S, 0.0)
EVERYTHING = Spec(by=("status", "client"), depth=2, timings=True)
#: An interval as ``(from, to, requests, partial)``, a gap as ``(from, to)``; seconds since T0.
Short = tuple[int, ...]


class TimedRow(StatsRow, gc=False):
    """What is decoded for percentiles."""

    duration: float | None = None


def row(second: int, **keys: Any) -> TimedRow:
    return TimedRow(epoch=T0_S + second, status=200, section="/a", path="/a", client="198.18.0.1", **keys)


def interval(
    from_s: int, to_s: int, requests: int = 1, *, partial: bool = False, late: int = 0, uncounted: int = 0
) -> Interval:
    summary = Summary()
    summary.feed([StatsRow(status=200, section="/a") for _ in range(requests)])
    return Interval(T0_S + from_s, T0_S + to_s, summary, partial, late, uncounted)


def lines(host: str, items: Iterable[Item]) -> str:
    """What one host writes."""
    renderer = JsonRenderer(10, host)
    return "".join(renderer.render(item) for item in items)


def read(text: str) -> Read[SummaryRow]:
    return LineReader(SummaryRow, row_event="summary").feed(text.encode())


def merged(*texts: str, in_all: bool = False) -> list[Item]:
    merging = Merging("replay", in_all=in_all)
    for text in texts:
        merging.feed(read(text), NOW)
    for problem in merging.take_problems():
        raise SummaryError(problem)
    return merging.flush()


def changed(text: str, **keys: Any) -> str:
    """A line with other values."""
    return msgspec.json.encode({**msgspec.json.decode(text), **keys}).decode() + "\n"


def shown(items: list[Item]) -> tuple[str, str]:
    """As text, and as JSON."""
    text, json = TextRenderer(10), JsonRenderer(10)
    return "".join(text.render(item, Style(80, False)) for item in items), "".join(map(json.render, items))


def short(items: list[Item]) -> list[Short]:
    found: list[Short] = []
    for item in items:
        if isinstance(item, Interval):
            about = item.summary.requests, item.partial
            found.append((item.from_s - T0_S, item.to_s - T0_S, *about))
        elif isinstance(item, Gap):
            found.append((item.from_s - T0_S, item.to_s - T0_S))
    return found


def counted(counter: Stats | Total, rows: list[Any]) -> list[Item]:
    return [*counter.feed(Read(rows=rows)), *counter.flush()]


# Beside one command.


def traffic(rng: random.Random) -> list[TimedRow]:
    """Rows of three minutes in their order, in bursts with nothing between."""
    seconds = sorted(
        begin + rng.randrange(25) for begin in rng.sample(range(0, 180, 30), 3) for _ in range(60)
    )
    return [
        TimedRow(
            epoch=T0_S + second,
            client=f"198.18.0.{rng.randrange(9)}",
            method=rng.choice(["GET", "POST", None]),
            path=(path := rng.choice(["/a/b/c", "/a", "/b/x", None])),
            section=path and path[:2],
            status=rng.choice([200, 404, 500, None]),
            bytes=rng.choice([None, rng.randrange(5000)]),
            duration=rng.choice([None, rng.random()]),
        )
        for second in seconds
    ]


@pytest.mark.parametrize("in_all", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_three_hosts_say_what_one_command_says_of_all_their_lines(seed: int, in_all: bool) -> None:
    def counter() -> Stats | Total:
        return Total(2, EVERYTHING) if in_all else Stats(10, 2, EVERYTHING)

    rng = random.Random(seed)
    rows = traffic(rng)
    hosts: list[list[TimedRow]] = [[], [], []]
    for one in rows:
        # A copy, as counting changes the sections of rows.
        hosts[rng.choice([0, 0, 0, 0, 1, 1, 2])].append(msgspec.structs.replace(one))
    written = [lines(str(number), counted(counter(), own)) for number, own in enumerate(hosts)]
    rng.shuffle(written)
    assert shown(merged(*written, in_all=in_all)) == shown(counted(counter(), rows))


def test_merged_summaries_can_be_merged_again() -> None:
    pairs = [
        merged(lines("a", [interval(0, 10, 3)]), lines("b", [interval(0, 10, 4)])),
        merged(lines("c", [interval(0, 10, 5)])),
    ]
    assert short(merged(*(lines("again", pair) for pair in pairs))) == [(0, 10, 12, False)]


def test_order_of_the_input_does_not_matter() -> None:
    written = [lines("a", [interval(begin, begin + 10, begin + 1)]) for begin in (0, 10, 20)]
    assert shown(merged(*written)) == shown(merged(*reversed(written)))


# Times.


def test_host_that_ends_earlier_has_the_same_last_interval() -> None:
    early, late = lines("a", [interval(0, 3, 3, partial=True)]), lines("b", [interval(0, 7, 7, partial=True)])
    assert short(merged(early, late)) == [(0, 7, 10, True)]


def test_interval_that_one_host_has_whole_is_whole() -> None:
    early, late = lines("a", [interval(0, 3, 3, partial=True)]), lines("b", [interval(0, 10, 7)])
    assert short(merged(early, late)) == [(0, 10, 10, False)]
    assert short(merged(late, early)) == [(0, 10, 10, False)]


def test_interval_that_no_host_has_whole_is_whole_if_time_goes_on() -> None:
    early = lines("a", [interval(0, 10, 1), interval(10, 13, 1, partial=True)])
    late = lines("b", [interval(40, 50, 1)])
    assert short(merged(early, late)) == [(0, 10, 1, False), (10, 20, 1, False), (20, 40), (40, 50, 1, False)]


def test_where_no_interval_is_whole_they_end_where_they_were_cut() -> None:
    one, other = lines("a", [interval(0, 3, partial=True)]), lines("b", [interval(10, 14, partial=True)])
    assert short(merged(one, other)) == [(0, 3, 1, True), (3, 10), (10, 14, 1, True)]


def test_gap_is_where_no_host_had_a_request() -> None:
    one = lines("a", [interval(0, 10), Gap(T0_S + 10, T0_S + 50), interval(50, 60)])
    other = lines("b", [interval(0, 10), Gap(T0_S + 10, T0_S + 30), interval(30, 40)])
    assert short(merged(one, other)) == [
        (0, 10, 2, False),
        (10, 30),
        (30, 40, 1, False),
        (40, 50),
        (50, 60, 1, False),
    ]


def test_late_and_uncounted_add_up() -> None:
    one, other = interval(0, 10, late=2, uncounted=1), interval(0, 10, late=3, uncounted=0)
    (both,) = merged(lines("a", [one]), lines("b", [other]))
    assert isinstance(both, Interval)
    assert (both.late, both.uncounted) == (5, 1)


def test_host_whose_clock_was_set_back_told_of_an_interval_twice() -> None:
    text = lines("a", [interval(0, 10, 5), interval(10, 14, 2, partial=True), interval(0, 10, 1)])
    assert short(merged(text)) == [(0, 10, 6, False), (10, 14, 2, True)]


def test_intervals_in_all_are_from_the_first_to_the_last() -> None:
    one = lines("a", [interval(0, 10, 5), interval(10, 14, 2, partial=True)])
    other = lines("b", [interval(30, 33, 1, partial=True)])
    assert short(merged(one, other, in_all=True)) == [(0, 33, 8, False)]


def test_partial_intervals_in_all_are_no_partial_total() -> None:
    texts = [lines(host, [interval(0, 4, 1, partial=True)]) for host in ("a", "b")]
    assert short(merged(*texts, in_all=True)) == [(0, 4, 2, False)]
    assert short(merged(texts[0], in_all=True)) == [(0, 4, 1, False)]


def test_total_without_time_stands_before_those_that_have_one() -> None:
    untimed = interval(0, 0)._replace(from_s=0, to_s=0)
    items = merged(lines("a", [interval(0, 10, 2)]), lines("b", [untimed]))
    assert [isinstance(item, Interval) and item.has_time for item in items] == [False, True]
    assert short(merged(lines("a", [interval(0, 10, 2)]), lines("b", [untimed]), in_all=True)) == [
        (0, 10, 3, False)
    ]


def test_total_without_time_says_nothing_of_the_length_of_intervals() -> None:
    untimed = lines("a", [interval(0, 0)._replace(from_s=0, to_s=0)])
    timed = [lines("b", [interval(0, 10), interval(20, 23, partial=True)]), lines("c", [interval(40, 50)])]
    assert short(merged(*timed, untimed))[1:] == short(merged(*timed))


def test_nothing_gives_nothing() -> None:
    assert merged("") == merged("", in_all=True) == []


def test_alerts_come_at_once_and_nothing_else_before_the_end() -> None:
    alert = AlertEvent(state="raised", message="High traffic generated an alert - hits = 1")
    merging = Merging("replay", in_all=False)
    items = merging.feed(read(lines("a", [interval(0, 10), alert, interval(10, 20)])), NOW)
    assert items == [alert]
    assert merging.tick(Moment(NOW.wall_s, NOW.boot_s + 1e6)) == []
    assert short(merging.flush()) == [(0, 10, 1, False), (10, 20, 1, False)]


# Live.


class Hosts:
    """Summaries that come now, and a machine's clocks."""

    def __init__(self, *, mergeable: bool = False, in_all: bool = False) -> None:
        self._merging = Merging("auto", in_all=in_all, mergeable=mergeable)
        self._at_s = 0.0
        self.items: list[Item] = []

    def tell(self, host: str, *intervals: Interval) -> None:
        self.items += self._merging.feed(read(lines(host, intervals)), self._moment)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        self.items += self._merging.tick(self._moment)
        for _ in range(round(4 * seconds)):
            self._at_s += 0.25
            self.items += self._merging.tick(self._moment)

    def end(self) -> None:
        self.items += self._merging.flush()

    @property
    def _moment(self) -> Moment:
        return Moment(T0_S + self._at_s, self._at_s)

    @property
    def shown(self) -> list[Short | str]:
        return [
            item.text if isinstance(item, HostNews) else short([item])[0]
            for item in self.items
            if not isinstance(item, AlertEvent)
        ]


def test_interval_is_shown_once_all_hosts_have_told_of_it() -> None:
    hosts = Hosts()
    hosts.tell("a", interval(0, 10))
    hosts.tell("b", interval(0, 10))
    hosts.wait(2)
    assert hosts.shown == [(0, 10, 2, False)]
    hosts.tell("a", interval(10, 20))
    hosts.wait(8)
    assert len(hosts.shown) == 1
    hosts.tell("b", interval(10, 20, 5))
    assert hosts.shown[1:] == [(10, 20, 6, False)]
    hosts.end()
    assert len(hosts.shown) == 2


def test_empty_intervals_are_a_sign_of_life_and_a_gap_once_traffic_is_back() -> None:
    hosts = Hosts()
    for begin in range(0, 40, 10):
        hosts.tell("a", interval(begin, begin + 10, 2 if begin in (0, 30) else 0))
        hosts.tell("b", interval(begin, begin + 10, 0))
        hosts.wait(10)
        assert len(hosts.shown) == (1 if begin < 30 else 3)
    assert hosts.shown == [(0, 10, 2, False), (10, 30), (30, 40, 2, False)]


def test_empty_intervals_go_on_to_who_merges_further() -> None:
    hosts = Hosts(mergeable=True)
    hosts.tell("a", interval(0, 10, 1))
    hosts.tell("a", interval(10, 20, 0))
    hosts.wait(2)
    assert hosts.shown == [(0, 10, 1, False), (10, 20, 0, False)]


def test_silent_host_is_named_and_what_it_tells_later_is_shown_by_itself() -> None:
    hosts = Hosts()
    hosts.tell("a", interval(0, 10))
    hosts.tell("b", interval(0, 10))
    for begin in range(10, 50, 10):
        hosts.wait(10)
        hosts.tell("a", interval(begin, begin + 10))
    hosts.wait(2)
    silent = "host b is silent: its traffic is unknown from 2023-11-14T22:13:30Z on, and it is not waited for"
    assert silent in hosts.shown
    assert [item for item in hosts.shown if item != silent] == [
        (at, at + 10, *own)
        for at, own in [
            (0, (2, False)),
            (10, (1, False)),
            (20, (1, False)),
            (30, (1, False)),
            (40, (1, False)),
        ]
    ]
    before = len(hosts.shown)
    hosts.tell("b", interval(10, 20, 7), interval(20, 30, 0), interval(30, 40, 3))
    assert hosts.shown[before:] == [
        "host b is heard again, its traffic is known up to 2023-11-14T22:13:40Z",
        (10, 20, 7, False),
        (30, 40, 3, False),
    ]


def test_interval_that_was_cut_waits_for_the_rest_of_a_host_that_is_started_again() -> None:
    hosts = Hosts()
    hosts.tell("a", interval(0, 10), interval(10, 14, 2, partial=True))
    hosts.wait(8)
    assert hosts.shown == [(0, 10, 1, False)]
    hosts.tell("a", interval(10, 20, 3))
    assert hosts.shown[1:] == [(10, 20, 5, False)]


def test_last_interval_of_hosts_that_have_ended_is_shown_when_they_are_silent() -> None:
    hosts = Hosts()
    hosts.tell("a", interval(0, 10), interval(10, 14, 2, partial=True))
    hosts.wait(31)
    assert hosts.shown[2:] == [(10, 14, 2, True)]


def test_total_is_shown_at_the_end_alone() -> None:
    hosts = Hosts(in_all=True)
    hosts.tell("a", interval(0, 10), interval(10, 20))
    hosts.wait(10)
    assert hosts.shown == []
    hosts.end()
    assert hosts.shown == [(0, 20, 2, False)]


def test_live_or_not_the_same_is_shown_in_all() -> None:
    rng = random.Random(7)
    told = [(host, interval(at, at + 10, rng.randrange(4))) for at in range(0, 90, 10) for host in "abc"]
    hosts = Hosts()
    for number, (host, one) in enumerate(told, 1):
        hosts.tell(host, one)
        hosts.wait(10 if number % 3 == 0 else 0.25)
    hosts.end()
    assert hosts.shown == short(merged(*(lines(host, [one]) for host, one in told)))


def test_requests_of_each_second_add_up() -> None:
    one = interval(0, 10, 3)._replace(seconds=Counter({T0_S: 1, T0_S + 9: 2}))
    other = interval(0, 10, 1)._replace(seconds=Counter({T0_S + 9: 1}))
    (both,) = merged(lines("a", [one]), lines("b", [other]))
    assert isinstance(both, Interval)
    assert both.seconds == {T0_S: 1, T0_S + 9: 3}
    (some,) = merged(lines("a", [one]), lines("b", [interval(0, 10, 1)]))
    assert isinstance(some, Interval)
    assert some.seconds is None


# What cannot be merged.


def packed(data: bytes) -> str:
    return b64encode(data).decode()


USUAL = lines("web1", [interval(0, 10)])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(changed(USUAL, packed=None), "holds nothing to merge", id="not mergeable"),
        pytest.param(changed(USUAL, packed="*"), "is damaged", id="no base64"),
        pytest.param(changed(USUAL, packed=""), "is no summary", id="empty"),
        pytest.param(changed(USUAL, packed=packed(b"\1x")), "is damaged", id="not compressed"),
        pytest.param(
            changed(USUAL, packed=msgspec.json.decode(USUAL)["packed"][:-8]), "is damaged", id="cut off"
        ),
        pytest.param(changed(USUAL, packed=packed(b"\2x")), "is no summary of version", id="other version"),
        pytest.param(lines("web1", [interval(0, 20)]), "is of another length", id="other length"),
    ],
)
def test_error_names_the_summary_and_the_reason(line: str, reason: str) -> None:
    with pytest.raises(SummaryError) as caught:
        merged(USUAL, line)
    text = str(caught.value)
    assert text.startswith(f"summary of web1, {rfc3339(T0_S)} to ")
    assert reason in text


@pytest.mark.parametrize(
    "spec", [Spec(by=("status",)), Spec(depth=2), Spec(timings=True), Spec(by=("status", "method"))]
)
@pytest.mark.parametrize("in_all", [False, True])
def test_summaries_of_another_kind_are_told(spec: Spec, in_all: bool) -> None:
    other = lines("web2", counted(Stats(10, 2, spec), [row(1)]))
    with pytest.raises(SummaryError, match=r"^summary of web2, .* is of another kind: "):
        merged(USUAL, other, in_all=in_all)


def test_time_that_is_none_is_damage() -> None:
    with pytest.raises(
        SummaryError, match=r"^summary of web1, yesterday to .* is damaged: 'yesterday' is no"
    ):
        merged(changed(USUAL, **{"from": "yesterday"}))


def test_summary_that_ends_before_it_begins_is_damage() -> None:
    with pytest.raises(SummaryError, match=r"^summary of web1, .* is damaged: it ends before it begins$"):
        merged(changed(USUAL, to=rfc3339(T0_S)))


def test_summaries_that_overlap_are_told() -> None:
    with pytest.raises(SummaryError, match=r"^summaries of .* overlap: --total"):
        merged(lines("a", [interval(0, 60)]), lines("b", [interval(10, 20)]))


def test_summaries_of_several_lengths_are_merged_in_all() -> None:
    items = merged(
        lines("a", [interval(0, 60)]), lines("b", [interval(0, 10), interval(10, 20)]), in_all=True
    )
    assert short(items) == [(0, 60, 3, False)]


def test_what_cannot_be_merged_is_left_out_and_told_once_for_each_host() -> None:
    merging = Merging("replay", in_all=False)
    whole, other = lines("a", [interval(0, 10)]), lines("b", [interval(0, 60), interval(0, 60)])
    damaged = changed(whole, host="c", packed="")
    merging.feed(read(whole + other + damaged + whole), NOW)
    assert [text[:16] for text in merging.take_problems()] == ["summary of b, 20", "summary of c, 20"]
    merging.feed(read(damaged), NOW)
    assert merging.take_problems() == []
    assert merging.left_out == 4
    assert short(merging.flush()) == [(0, 10, 2, False)]


def test_record_is_told() -> None:
    with pytest.raises(SummaryError, match=r"^a record is no summary"):
        merged('{"time":null,"epoch":1,"client":"198.18.0.1"}\n')


def test_error_is_one_visible_line_whatever_the_input_says() -> None:
    text = changed(USUAL, host="\x1b[2J\nweb" + "1" * 1000, to="\n", packed=None)
    with pytest.raises(SummaryError) as caught:
        merged(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
