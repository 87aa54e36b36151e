"""Lines as rows of tables, and back: a record has a column for each of its keys, an event is kept as it came.

The lines come back byte for byte. Where the columns of a record cannot give its line (another order of keys,
nulls left out, numbers as others write them), the row has the line too. All is done by the block: what makes
`RowMaker.feed` fast is that the lines of a block have the same keys, and that one comparison proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from math import floor
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, cast, get_args, get_type_hints

import msgspec

from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record
from w3ctools.core.wire import AlertEvent, Row

#: The keys that every record has, and those that its format adds, in the order of lines.
BASE_KEYS = Record.__struct_fields__
ADDED_KEYS = (*FORMAT_KEYS, *FILE_KEY)
KEYS = (*BASE_KEYS, *ADDED_KEYS)

#: What SQLite can hold as an integer.
_INTEGER = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
#: What stands for the time of a line that is out of all bounds.
_FARTHEST_S = 1 << 62
#: What is taken over into the columns of a line that they cannot give back.
_SCALARS = (str, int, float, bool, type(None))


def _bounded(hint: Any) -> Any:
    return _INTEGER | float | None if float in get_args(hint) else _INTEGER | None


_encoder = msgspec.json.Encoder()
_decode_row = msgspec.json.Decoder(Row).decode
_decode_alert = msgspec.json.Decoder(AlertEvent).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
#: What decoding a line raises that is no JSON of the type; the last, if it is nested too deeply.
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


_HINTS = {**get_type_hints(Record), **FORMAT_KEYS, **FILE_KEY}
#: Each key, and what its values are as far as SQLite can hold them.
_KINDS = {key: hint if int not in get_args(hint) else _bounded(hint) for key, hint in _HINTS.items()}


def _sql_type(hint: Any) -> str:
    kinds = get_args(hint)
    return "NUMERIC" if float in kinds else "INTEGER" if int in kinds else "TEXT"


#: The columns of a record, with their types in SQL. A text column holds `extra` as JSON.
COLUMNS = {key: _sql_type(_HINTS[key]) for key in KEYS}
#: SQLite keeps a whole number of these as an integer, so it must be known which were written 1.0.
_NUMERIC_KEYS = tuple(key for key, kind in COLUMNS.items() if kind == "NUMERIC")
#: What a row's `shape` says: which keys the line has beside the usual, and which of its numbers were 1.0.
#: Databases hold these bits: another key needs another version of the schema.
_KEY_BIT = {key: 1 << bit for bit, key in enumerate(ADDED_KEYS)}
_WHOLE_FLOAT_BIT = {key: 1 << bit for bit, key in enumerate(_NUMERIC_KEYS, len(ADDED_KEYS))}


class Rows(NamedTuple):
    """Lines that came one after another and are rows of the same table."""

    #: ``records`` or ``events``.
    table: str
    #: Where in time each stands, Unix seconds: the column `at_epoch`.
    places: Sequence[int | float]
    #: The values of each column but `id` and `at_epoch`; where all are null, the column is left out.
    values: dict[str, Sequence[Any]]

    @property
    def columns(self) -> tuple[str, ...]:
        """What `numbered` gives of a row."""
        return ("id", "at_epoch", *self.values)

    def numbered(self, first_id: int) -> Iterable[tuple[Any, ...]]:
        """The rows, with ids from this one on."""
        return zip(
            range(first_id, first_id + len(self.places)), self.places, *self.values.values(), strict=True
        )


class Made(NamedTuple):
    """What a block of lines gives."""

    #: In the order of the lines.
    rows: list[Rows]
    #: The alerts among the lines.
    alerts: list[AlertEvent]

    @property
    def lines(self) -> int:
        """How many lines have a row."""
        return sum(len(rows.places) for rows in self.rows)


class RowMaker:
    """Makes rows of JSON lines. It remembers no more than the newest time."""

    def __init__(self) -> None:
        self._last_s: int | float | None = None

    def feed(self, lines: bytes, wall_s: float) -> Made:
        """Whole lines, each a JSON object; any other is left out. `wall_s` is this machine's clock.

        A line without time stands where the line before it stands; before the first time, where the first one
        of its block does, and where there is none, at `wall_s`.
        """
        records = _records_alike(lines)
        if records is not None:
            epochs: list[int | float | None] = [record.epoch for record in records[1]]
            return Made([_rows_alike(*records, self._places(epochs, wall_s))], [])
        return self._feed_lines(lines, wall_s)

    def _feed_lines(self, lines: bytes, wall_s: float) -> Made:
        """Line by line: for blocks with events, with several formats, or of other programs."""
        found = [(line, row) for line in lines.split(b"\n") if (row := _row(line)) is not None]
        places = self._places([row.epoch for _, row in found], wall_s)
        made = Made([], [])
        start = 0
        for columns, same in groupby((_line(line, row) for line, row in found), key=lambda one: one.columns):
            ones = list(same)
            end = start + len(ones)
            made.rows.append(_rows_of_lines(ones, columns, places[start:end]))
            made.alerts.extend(one.alert for one in ones if one.alert is not None)
            start = end
        return made

    def _places(self, epochs: list[int | float | None], wall_s: float) -> Sequence[int | float]:
        known = [epoch for epoch in epochs if epoch is not None]
        if known and not (min(known) > -_FARTHEST_S and max(known) < _FARTHEST_S):
            known = [min(max(epoch, -_FARTHEST_S), _FARTHEST_S) for epoch in known]
        if len(known) < len(epochs):
            known = self._filled(epochs, known, wall_s)
        elif known:
            self._last_s = known[-1]
        return known

    def _filled(
        self, epochs: list[int | float | None], known: list[int | float], wall_s: float
    ) -> list[int | float]:
        last = self._last_s if self._last_s is not None or not known else known[0]
        following = iter(known)
        places = []
        for epoch in epochs:
            if epoch is not None:
                last = self._last_s = next(following)
            places.append(floor(wall_s) if last is None else last)
        return places


def _records_alike(lines: bytes) -> tuple[tuple[str, ...], list[Record]] | None:
    """The added keys and the records of lines that all have these and are what `wire.encode` writes."""
    try:
        added = _added_keys(_decode_object(lines[: lines.index(b"\n")]))
        if added is None:
            return None
        records = _decoder(added).decode_lines(lines)
    except (ValueError, *_UNDECODABLE):
        return None
    is_alike = _encoder.encode_lines(records) == lines and not _has_minus_zero(added, records, lines)
    return (added, records) if is_alike else None


def _has_minus_zero(added: tuple[str, ...], records: list[Record], lines: bytes) -> bool:
    """Whether there may be a number of which SQLite makes a 0."""
    floats = (float in set(map(type, map(attrgetter(key), records))) for key in _numeric_keys(added))
    return any(floats) and b":-0.0" in lines


@lru_cache(maxsize=256)
def _numeric_keys(added: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in _NUMERIC_KEYS if key in BASE_KEYS or key in added)


def _added_keys(found: dict[str, Any]) -> tuple[str, ...] | None:
    """Of a record with the usual keys in their order, those that its format has added."""
    keys = tuple(found)
    added = keys[len(BASE_KEYS) :]
    is_usual = keys[: len(BASE_KEYS)] == BASE_KEYS and added == tuple(filter(found.__contains__, ADDED_KEYS))
    return added if is_usual else None


@lru_cache(maxsize=256)
def _type(added: tuple[str, ...]) -> type[Record]:
    fields = [(key, _KINDS[key]) for key in (*BASE_KEYS, *added)]
    return cast(type[Record], msgspec.defstruct("Stored", fields, gc=False))


@lru_cache(maxsize=256)
def _decoder(added: tuple[str, ...]) -> msgspec.json.Decoder[Record]:
    return msgspec.json.Decoder(_type(added))


def _rows_alike(added: tuple[str, ...], records: list[Record], places: Sequence[int | float]) -> Rows:
    """Records with these added keys."""
    columns = zip(*map(msgspec.structs.astuple, records), strict=True)
    values = _without_nulls(zip((*BASE_KEYS, *added), columns, strict=True))
    if "extra" in values:
        values["extra"] = [_extra_text(extra) for extra in values["extra"]]
    shapes = _shapes(added, values, len(records))
    return Rows("records", places, {**values, "shape": shapes} if any(shapes) else values)


def _without_nulls(columns: Iterable[tuple[str, Sequence[Any]]]) -> dict[str, Sequence[Any]]:
    """The columns that hold something. To bind a null takes longer than to bind a text."""
    return {key: values for key, values in columns if values.count(None) < len(values)}


def _shapes(added: tuple[str, ...], values: dict[str, Sequence[Any]], rows: int) -> list[int]:
    shapes = [sum(_KEY_BIT[key] for key in added)] * rows
    for key in _NUMERIC_KEYS:
        numbers = values.get(key, ())
        if float in set(map(type, numbers)):
            bit = _WHOLE_FLOAT_BIT[key]
            is_whole = [type(number) is float and number.is_integer() for number in numbers]
            shapes = [shape | bit * whole for shape, whole in zip(shapes, is_whole, strict=True)]
    return shapes


def _extra_text(extra: Any) -> str | None:
    return None if extra is None else _encoder.encode(extra).decode()


class _Line(NamedTuple):
    """A line by itself."""

    #: Of the row, behind `id` and `at_epoch`; of a record that columns can give back, the added keys.
    columns: tuple[str, ...]
    #: The values of the columns, or that record.
    values: tuple[Any, ...] | Record
    alert: AlertEvent | None = None


_EVENT_COLUMNS = ("event", "line")
#: Of a record whose line is kept.
_KEPT_COLUMNS = ("line", *KEYS)


def _row(line: bytes) -> Row | None:
    try:
        return _decode_row(line) if line.strip() else None
    except _UNDECODABLE:
        return None


def _line(line: bytes, row: Row) -> _Line:
    if row.event is not None:
        return _Line(_EVENT_COLUMNS, (row.event, _text(line)), _alert(line, row.event))
    alike = _records_alike(line + b"\n")
    if alike is not None:
        return _Line(alike[0], alike[1][0])
    return _Line(_KEPT_COLUMNS, (_text(line), *_values_of_foreign(line)))


def _alert(line: bytes, event: str) -> AlertEvent | None:
    try:
        return _decode_alert(line) if event == "alert" else None
    except _UNDECODABLE:
        return None


def _rows_of_lines(ones: list[_Line], columns: tuple[str, ...], places: Sequence[int | float]) -> Rows:
    if columns not in (_EVENT_COLUMNS, _KEPT_COLUMNS):
        return _rows_alike(columns, [cast(Record, one.values) for one in ones], places)
    table = "events" if columns is _EVENT_COLUMNS else "records"
    values = zip(*(cast(tuple[Any, ...], one.values) for one in ones), strict=True)
    return Rows(table, places, _without_nulls(zip(columns, values, strict=True)))


def _text(line: bytes) -> str | bytes:
    """The line for a text column; one that is no UTF-8 stays what it is."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _values_of_foreign(line: bytes) -> Iterator[Any]:
    """What a line that is kept as it came has for the columns, for those who ask for it in SQL."""
    try:
        found = _decode_object(line)
    except _UNDECODABLE:
        found = {}
    for key in KEYS:
        value = found.get(key)
        if key == "extra":
            yield _extra_text(value)
        elif isinstance(value, _SCALARS) and not (isinstance(value, int) and abs(value) >= 1 << 63):
            yield value
        else:
            yield None


class LineMaker:
    """Makes the lines of rows of `records`, without LF."""

    def __init__(self, *, with_added_keys: bool) -> None:
        """`with_added_keys`: whether there may be rows with a `shape` other than 0."""
        self.with_added_keys = with_added_keys
        #: What it must know of a row.
        self.columns = ("shape", "line", *(KEYS if with_added_keys else BASE_KEYS))

    def lines(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """The line of each row; a row is the values of `columns`."""
        if not rows:
            return []
        shapes, lines, *columns = zip(*rows, strict=True)
        if any(shapes) or lines.count(None) < len(lines):
            return [_line_of(shape, line, values) for shape, line, *values in rows]
        records = [*map(_base_record, *columns[: len(BASE_KEYS)])]
        return _encoder.encode_lines(records).split(b"\n")[:-1]


def _line_of(shape: int, line: str | bytes | None, values: list[Any]) -> bytes:
    if line is not None:
        return line if isinstance(line, bytes) else line.encode()
    if shape == 0:
        return _encoder.encode(_base_record(*values[: len(BASE_KEYS)]))
    kind, indices, whole = _reading(shape)
    for index in whole:
        values[index] = float(values[index])
    if _EXTRA_INDEX in indices and values[_EXTRA_INDEX] is not None:
        values[_EXTRA_INDEX] = msgspec.Raw(values[_EXTRA_INDEX].encode())
    return _encoder.encode(kind(*[values[index] for index in indices]))


@lru_cache(maxsize=1024)
def _reading(shape: int) -> tuple[Callable[..., Record], tuple[int, ...], tuple[int, ...]]:
    """The type of a record's line, which of all values it takes, and which of them are floats, if whole."""
    added = tuple(key for key in ADDED_KEYS if shape & _KEY_BIT[key])
    indices = tuple(KEYS.index(key) for key in (*BASE_KEYS, *added))
    whole = tuple(KEYS.index(key) for key in _NUMERIC_KEYS if shape & _WHOLE_FLOAT_BIT[key])
    return _type(added), indices, whole


_base_record: Callable[..., Record] = _type(())
_EXTRA_INDEX = KEYS.index("extra")
