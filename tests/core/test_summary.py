"""Counts of requests: fed in parts, merged, in any order."""

from __future__ import annotations

import random
import zlib
from copy import copy
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.summary import (
    USUAL,
    Spec,
    StatsRow,
    Summary,
    SummaryError,
    TableRow,
    stats_row_type,
)
from w3ctools.core.tally import DISTINCT_ERROR, Tally

EVERYTHING = Spec(by=("user_agent", "status"), depth=2, timings=True)
DETAILED: Any = stats_row_type(EVERYTHING)

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


EVERY = 10**6


class Told(NamedTuple):
    """All that a summary says."""

    requests: int
    unparsed: int
    total_bytes: int
    sections: list[TableRow]
    statuses: dict[int | None, int]
    methods: dict[str | None, int]
    clients: dict[str | None, int]
    failing_paths: dict[str | None, int]
    slow_paths: dict[str | None, int]
    by: dict[str, list[TableRow]]
    percentiles: list[float | None]


def counts(tally: Tally) -> dict[str | None, int]:
    return dict(tally.top(EVERY))


def told(summary: Summary) -> Told:
    return Told(
        summary.requests,
        summary.unparsed,
        summary.total_bytes,
        summary.sections.top(EVERY),
        dict(summary.statuses()),
        counts(summary.methods),
        counts(summary.clients),
        counts(summary.failing_paths),
        counts(summary.slow_paths),
        {name: table.top(EVERY) for name, table in summary.by.items()},
        [quantiles.quantile(0.95) for quantiles in (summary.durations, summary.sizes)],
    )


def summary_of(rows: list[StatsRow], spec: Spec = USUAL) -> Summary:
    summary = Summary(spec)
    summary.feed([copy(row) for row in rows])
    return summary


def test_nothing_is_counted_before_the_first_row() -> None:
    assert not any(told(Summary())[:-1])
    assert told(Summary()).percentiles == [None, None]


def test_request_is_counted_in_every_table() -> None:
    row = DETAILED(
        client="::1",
        method="GET",
        path="/a/b",
        status=503,
        bytes=7,
        section="/a",
        user_agent="x",
        duration=0.25,
    )
    assert told(summary_of([row, row], EVERYTHING)) == Told(
        2,
        0,
        14,
        [TableRow("/a/b", 2, 2, 14)],
        {503: 2},
        {"GET": 2},
        {"::1": 2},
        {"/a/b": 2},
        {"/a/b": 500_000},
        {"user_agent": [TableRow("x", 2, 2, 14)], "status": [TableRow("503", 2, 2, 14)]},
        [0.25, 7],
    )


def test_request_of_which_the_log_says_nothing_is_a_request() -> None:
    summary = summary_of([StatsRow()])
    assert (summary.requests, summary.total_bytes) == (1, 0)
    assert summary.sections.top(9) == [TableRow(None, 1, 0, 0)]
    assert (summary.statuses(), counts(summary.methods)) == ({None: 1}, {None: 1})
    assert counts(summary.failing_paths) == {}


def test_bytes_that_are_null_add_nothing() -> None:
    summary = summary_of([StatsRow(section="/a", bytes=5), StatsRow(section="/a"), StatsRow(bytes=6)])
    assert [(row.key, row.bytes) for row in summary.sections.top(9)] == [("/a", 5), (None, 6)]


def test_unparsed_lines_are_counted_apart_and_nowhere_else() -> None:
    summary = summary_of([StatsRow(event="unparsed", client="x", status=500), StatsRow(client="y")])
    assert (summary.requests, summary.unparsed) == (1, 1)
    assert (counts(summary.clients), summary.statuses()) == ({"y": 1}, {None: 1})
    assert counts(summary.failing_paths) == {}


@pytest.mark.parametrize(
    ("status", "errors", "client_errors"),
    [(None, 0, 0), (200, 0, 0), (404, 0, 1), (499, 0, 1), (500, 1, 0), (599, 1, 0), (600, 0, 0), (999, 0, 0)],
)
def test_status_from_500_to_599_is_an_error(status: int | None, errors: int, client_errors: int) -> None:
    summary = summary_of([StatsRow(status=status, section="/a", path="/a/b")])
    assert (summary.errors, summary.client_errors) == (errors, client_errors)
    assert summary.sections.top(1)[0].errors == errors
    assert summary.failing_paths.count("/a/b") == errors


def test_row_type_has_what_is_counted_alone() -> None:
    assert stats_row_type(USUAL) is StatsRow
    more = set(DETAILED.__struct_fields__) - set(StatsRow.__struct_fields__)
    assert more == {"user_agent", "duration"}


@pytest.mark.parametrize(
    ("section", "path", "depth", "expected"),
    [
        ("/a", "/a/b/c", 2, "/a/b"),
        ("/a", "/a/b/c", 9, "/a/b/c"),
        ("/a", "/a", 2, "/a"),
        ("/a", "/a/", 2, "/a/"),
        ("/", "/", 2, "/"),
        ("http://h/a", "/a/b/c", 2, "http://h/a/b"),
        ("/a", "/a/b#c/d", 3, "/a/b"),
        (None, None, 2, None),
    ],
)
def test_section_has_as_many_segments_as_the_depth(
    section: str | None, path: str | None, depth: int, expected: str | None
) -> None:
    summary = summary_of([StatsRow(section=section, path=path)], Spec(depth=depth))
    assert summary.sections.top(1)[0].key == expected


def test_many_combinations_are_counted_as_few() -> None:
    rows = [
        StatsRow(section=f"/{n}", status=200 + n % 300, method="GET", client=str(n)) for n in range(9_000)
    ]
    summary = summary_of(rows)
    summary.feed([copy(row) for row in rows])
    assert summary.is_exact
    assert summary.sections.distinct() == summary.clients.distinct() == 9_000
    assert {row.requests for row in summary.sections.top(EVERY)} == {2}


def test_too_many_keys_are_estimated_within_the_stated_error() -> None:
    rows = [StatsRow(section="/a" if n % 3 == 0 else f"/{n}", client=str(n)) for n in range(40_000)]
    summary = summary_of(rows)
    assert not summary.is_exact
    (most,) = summary.sections.top(1)
    assert most.key == "/a"
    assert abs(most.requests - 13_334) <= summary.sections.error
    assert summary.clients.distinct() == pytest.approx(40_000, rel=DISTINCT_ERROR)


@given(rows_of_a_log, rows_of_a_log)
def test_any_summary_survives_as_bytes(first: list[StatsRow], second: list[StatsRow]) -> None:
    spec = Spec(by=("method",), depth=2)
    summary = summary_of(first, spec)
    read = Summary.from_bytes(summary.to_bytes())
    assert (read.spec, told(read)) == (spec, told(summary))
    read.merge(summary_of(second, spec))
    assert told(read) == told(summary_of(first + second, spec))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is no summary of version 1", id="nothing"),
        pytest.param(b"\x02abc", "is no summary of version 1", id="another version"),
        pytest.param(b"\x01abc", "is damaged", id="not compressed"),
        pytest.param(Summary().to_bytes()[:-9], "is damaged", id="cut"),
        pytest.param(b"\x01" + zlib.compress(b"[1,2]"), "is damaged", id="another shape"),
        pytest.param(b"\x01" + zlib.compress(b"nonsense"), "is damaged", id="no JSON"),
    ],
)
def test_bytes_that_are_no_summary_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(SummaryError, match=reason):
        Summary.from_bytes(data)


def test_summaries_of_another_kind_do_not_merge() -> None:
    with pytest.raises(
        SummaryError, match="is of another kind: sections of depth 2, not sections of depth 1"
    ):
        Summary().merge(Summary(Spec(depth=2)))


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
    assert summary.sections.requests.total == summary.statuses().total() == summary.methods.total == requests
    assert summary.clients.total == requests
    assert summary.sections.errors.total == summary.failing_paths.total == summary.errors
