"""One line of a format, read and compared: what the tests of the formats have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.record import FORMAT_KEYS, Record
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode


def parse(spec: FormatSpec, line: bytes, site: str = "", zone: Zone | None = None) -> dict[str, Any]:
    """The record of a line, as it goes out."""
    record = spec.make(Settings(site, zone or Zone())).parse(line)
    decoded: dict[str, Any] = msgspec.json.decode(encode(record))
    return decoded


def whole_record(**values: Any) -> list[tuple[str, Any]]:
    """All items of a record in their order: these values, null for the other keys that all formats have."""
    present = (*Record.__struct_fields__, *(key for key in FORMAT_KEYS if key in values))
    return [(key, values.get(key)) for key in present]


def changed(spec: FormatSpec, old: bytes, new: bytes) -> bytes:
    """The format's example with one thing in it changed, which must be there."""
    assert old in spec.example
    return spec.example.replace(old, new, 1)


def column_of_failure(read: Callable[[bytes], object], line: bytes) -> int | None:
    """Where a line is refused; None if it is read."""
    try:
        read(line)
    except ParseError as error:
        return error.column
    return None
