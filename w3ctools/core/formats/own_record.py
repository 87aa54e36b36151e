"""JSON lines that w3c-parse wrote: our own records and events."""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import msgspec

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import values
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.formats.json_decode import decoded
from w3ctools.core.record import FILE_KEY, FORMAT_KEYS, Record, record_type
from w3ctools.core.wire import END_OF_LINE

# The sixteen keys, none with a default: all of them must be there.
_decode_record = msgspec.json.Decoder(
    msgspec.defstruct("_OwnRecord", list(get_type_hints(Record).items()))
).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_ARMED = re.compile(r"\\[ubfnrt]")
_BLANKS = re.compile(r"[\t\r\n]")


class Records:
    """What w3c-parse wrote already: records, and events known or not.

    `pass_through` gives a line back as it is, with keys of other versions, which `parse` leaves out.
    """

    name = "record"

    def __init__(self, _: Settings) -> None:
        pass

    def parse(self, line: bytes) -> Record:
        """Parse a record. Raises ParseError, for an event too: it has no record."""
        entry = self._check(line)
        if "event" in entry:
            raise ParseError("json: an event, not a record", 1)
        try:
            keys = tuple(key for key in (*FORMAT_KEYS, *FILE_KEY) if key in entry)
            return msgspec.convert(_safe(entry), record_type(keys))
        except msgspec.ValidationError as error:
            raise ParseError(f"json: {error}", 1) from None

    def pass_through(self, line: bytes, ending: str = END_OF_LINE) -> str:
        """The line with its LF; changed only where it could act on a terminal. Raises ParseError.

        `ending` may hold the key `file`: records and unparsed events that have none get it.
        """
        entry = self._check(line)
        text = _safe_line(line.decode(), entry)
        if ending == END_OF_LINE or "file" in entry or entry.get("event", "unparsed") != "unparsed":
            return text + "\n"
        return text.rstrip()[:-1] + ending

    def block_parser(self) -> None:
        """There is none."""

    def _check(self, line: bytes) -> dict[str, Any]:
        if not line.startswith(b'{"event":"'):
            decoded(_decode_record, line, repair=False)
        return decoded(_decode_any, line, repair=False)


def _safe_line(text: str, entry: dict[str, Any]) -> str:
    if not (text.isprintable() and _ARMED.search(text) is None):
        safe = _safe(entry)
        if safe != entry or _BLANKS.search(text):
            return _encode(safe).decode()
    return text


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return values.safe(value)
    if isinstance(value, dict):
        return {values.safe(key): _safe(item) for key, item in value.items()}
    return [_safe(item) for item in value] if isinstance(value, list) else value


SPECS: tuple[FormatSpec, ...] = (
    FormatSpec(
        "record",
        "what w3c-parse writes, passed on as it is",
        b'{"time":"2000-10-10T20:55:36Z","epoch":971211336,"client":"127.0.0.1","ident":null,"user":"frank",'
        b'"vhost":null,"method":"GET","path":"/apache_pb.gif","query":null,"protocol":"HTTP/1.0","status":200,'
        b'"bytes":2326,"referer":null,"user_agent":null,"section":"/apache_pb.gif","request":null}',
        Records,
    ),
)
