"""CSV: rectangular, readable by any reader of CSV, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.render_csv import CsvRenderer
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import USUAL, Spec, StatsRow, Summary, stats_row_type
from w3ctools.core.wire import AlertEvent

T0_S = 1_700_000_000  # 2023-11-14T22:13:20Z
TIMED = Spec(timings=True)


def row(**keys: Any) -> StatsRow:
    usual: dict[str, Any] = {"client": "10.0.0.1", "status": 200, "bytes": 512, "section": "/a"}
    return StatsRow(**{**usual, **keys})


def interval_of(rows: list[Any], *, spec: Spec = USUAL, **changes: Any) -> Interval:
    summary = Summary(spec)
    summary.feed(rows)
    return Interval(T0_S, T0_S + 10, summary, False, 0, 0)._replace(**changes)


def alert(message: str = "High traffic generated an alert - hits = 7, triggered at then") -> AlertEvent:
    return AlertEvent(state="raised", time="2023-11-14T22:13:20Z", epoch=T0_S, message=message)


def lines_of(*items: Item, timings: bool = False) -> list[str]:
    renderer = CsvRenderer(timings=timings)
    return [renderer.header, *map(renderer.render, items)]


def read(*items: Item, timings: bool = False) -> list[dict[str, str]]:
    text = "".join(lines_of(*items, timings=timings))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_lines_are_as_documented() -> None:
    rows = [
        *[row()] * 3,
        row(client="10.0.0.2", status=503),
        row(status=404),
        row(status=301, bytes=None),
        StatsRow(),
        StatsRow(event="unparsed"),
    ]
    assert lines_of(interval_of(rows, late=4, uncounted=2), Gap(T0_S + 10, T0_S + 30), alert()) == [
        "event,from,to,partial,requests,rate_per_s,unparsed,late,uncounted,bytes,clients,errors,client_errors,"
        "status_2xx,status_3xx,status_4xx,status_5xx,status_other,message\n",
        "summary,2023-11-14T22:13:20Z,2023-11-14T22:13:30Z,false,7,0.7,1,4,2,2560,3,1,1,3,1,1,1,1,\n",
        "gap,2023-11-14T22:13:30Z,2023-11-14T22:13:50Z,,0,0,0,0,0,0,0,0,0,0,0,0,0,0,\n",
        'alert,2023-11-14T22:13:20Z,,,,,,,,,,,,,,,,,"High traffic generated an alert - hits = 7, '
        'triggered at then"\n',
    ]


def test_timings_add_columns_in_seconds() -> None:
    timed: Any = stats_row_type(TIMED)
    rows = [timed(status=200, duration=number / 1000) for number in range(1, 101)]
    summary, gap, event = read(interval_of(rows, spec=TIMED), Gap(T0_S, T0_S + 10), alert(), timings=True)
    names = ("duration_p50_s", "duration_p95_s", "duration_p99_s")
    assert [summary[name] for name in names] == ["0.050000", "0.095000", "0.099000"]
    assert [[line[name] for name in names] for line in (gap, event)] == [[""] * 3] * 2


def test_unknown_durations_are_empty() -> None:
    assert read(interval_of([row()], spec=TIMED), timings=True)[0]["duration_p50_s"] == ""


def test_partial_interval_says_so() -> None:
    assert read(interval_of([row()], partial=True))[0]["partial"] == "true"


def test_total_of_lines_without_time_has_none() -> None:
    line = read(interval_of([row()], from_s=0, to_s=0))[0]
    assert (line["from"], line["to"], line["requests"]) == ("", "", "1")


def test_alert_without_a_time_has_none() -> None:
    assert read(AlertEvent(message="High traffic alert reset - why"))[0]["from"] == ""


@given(st.text(), st.booleans())
def test_whatever_a_message_holds_it_is_one_cell_of_one_line(message: str, timings: bool) -> None:
    header, line = lines_of(alert(message), timings=timings)
    assert line.count("\n") == 1
    assert [char for char in line[:-1] if category(char) == "Cc"] == []
    names, cells = csv.reader([header, line], strict=True)
    assert len(cells) == len(names)


@pytest.mark.parametrize(
    "text", ['"quoted" at first', 'and "quoted" later', "a, b", "plain", "café ', ;", ' "']
)
def test_message_is_read_as_it_was_told(text: str) -> None:
    assert read(alert(text))[0]["message"] == text


@pytest.mark.parametrize("key", ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(1)", '","=1'])
def test_no_cell_begins_with_what_a_request_holds(key: str) -> None:
    request = row(client=key, section=key, path=key, method=key)
    items = (interval_of([request]), alert(f"High traffic on {key} generated an alert - hits = 7"))
    cells = [cell for line in read(*items) for cell in line.values()]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []
