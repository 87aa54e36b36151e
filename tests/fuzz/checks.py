"""What must be true of every input, whatever its bytes."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import timezone, tzinfo
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import registry
from w3ctools.core.formats.format import Format, Settings
from w3ctools.core.formats.w3c import W3CExtended
from w3ctools.core.parse import LogParser, ParseCounts
from w3ctools.core.privacy import Privacy, parse_address
from w3ctools.core.select import Selection
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

AUTO = "auto"
LF = b"\n"
#: Processor time for all checks of one input: some are of 100 KB, most take a millisecond.
MOST_S = 5.0
SITES: tuple[tuple[str, tzinfo], ...] = (
    ("", timezone.utc),
    ("http://100%.example", timezone.utc),
    ("", ZoneInfo("Europe/Paris")),
)
_EVERYTHING = Selection(None, None, None, None)
_MASKED = Selection(None, None, None, Privacy(anonymize_ip=1))
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: Surely an address by itself: other digits and letters are not next to it.
_ADDRESS = re.compile(r"(?:\A|(?<=[ \"=/(,;]))[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?=[ \"/)&,;]|\Z)")


class Fault(Exception):
    """A promise that was not kept."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class _Run(NamedTuple):
    output: bytes
    counts: ParseCounts


def check(data: bytes, name: str, site: int, chunks: Sequence[bytes]) -> None:
    """Raises Fault unless all is right with `data`, read as `name` and with `SITES[site]`."""
    started_s = time.process_time()
    whole = _read(name, site, [data])
    _check_counts(data, whole)
    rows = _check_lines(whole.output)
    if name != AUTO or _begins_with_a_record(data, site):
        _check_same("chunks", whole.output, _read(name, site, chunks).output)
    readable = _read(name, site, [data], _EVERYTHING)
    if readable.counts != whole.counts:
        raise Fault("fast path", f"{whole.counts} is not {readable.counts}")
    if b'"epoch"' not in data:  # else a line may be a record, and pass through as it is
        _check_same("fast path", whole.output, readable.output)
    if name != AUTO:
        _check_block_parser(data, name, site)
        rows = _check_lines(readable.output)
        masked = _read(name, site, [data], _MASKED)
        _check_privacy(rows, _check_lines(masked.output))
    took_s = time.process_time() - started_s
    if took_s > MOST_S:
        raise Fault("time", f"{took_s:.1f} s for {len(data)} bytes")


def find_fault(data: bytes, name: str, site: int, chunks: Sequence[bytes]) -> Fault | None:
    """The first promise that `data` breaks."""
    try:
        check(data, name, site, chunks)
    except Fault as fault:
        return fault
    return None


def _settings(site: int) -> Settings:
    text, zone = SITES[site]
    return Settings(text, Zone(zone))


def _make(name: str, site: int) -> Format:
    spec = registry.by_name(name)
    assert spec is not None
    return spec.make(_settings(site))


def _guarded(what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.name}"
        raise Fault(f"exception in {where}", f"{what}: {type(error).__name__}: {error}") from error


def _read(name: str, site: int, chunks: Sequence[bytes], selection: Selection | None = None) -> _Run:
    spec = registry.by_name(name)
    parser = LogParser(_settings(site), None if spec is None else spec.make, selection)
    parsed = [_guarded("feed", partial(parser.feed, chunk)) for chunk in chunks]
    parsed.append(_guarded("flush", parser.flush))
    return _Run(b"".join(piece.output for piece in parsed), parser.counts)


def _begins_with_a_record(data: bytes, site: int) -> bool:
    """Whether the first line that is neither blank nor a directive is in a known format."""
    end = 0
    while end < len(data):
        end = data.find(b"\n", end) + 1 or len(data)
        counts = _read(AUTO, site, [data[:end]]).counts
        if counts.records or counts.unparsed:
            return counts.records > 0
    return False


