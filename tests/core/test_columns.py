"""Lines as rows and back: byte for byte, whoever wrote them, each at its place in time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import EPOCH, ROOT, record
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.columns import ADDED_KEYS, BASE_KEYS, COLUMNS, KEYS, LineMaker, RowMaker
from w3ctools.core.record import record_type
from w3ctools.core.wire import encode_line, omit_nulls
from w3ctools.edge.database import SCHEMA_VERSION

WALL_S = EPOCH + 1000.5
#: Records of every format.
CASES = sorted((ROOT / "tests/cases/parse").glob("*/out.jsonl"))


class Kept(NamedTuple):
    """What tables hold of some lines."""

    lines: bytes
    #: Of the records: values by column.
    records: list[dict[str, Any]]
    places: list[float]
    #: Lines that the columns alone could not give back.
    kept: int


@pytest.fixture(scope="module")
def tables() -> Iterator[sqlite3.Connection]:
    """The values must come through SQLite: it has its own idea of numbers."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        columns = ", ".join(f"{key} {kind}" for key, kind in COLUMNS.items())
        connection.execute(
            f"CREATE TABLE records (id INTEGER PRIMARY KEY, at_epoch NUMERIC, {columns}, "
            "shape INTEGER DEFAULT 0, line TEXT)"
        )
        connection.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, at_epoch NUMERIC, event TEXT, line TEXT)"
        )
        yield connection


def _keep(tables: sqlite3.Connection, *blocks: bytes) -> Kept:
    tables.executescript("DELETE FROM records; DELETE FROM events")
    maker, next_id = RowMaker(), 1
    for block in blocks:
        for rows in maker.feed(block, WALL_S).rows:
            marks = ", ".join("?" * len(rows.columns))
            insert = f"INSERT INTO {rows.table} ({', '.join(rows.columns)}) VALUES ({marks})"
            tables.executemany(insert, rows.numbered(next_id))
            next_id += len(rows.places)
    lines = LineMaker(with_added_keys=True)
    of_records = tables.execute(f"SELECT id, at_epoch, {', '.join(lines.columns)} FROM records").fetchall()
    again = lines.lines([row[2:] for row in of_records])
    made = [(row[0], row[1], line) for row, line in zip(of_records, again, strict=True)]
    for number, at, line in tables.execute("SELECT id, at_epoch, line FROM events"):
        made.append((number, at, line.encode() if isinstance(line, str) else line))
    made.sort()
    return Kept(
        b"".join(line + b"\n" for _, _, line in made),
        [dict(zip(lines.columns, row[2:], strict=True)) for row in of_records],
        [at for _, at, _ in made],
        sum(row[3] is not None for row in of_records),
    )


def _found(kept: Kept) -> dict[str, Any]:
    """What the only record has for people."""
    (values,) = kept.records
    return {key: value for key, value in values.items() if value is not None and key in KEYS}


def _line(added: tuple[str, ...], **values: Any) -> bytes:
    """A record of a format with these keys, as w3c-parse writes it."""
    kind: Any = record_type(added)
    return encode_line(kind(**values))


def _json(**values: Any) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.parent.name))
def test_lines_of_every_format_come_from_columns_alone(tables: sqlite3.Connection, path: Path) -> None:
    kept = _keep(tables, path.read_bytes())
    assert (kept.lines, kept.kept) == (path.read_bytes(), 0)


def test_databases_of_this_version_have_these_columns() -> None:
    """Their order is that of the bits of `shape`: a new key needs a new version, and a way to it."""
    added = (
        "scheme vhost_port client_port peer forwarded_for server_ip server_port duration ttfb request_bytes "
        "wire_bytes upstream upstream_status upstream_duration cache request_id tls_protocol tls_cipher "
        "content_type extra file"
    )
    assert (2, tuple(added.split())) == (SCHEMA_VERSION, ADDED_KEYS)


def test_columns_hold_the_values(tables: sqlite3.Connection) -> None:
    line = _line(("duration", "extra"), time="t", epoch=1.5, status=200, duration=2.0, extra={"a": "b"})
    assert _found(_keep(tables, line)) == {
        "time": "t",
        "epoch": 1.5,
        "status": 200,
        "duration": 2,
        "extra": '{"a":"b"}',
    }


_TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
_INTEGER = st.none() | st.integers(-(1 << 65), 1 << 65)
_NUMBER = _INTEGER | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9).map(float)
_OF_KIND = {"TEXT": _TEXT, "INTEGER": _INTEGER, "NUMERIC": _NUMBER}
_VALUES = {key: _OF_KIND[kind] for key, kind in COLUMNS.items()} | {
    "extra": st.none() | st.dictionaries(_TEXT.filter(lambda text: text is not None), st.text('ab\0"\\\x7f'))
}


@st.composite
def _our_line(draw: st.DrawFn) -> bytes:
    """A record as w3c-parse would write it, of any format and with any values."""
    added = draw(st.sets(st.sampled_from(ADDED_KEYS)))
    return _line(tuple(added), **{key: draw(_VALUES[key]) for key in (*BASE_KEYS, *added)})


_ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
_THEIR_KEY = (st.sampled_from(KEYS) | st.text()).filter(lambda key: key not in ("event", "epoch"))
_THEIR_LINE = st.dictionaries(_THEIR_KEY, _ANY_VALUE, max_size=6).map(
    lambda found: json.dumps(found).encode() + b"\n"
)
_EVENT = st.sampled_from(
    (
        b'{"event":"unparsed","line":1,"reason":"r","column":1,"raw":"x","time":null,"epoch":null}\n',
        b'{"event":"gap","from":"a","to":"b"}\n',
        b'{"event":"alert","state":"raised","epoch":5}\n',
        b'{ "event" : "of others" }\n',
    )
)


@given(lines=st.lists(_our_line() | _THEIR_LINE | _EVENT, max_size=8))
def test_any_lines_come_back(tables: sqlite3.Connection, lines: list[bytes]) -> None:
    block = b"".join(lines)
    assert _keep(tables, block).lines == block


@given(lines=st.lists(_our_line(), max_size=4))
def test_a_block_is_its_lines(tables: sqlite3.Connection, lines: list[bytes]) -> None:
    assert _keep(tables, b"".join(lines)).records == _keep(tables, *lines).records


ODD = {
    "nulls left out": omit_nulls(record()),
    "keys in another order": _json(epoch=EPOCH, time="t"),
    "blanks": b'{"time": "t", "epoch": 5}\n',
    "added keys in another order": record().replace(b"}", b',"ttfb":1,"duration":2}'),
    "unknown keys": record().replace(b"}", b',"other":[1,{"a":null}]}'),
    "escapes": record().replace(b"curl", rb"\u0063url"),
    "exponent": record().replace(b"2326", b"23e2"),
    "minus zero": record().replace(str(EPOCH).encode(), b"-0.0"),
    "beyond SQLite's integers": record().replace(b"2326", b"18446744073709551616"),
    "a time beyond all": record().replace(str(EPOCH).encode(), b"9" * 400),
    "a time of 1e308": record().replace(str(EPOCH).encode(), b"1e308"),
    "text for a number": record().replace(b"2326", b'"2326"'),
    "no UTF-8": record().replace(b"curl", b"\xff\xfe"),
    "twice the same key": record().replace(b"}", b',"section":"/b"}'),
    "nothing": b"{}\n",
}


@pytest.mark.parametrize("line", ODD.values(), ids=ODD)
def test_line_of_another_program_is_kept_as_it_came(tables: sqlite3.Connection, line: bytes) -> None:
    kept = _keep(tables, record() + line + record())
    assert kept.lines == record() + line + record()
    assert kept.kept == (0 if b"1e308" in line else 1)


def test_kept_line_has_its_values_in_the_columns_too(tables: sqlite3.Connection) -> None:
    kept = _keep(tables, _json(status=404, path="/a", bytes=1 << 64, duration=0.5, extra={"a": "b"}))
    assert _found(kept) == {"status": 404, "path": "/a", "duration": 0.5, "extra": '{"a":"b"}'}


def test_whole_numbers_stay_as_they_were_written(tables: sqlite3.Connection) -> None:
    lines = [
        _line(("duration", "upstream_duration"), epoch=epoch, duration=first, upstream_duration=second)
        for epoch in (1, 1.0, 1.5)
        for first in (0, 0.0, None)
        for second in (2.0, 2, 0.25)
    ]
    kept = _keep(tables, b"".join(lines))
    assert (kept.lines, kept.kept) == (b"".join(lines), 0)


def test_what_is_no_json_object_is_left_out(tables: sqlite3.Connection) -> None:
    assert _keep(tables, record() + b"\nnothing\n[1]\n" + record()).lines == record() * 2


# Places in time


def _places(tables: sqlite3.Connection, *blocks: bytes) -> list[float]:
    return _keep(tables, *blocks).places


def test_line_stands_at_its_time(tables: sqlite3.Connection) -> None:
    assert _places(tables, record(5) + record(3) + record(7)) == [5, 3, 7]


def test_line_without_time_stands_where_the_one_before_it_does(tables: sqlite3.Connection) -> None:
    event = b'{"event":"gap","from":"a","to":"b"}\n'
    assert _places(tables, record(5) + record(None) + record(3) + event, record(None)) == [5, 5, 3, 3, 3]


def test_line_before_the_first_time_stands_at_it(tables: sqlite3.Connection) -> None:
    assert _places(tables, record(None) * 2 + record(5) + record(None)) == [5, 5, 5, 5]


def test_lines_of_which_none_has_a_time_stand_at_the_time_of_this_machine(tables: sqlite3.Connection) -> None:
    assert _places(tables, record(None), record(None) + record(5)) == [EPOCH + 1000, 5, 5]


def test_time_beyond_all_is_a_place_nonetheless(tables: sqlite3.Connection) -> None:
    far = record().replace(str(EPOCH).encode(), b"9" * 30)
    assert _places(tables, far + record(5) + record(None)) == [1 << 62, 5, 5]


def test_alerts_are_found_among_events() -> None:
    lines = b'{"event":"alert","state":"raised","epoch":5}\n{"event":"alert","state":5}\n'
    made = RowMaker().feed(record() + lines, WALL_S)
    assert [(alert.state, alert.epoch) for alert in made.alerts] == [("raised", 5)]
    assert made.lines == 3
