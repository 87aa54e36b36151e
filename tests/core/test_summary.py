"""Counts of requests: fed in parts, merged, in any order."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.summary import StatsRow, Summary, top

rows_of_a_log = st.lists(
    st.builds(
        StatsRow,
        event=st.sampled_from([None, None, None, "unparsed"]),
        client=st.sampled_from([None, "", "10.0.0.1", "2001:db8::1"]),
        method=st.sampled_from([None, "GET", "POST"]),
        path=st.sampled_from([None, "/a", "/b"]),
        status=st.sampled_from([None, 200, 301, 404, 499, 500, 503, 599]),
        bytes=st.sampled_from([None, 0, 1, 512]),
        section=st.sampled_from([None, "/", "/a", "/b"]),
    ),
    max_size=30,
)


class Told(NamedTuple):
    """All that a summary says."""

    requests: int
    unparsed: int
    total_bytes: int
    sections: Counter[str | None]
    section_bytes: Counter[str | None]
    section_errors: Counter[str | None]
    statuses: Counter[int | None]
    methods: Counter[str | None]
    clients: Counter[str | None]
    failing_paths: Counter[str | None]


def told(summary: Summary) -> Told:
    return Told(
        summary.requests,
        summary.unparsed,
        summary.total_bytes,
        summary.sections(),
        summary.section_bytes(),
        summary.section_errors(),
        summary.statuses(),
        summary.methods(),
        summary.clients,
        summary.failing_paths,
    )


def summary_of(rows: list[StatsRow]) -> Summary:
    summary = Summary()
    summary.feed(rows)
    return summary


def test_nothing_is_counted_before_the_first_row() -> None:
    assert all(not count for count in told(Summary()))


def test_request_is_counted_in_every_table() -> None:
    row = StatsRow(client="::1", method="GET", path="/a/b", status=503, bytes=7, section="/a")
    assert told(summary_of([row, row])) == Told(
        2,
        0,
        14,
        Counter({"/a": 2}),
        Counter({"/a": 14}),
        Counter({"/a": 2}),
        Counter({503: 2}),
        Counter({"GET": 2}),
        Counter({"::1": 2}),
        Counter({"/a/b": 2}),
    )


def test_request_of_which_the_log_says_nothing_is_a_request() -> None:
    summary = summary_of([StatsRow()])
    assert (summary.requests, summary.total_bytes) == (1, 0)
    assert (summary.sections(), summary.statuses(), summary.methods()) == ({None: 1}, {None: 1}, {None: 1})
    assert (summary.section_errors(), summary.failing_paths) == ({}, {})


def test_bytes_that_are_null_add_nothing() -> None:
    summary = summary_of([StatsRow(section="/a", bytes=5), StatsRow(section="/a"), StatsRow(bytes=6)])
    assert summary.section_bytes() == {"/a": 5, None: 6}


def test_unparsed_lines_are_counted_apart_and_nowhere_else() -> None:
    summary = summary_of([StatsRow(event="unparsed", client="x", status=500), StatsRow(client="y")])
    assert (summary.requests, summary.unparsed) == (1, 1)
    assert (summary.clients, summary.statuses(), summary.failing_paths) == ({"y": 1}, {None: 1}, {})


@pytest.mark.parametrize(
    ("status", "errors"), [(None, 0), (200, 0), (404, 0), (499, 0), (500, 1), (599, 1), (999, 1)]
)
def test_status_from_500_is_an_error(status: int | None, errors: int) -> None:
    summary = summary_of([StatsRow(status=status, section="/a", path="/a/b")])
    assert (summary.section_errors()["/a"], summary.failing_paths["/a/b"]) == (errors, errors)


@given(rows_of_a_log, rows_of_a_log)
def test_any_rows_fed_in_two_parts_are_as_fed_at_once(first: list[StatsRow], second: list[StatsRow]) -> None:
    summary = summary_of(first)
    summary.feed(second)
    assert told(summary) == told(summary_of(first + second))


@given(rows_of_a_log, rows_of_a_log)
def test_any_two_summaries_merged_are_as_fed_at_once(first: list[StatsRow], second: list[StatsRow]) -> None:
    summary = summary_of(first)
    summary.merge(summary_of(second))
    assert told(summary) == told(summary_of(first + second))


@given(rows_of_a_log, rows_of_a_log)
def test_merging_leaves_the_other_summary_alone(first: list[StatsRow], second: list[StatsRow]) -> None:
    other = summary_of(second)
    merged = summary_of(first)
    merged.merge(other)
    merged.feed(first)
    assert told(other) == told(summary_of(second))


@given(rows_of_a_log, st.randoms())
def test_any_order_of_rows_counts_the_same(rows: list[StatsRow], rng: random.Random) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert told(summary_of(shuffled)) == told(summary_of(rows))


@given(rows_of_a_log)
def test_any_rows_are_counted_once_in_each_table(rows: list[StatsRow]) -> None:
    summary = summary_of(rows)
    requests = summary.requests
    assert requests + summary.unparsed == len(rows)
    assert summary.sections().total() == summary.statuses().total() == summary.methods().total() == requests
    assert summary.clients.total() == requests
    assert summary.section_errors().total() == summary.failing_paths.total()


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        pytest.param({}, 5, [], id="nothing"),
        pytest.param({"b": 1, "a": 2}, 5, [("a", 2), ("b", 1)], id="the most first"),
        pytest.param({"c": 1, "a": 1, "b": 1}, 5, [("a", 1), ("b", 1), ("c", 1)], id="equals by name"),
        pytest.param({"c": 1, "a": 1, "b": 1}, 2, [("a", 1), ("b", 1)], id="cut among equals"),
        pytest.param({"a": 1, None: 1}, 2, [(None, 1), ("a", 1)], id="no name before any"),
        pytest.param(
            {"a": 1, "B": 1, "\xe9": 1}, 3, [("B", 1), ("a", 1), ("\xe9", 1)], id="by code, not by locale"
        ),
        pytest.param({"a": 1}, 0, [], id="none asked for"),
    ],
)
def test_top_gives_the_most_counted(
    counts: dict[str | None, int], most: int, expected: list[tuple[str | None, int]]
) -> None:
    assert top(Counter(counts), most) == expected


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 3)), st.randoms())
def test_top_is_the_same_whatever_came_first(counts: dict[str, int], rng: random.Random) -> None:
    names = list(counts)
    rng.shuffle(names)
    assert top(Counter({name: counts[name] for name in names}), 4) == top(Counter(counts), 4)