def _check_counts(data: bytes, run: _Run) -> None:
    counts = run.counts
    lines = data.count(b"\n") + (data != b"" and not data.endswith(b"\n"))
    read = counts.records + counts.unparsed + counts.skipped + counts.filtered
    if not lines == counts.lines == read:
        raise Fault("lines in", f"{lines} lines, {counts}")
    if run.output.count(b"\n") != counts.records + counts.unparsed:
        raise Fault("lines out", f"{run.output.count(LF)} lines, {counts}")


def _check_lines(output: bytes) -> list[dict[str, Any]]:
    rows = []
    for line in output.split(LF)[:-1]:
        row = _guarded("output", partial(msgspec.json.decode, line))
        if not isinstance(row, dict):
            raise Fault("json", f"no object: {line!r}")
        if row != _guarded("output", partial(json.loads, line)):
            raise Fault("json", f"msgspec and json differ: {line!r}")
        for text in _texts(row):
            if _UNSAFE.search(text):
                raise Fault("text", f"{text!r} in {line!r}")
        rows.append(row)
    return rows


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check_same(what: str, expected: bytes, found: bytes) -> None:
    if expected == found:
        return
    pairs = zip(expected.split(LF), found.split(LF), strict=False)
    differing = next(((one, other) for one, other in pairs if one != other), (expected, found))
    raise Fault(what, f"{differing[0]!r} is not {differing[1]!r}")


def _check_block_parser(data: bytes, name: str, site: int) -> None:
    """Every line that the fast path takes is rendered as by the readable path, and no other exception."""
    fast, readable = _make(name, site), _make(name, site)
    segment: list[bytes] = []
    for line in [*data.split(LF), b"#"]:
        if not line.startswith(b"#"):
            segment.append(line)
            continue
        _check_segment(segment, fast, readable)
        segment = []
        for fmt in (fast, readable):
            if isinstance(fmt, W3CExtended):
                _guarded("directive", partial(fmt.directive, line))


def _check_segment(lines: list[bytes], fast: Format, readable: Format) -> None:
    expected = [_parsed(readable, line) for line in lines]
    parser = _guarded("block_parser", fast.block_parser)
    if parser is None or not lines:
        return
    block = b"".join(line + LF for line in lines)
    rendered, rows = _guarded("block", lambda: parser.parse(block))
    if len(rendered) != len(lines):
        raise Fault("block", f"{len(rendered)} entries for {len(lines)} lines")
    for line, piece, row, text in zip(lines, rendered, rows, expected, strict=True):
        if piece is None and row[-1].encode("latin-1") != line:
            raise Fault("block", f"gives {row[-1]!r} back for {line!r}")
        if piece is not None and piece != text:
            raise Fault("block", f"{fast.name}: {piece!r} is not {text!r} for {line!r}")


def _parsed(fmt: Format, line: bytes) -> str | None:
    def parse() -> str | None:
        try:
            return encode(fmt.parse(line))
        except ParseError:
            return None

    text: str | None = _guarded(f"{fmt.name}.parse", parse)
    return text


def _check_privacy(rows: list[dict[str, Any]], masked: list[dict[str, Any]]) -> None:
    if len(rows) != len(masked):
        raise Fault("privacy", f"{len(rows)} lines are {len(masked)}")
    for row, after in zip(rows, masked, strict=True):
        texts = list(_texts({key: value for key, value in after.items() if key not in ("time", "reason")}))
        if "event" in row:
            left = [found for text in texts for found in _ADDRESS.findall(text) if _is_unmasked(found)]
            if left:
                raise Fault("privacy", f"{left} in {after}")
            continue
        client = row.get("client")
        is_address = client is not None and _ADDRESS.fullmatch(client) and _is_unmasked(client)
        if is_address and client in {found for text in texts for found in _ADDRESS.findall(text)}:
            raise Fault("privacy", f"{client} in {after}")


def _is_unmasked(text: str) -> bool:
    address = parse_address(text)
    return address is not None and (address.bits != 32 or address.value & 255 != 0)
