"""Blocks of a log into JSON lines: nothing is lost, whatever comes and however it is cut."""

from __future__ import annotations

import gc
import subprocess
import sys
from datetime import timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core.formats import registry
from w3ctools.core.formats.clf import parse_line
from w3ctools.core.formats.format import Settings
from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.core.parse import (
    PATIENCE_BYTES,
    PATIENCE_LINES,
    RELOCK_LINES,
    LogParser,
    ParseCounts,
    Unrecognised,
)
from w3ctools.core.timestamp import Zone
from w3ctools.core.wire import encode

STAMP = b"[10/Oct/2000:13:55:36 -0700]"
COMMON = b"1.2.3.4 - - " + STAMP + b' "GET /a/b HTTP/1.1" 200 5'
COMBINED = COMMON + b' "-" "u"'
MAIN = COMBINED + b' "1.1.1.1"'
VHOST = b"h:80 " + COMBINED
ESCAPED = COMMON + b' "-" "a \\"q\\""'
ZONELESS = b'1.2.3.4 - - [31/Oct/2021 02:30:00] "GET /a HTTP/1.1" 200 5'
BAD = b"1.2.3.4 - - " + STAMP + b' "GET /a HTTP/1.1" OK 5'
GARBAGE = b"\x00\xffno line of a log\x1b[2J"
BOM = b"\xef\xbb\xbf"


def _parser(site: str = "", zone: tzinfo = timezone.utc) -> LogParser:
    return LogParser(Settings(site, Zone(zone)))


INPUT = b"".join(
    [
        BOM + b"#Version: 1.0\n",
        b"\n \t\r\n",
        COMBINED + b"\n" + COMBINED + b"\r\n",
        GARBAGE + b"\n",
        ESCAPED + b"\n" + VHOST + b"\r\n" + MAIN + b"\n",
        b"\r\r\n" + BAD + b"\r\n",
        b"# 1.2.3.4\n" + ZONELESS + b"\n",
        b"\n".join([VHOST] * (RELOCK_LINES + 1)) + b"\n",
        COMMON + b" a\x0bb\x85c\xe2\x80\xa8d\x00\n",
        MAIN,
    ]
)
#: Of `INPUT`: lines, records, unparsed, skipped.
COUNTS = ParseCounts(32, 25, 2, 5)

logs = st.lists(
    st.one_of(
        st.sampled_from(
            [COMMON, COMBINED, MAIN, VHOST, ESCAPED, ZONELESS, BAD, GARBAGE, b"", b"#", b" ", b"\r", BOM]
        ),
        st.binary(max_size=10),
    ),
    max_size=30,
).map(b"\n".join)


def _all(parser: LogParser, *chunks: bytes) -> bytes:
    return b"".join(parser.feed(chunk).output for chunk in chunks) + parser.flush().output


def _rows(output: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in output.splitlines()]


def _one_event(data: bytes) -> dict[str, Any]:
    (event,) = _rows(_all(_parser(), data))
    return event


def _expected(line: bytes) -> bytes:
    return encode(parse_line(line).record).encode()


def test_a_mixed_input_is_counted_whole() -> None:
    parser = _parser()
    _all(parser, INPUT)
    assert parser.counts == COUNTS


@pytest.mark.parametrize("size_bytes", [*range(1, 40), 100, 1000, 2000])
def test_a_mixed_input_in_chunks_of_any_size_gives_the_same_output(size_bytes: int) -> None:
    chunks = [INPUT[at : at + size_bytes] for at in range(0, len(INPUT), size_bytes)]
    assert _all(_parser(), *chunks) == _all(_parser(), INPUT)


@given(logs, st.lists(st.integers(0, 300), max_size=20))
@settings(deadline=None)
def test_any_input_in_any_chunks_gives_the_same_output(data: bytes, sizes: list[int]) -> None:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    assert _all(_parser(), *chunks, data[at:]) == _all(_parser(), data)


@given(logs)
@settings(deadline=None)
def test_lines_in_are_records_and_unparsed_and_skipped(data: bytes) -> None:
    parser = _parser()
    _all(parser, data)
    counts = parser.counts
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    assert (counts.lines, counts.records + counts.unparsed + counts.skipped) == (lines, lines)


@given(logs)
@settings(deadline=None)
def test_records_and_events_of_the_output_are_as_many_as_counted(data: bytes) -> None:
    parser = _parser()
    rows = _rows(_all(parser, data))
    events = sum("event" in row for row in rows)
    assert (len(rows) - events, events) == (parser.counts.records, parser.counts.unparsed)


@given(logs)
@settings(deadline=None)
def test_every_line_of_the_output_ends_with_lf_and_is_ascii_safe(data: bytes) -> None:
    output = _all(_parser(), data)
    assert [char for char in output.decode() if char < " " and char != "\n"] == []


def test_lines_are_written_in_the_order_of_the_input() -> None:
    lines = [COMBINED, ESCAPED, VHOST, COMMON]
    assert _all(_parser(), b"\n".join(lines)) == b"".join(map(_expected, lines))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(COMBINED + b"\n", id="LF"),
        pytest.param(COMBINED + b"\r\n", id="CRLF"),
        pytest.param(COMBINED, id="no line end"),
        pytest.param(COMBINED + b"\r", id="CR alone at the end"),
        pytest.param(BOM + COMBINED + b"\n", id="byte order mark"),
        pytest.param(BOM + COMBINED, id="byte order mark, no line end"),
    ],
)
def test_a_line_end_or_byte_order_mark_is_no_part_of_the_line(data: bytes) -> None:
    assert _all(_parser(), data) == _expected(COMBINED)


def test_a_byte_order_mark_behind_the_first_line_is_data() -> None:
    output = _all(_parser(), COMBINED + b"\n" + BOM + COMBINED)
    assert _rows(output)[1]["client"] == "\ufeff1.2.3.4"


def test_the_first_of_two_carriage_returns_is_data() -> None:
    assert _rows(_all(_parser(), COMMON + b" x\r\r\n"))[0]["extra"] == {"tail": r"x\x0d"}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \t ", id="blanks"),
        pytest.param(b"\r", id="CR"),
        pytest.param(b"#Fields: date time", id="directive"),
        pytest.param(b"#" + COMBINED, id="a record as a comment"),
    ],
)
def test_a_blank_line_or_directive_is_skipped(line: bytes) -> None:
    parser = _parser()
    output = _all(parser, line + b"\n")
    assert (output, parser.counts) == (b"", ParseCounts(lines=1, skipped=1))


def test_an_unparsed_line_gives_an_event_with_its_keys_in_order() -> None:
    assert list(_one_event(BAD + b"\n").items()) == [
        ("event", "unparsed"),
        ("line", 1),
        ("reason", "status: expected 3 digits or -"),
        ("column", 60),
        ("raw", BAD.decode()),
        ("time", "2000-10-10T20:55:36Z"),
        ("epoch", 971_211_336),
    ]


def test_an_unparsed_line_without_stamp_has_no_time() -> None:
    event = _one_event(b"hello\n")
    assert (event["time"], event["epoch"]) == (None, None)


def test_the_raw_of_an_unparsed_line_is_visible_and_not_unescaped() -> None:
    assert _one_event(b'\\x41\\"' + GARBAGE + b"\r\n")["raw"] == r"\x41\"\x00\xffno line of a log\x1b[2J"


def test_every_line_counts_for_the_number_of_an_unparsed_one() -> None:
    data = b"\n".join([b"#", b"", COMBINED, b"x" * (MAX_LINE_BYTES + 1), b"bad", COMBINED, b"worse"])
    assert [row["line"] for row in _rows(_all(_parser(), data)) if "event" in row] == [4, 5, 7]


def test_unparsed_lines_are_reported_with_the_feed_they_came_in() -> None:
    parser = _parser()
    numbers = [
        [reject.event.line for reject in parser.feed(data).rejects]
        for data in (b"bad\n", COMBINED + b"\nworse\n", b"x")
    ]
    assert (numbers, [reject.event.line for reject in parser.flush().rejects]) == ([[1], [3], []], [4])


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([COMMON + b" " + b"x" * MAX_LINE_BYTES + b"\n"], id="in one chunk"),
        pytest.param([COMMON + b" ", b"x" * MAX_LINE_BYTES, b"\n"], id="in three chunks"),
        pytest.param([COMMON + b" " + b"x" * MAX_LINE_BYTES], id="no line end"),
    ],
)
def test_an_overlong_line_gives_one_event_with_its_head_and_stamp(chunks: list[bytes]) -> None:
    (event,) = _rows(_all(_parser(), *chunks))
    assert event == {
        "event": "unparsed",
        "line": 1,
        "reason": f"line: {len(COMMON) + 1 + MAX_LINE_BYTES} bytes, more than 1048576",
        "column": MAX_LINE_BYTES + 1,
        "raw": (COMMON.decode() + " ").ljust(8192, "x"),
        "time": "2000-10-10T20:55:36Z",
        "epoch": 971_211_336,
    }


def test_a_line_at_the_limit_is_a_record() -> None:
    line = (COMMON + b" ").ljust(MAX_LINE_BYTES, b"x")
    assert _all(_parser(), line + b"\n") == _expected(line)


def test_nul_bytes_in_a_record_are_visible() -> None:
    assert _rows(_all(_parser(), COMMON + b' "-" "a\x00b"'))[0]["user_agent"] == r"a\x00b"


def test_an_unfinished_line_waits_for_its_end() -> None:
    parser = _parser()
    outputs = [parser.feed(COMBINED[:50]).output, parser.feed(COMBINED[50:] + b"\n").output]
    assert outputs == [b"", _expected(COMBINED)]


def test_an_empty_input_gives_nothing() -> None:
    parser = _parser()
    assert (_all(parser), parser.counts, parser.never_recognised) == (b"", ParseCounts(), None)


def test_a_site_goes_before_the_sections_of_both_paths() -> None:
    rows = _rows(_all(_parser(site="http://my.site.com"), COMBINED + b"\n" + ESCAPED))
    assert [row["section"] for row in rows] == ["http://my.site.com/a"] * 2


def test_stamps_without_zone_are_of_the_zone_given() -> None:
    data = b"\n".join([ZONELESS, ZONELESS.replace(b"02:30", b"02:00"), ZONELESS.replace(b"02:30", b"03:00")])
    rows = _rows(_all(_parser(zone=ZoneInfo("Europe/Paris")), data))
    assert [row["time"][11:] for row in rows] == ["00:30:00Z", "01:00:00Z", "02:00:00Z"]


def test_stamps_without_zone_are_of_utc_where_none_is_given() -> None:
    assert _rows(_all(_parser(), ZONELESS))[0]["time"] == "2021-10-31T02:30:00Z"


@pytest.mark.parametrize(
    ("data", "zoneless"),
    [
        pytest.param(COMBINED, 0, id="a zone"),
        pytest.param(ZONELESS, 1, id="a record"),
        pytest.param(ZONELESS + b"\n" + ZONELESS, 2, id="two records"),
        pytest.param(ZONELESS.replace(b" 200 ", b" OK "), 1, id="an unparsed line"),
    ],
)
def test_each_stamp_without_zone_is_counted_once(data: bytes, zoneless: int) -> None:
    zone = Zone()
    _all(LogParser(Settings("", zone)), data)
    assert zone.used == zoneless


def test_fraction_digits_are_kept() -> None:
    row = _rows(_all(_parser(), COMMON.replace(b":36 ", b":36.120 ")))[0]
    assert (row["time"], row["epoch"]) == ("2000-10-10T20:55:36.120Z", 971_211_336.12)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        pytest.param(COMMON, "common", id="common"),
        pytest.param(COMBINED, "combined", id="combined"),
        pytest.param(MAIN, "main", id="main"),
        pytest.param(VHOST, "vhost_combined", id="vhost_combined"),
        pytest.param(b"#" + VHOST + b"\n\nbad\n" + COMBINED, "combined", id="the first that is a record"),
    ],
)
def test_the_layout_of_the_first_record_is_chosen(line: bytes, name: str) -> None:
    (chosen,) = _parser().feed(line + b"\n").chosen.values()
    assert chosen.name == name


def _chosen(parser: LogParser, lines: list[bytes]) -> list[str | None]:
    found = [parser.feed(line + b"\n").chosen for line in lines]
    return [chosen[None].name if chosen else None for chosen in found]


def test_a_layout_is_chosen_once() -> None:
    assert _chosen(_parser(), [COMBINED, COMBINED, COMMON, ESCAPED])[1:] == [None, None, None]


def test_another_layout_is_chosen_after_sixteen_lines_in_a_row() -> None:
    parser = _parser()
    chosen = _chosen(parser, [COMBINED, *[VHOST] * 17])
    assert chosen == ["combined", *[None] * 15, "vhost_combined", None]


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(COMBINED, id="the expected layout"),
        pytest.param(MAIN, id="a third layout"),
        pytest.param(BAD, id="an unparsed line"),
    ],
)
def test_another_line_between_keeps_the_layout(between: bytes) -> None:
    parser = _parser()
    assert _chosen(parser, [COMBINED, *[VHOST] * 15, between, *[VHOST] * 15])[1:] == [None] * 31


def test_every_line_before_and_behind_a_change_of_layout_is_a_record() -> None:
    lines = [COMBINED, *[VHOST] * 20, *[COMMON] * 20, *[MAIN] * 20]
    assert _all(_parser(), b"\n".join(lines)) == b"".join(map(_expected, lines))


def test_an_input_is_unrecognised_after_so_many_lines() -> None:
    parser = _parser()
    parser.feed(b"bad\n" * (PATIENCE_LINES - 1))
    before = parser.unrecognised
    parser.feed(b"bad\n")
    failure = Unrecognised(1, 4, "time: expected [dd/Mon/yyyy:hh:mm:ss zone]", "bad", 3)
    assert (before, parser.unrecognised) == (None, failure)


def test_an_input_is_unrecognised_after_so_many_bytes() -> None:
    parser = _parser()
    line = b"x" * 4095 + b"\n"
    parser.feed(line * (PATIENCE_BYTES // 4096 - 1))
    before = parser.unrecognised
    parser.feed(line)
    assert (before, parser.unrecognised is not None) == (None, True)


def test_lines_that_are_skipped_do_not_make_an_input_unrecognised() -> None:
    parser = _parser()
    parser.feed(b"bad\n" + b"#\n\n" * PATIENCE_LINES)
    assert parser.unrecognised is None


def test_an_input_with_one_record_is_never_unrecognised() -> None:
    parser = _parser()
    parser.feed(COMBINED + b"\n" + b"bad\n" * PATIENCE_LINES)
    assert parser.unrecognised is None


def test_unparsed_lines_go_out_before_the_input_is_unrecognised() -> None:
    assert len(_rows(_parser().feed(b"bad\n").output)) == 1


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(b"#\nbad\nworse\n", 3, id="no record"),
        pytest.param(b"bad", 1, id="an unfinished line"),
        pytest.param(b"#" + COMBINED + b"\nbad\n", 2, id="a record as a comment"),
        pytest.param(b"bad\n" + COMBINED, None, id="a record at the end"),
        pytest.param(b"#\n\n", None, id="skipped lines alone"),
    ],
)
def test_at_the_end_the_line_that_came_closest_is_known_where_no_line_was_a_record(
    data: bytes, line: int | None
) -> None:
    parser = _parser()
    _all(parser, data)
    failure = parser.never_recognised
    assert (failure.number if failure else None) == line


def test_counts_of_two_inputs_add_up() -> None:
    counts = ParseCounts(1, 2, 3, 4, 5)
    counts.add(ParseCounts(10, 20, 30, 40, 50))
    assert counts == ParseCounts(11, 22, 33, 44, 55)


HOSTILE_BYTES = 1 << 18
#: Reads a line from a client who means harm, behind an ordinary one of each layout: it decides the fast path.
PARSE_STDIN = f"""
import sys
from w3ctools.core.formats.format import Settings
from w3ctools.core.parse import LogParser
from w3ctools.core.timestamp import Zone
line = sys.stdin.buffer.read()
for first in ({COMBINED!r}, {VHOST!r}, {MAIN!r}):
    parser = LogParser(Settings("", Zone()))
    parser.feed(first + b"\\n" + line + b"\\n")
    assert parser.counts.lines == 2
"""


@pytest.mark.parametrize(
    ("before", "repeated", "behind"),
    [
        pytest.param(b"", b",", b" " + STAMP + b' "GET / HTTP/1.1" 200 5', id="commas alone for a client"),
        pytest.param(b"", b",", b" - - " + STAMP + b' "GET / HTTP/1.1" 200 5', id="commas for a client"),
        pytest.param(b"", b", ", STAMP + b' "GET / HTTP/1.1" 200 5', id="commas and blanks for a client"),
        pytest.param(
            b"", b"a,", b" " + STAMP + b' "GET / HTTP/1.1" 200 5', id="a list without blanks for a client"
        ),
        pytest.param(b"", b"a:", b" - - " + STAMP + b' "GET / HTTP/1.1" 200 5', id="colons for a client"),
        pytest.param(b"", b"1.", b":80 - - " + STAMP + b' "GET / HTTP/1.1" 200 5', id="points for a client"),
        pytest.param(b"1.1.1.1 - ", b" ", STAMP, id="blanks for a user"),
        pytest.param(b"1.1.1.1 - ", b"a ", STAMP, id="words for a user"),
        pytest.param(b"1.1.1.1 - - ", b" [10/Oct/2000:", b"", id="beginnings of stamps"),
        pytest.param(b"1.1.1.1 - - ", b"[", b"", id="brackets"),
        pytest.param(b"1.1.1.1 - - [10/Oct/2000:", b"1", b"]", id="digits in a stamp"),
        pytest.param(COMMON[:46], b"/", b' HTTP/1.1" 200 5', id="slashes in a path"),
        pytest.param(COMMON[:46], b"/", b" HTTP/1.1 200 5", id="slashes in a path without closing quote"),
        pytest.param(COMMON[:46], b"/a#", b' HTTP/1.1" x', id="slashes and signs in a path, no status"),
        pytest.param(COMMON[:46], b"?", b' HTTP/1.1" x', id="question marks in a path, no status"),
        pytest.param(COMMON[:46], b" HTTP/1.1", b' x" 200 5', id="protocols in a path"),
        pytest.param(COMMON[:46], b'"', b" x", id="quotes in a request"),
        pytest.param(COMMON[:46], b'" ', b"x", id="quotes and blanks in a request"),
        pytest.param(COMMON[:46], b'" 200 5', b"x", id="ends of requests"),
        pytest.param(COMMON[:46], b'" 200 ', b"x", id="half ends of requests"),
        pytest.param(COMMON[:46], b"\\", b'" 200 5', id="backslashes in a request"),
        pytest.param(COMMON[:46], b'\\"', b"", id="escaped quotes in a request without end"),
        pytest.param(COMMON[:46], b"\\\\", b"", id="escaped backslashes in a request without end"),
        pytest.param(COMMON[:46], b"a", b"", id="a request without closing quote"),
        pytest.param(COMMON + b' "', b"a", b"", id="a referer without closing quote"),
        pytest.param(COMMON + b' "a"b', b'" "', b"x", id="pairs of quotes for an agent, a letter behind"),
        pytest.param(COMMON + b' "a"b', b'" "', b"", id="pairs of quotes for an agent"),
        pytest.param(COMMON + b' "a"b', b'" ', b"x", id="quotes and blanks for an agent"),
        pytest.param(COMMON + b' "-" "', b'"', b" x", id="quotes for an agent"),
        pytest.param(COMMON + b' "-" "', b'\\"', b"", id="escaped quotes for an agent without end"),
        pytest.param(COMMON + b' "-" "', b"\\", b"x", id="backslashes for an agent without end"),
        pytest.param(COMMON + b' "-" "', b"\\xc3", b'"', id="escaped halves of characters"),
        pytest.param(COMMON + b' "-" "', b"\xff", b'"', id="bytes that are no UTF-8"),
        pytest.param(COMMON[:-1], b"1", b"x", id="digits for a size"),
        pytest.param(COMMON, b" ", b"x", id="blanks behind a size"),
        pytest.param(COMMON, b' "a"', b"", id="quoted values behind a size"),
        pytest.param(b"", b" ", b"", id="blanks alone"),
        pytest.param(b"", b'"', b"", id="quotes alone"),
        pytest.param(b"", b"\r", b"", id="carriage returns alone"),
        pytest.param(b"", b"\x00", b"", id="NUL bytes alone"),
    ],
)
def test_a_hostile_line_of_256_kib_is_parsed_in_bounded_time(
    before: bytes, repeated: bytes, behind: bytes
) -> None:
    line = before + repeated * (HOSTILE_BYTES // len(repeated)) + behind
    subprocess.run([sys.executable, "-c", PARSE_STDIN], input=line, timeout=60, check=True)


@pytest.mark.parametrize("name", [None, *(spec.name for spec in registry.ALL)])
def test_lines_that_cannot_be_parsed_leave_no_garbage(name: str | None) -> None:
    """An error that knows its own frame would hold its whole block until the garbage collector comes."""
    spec = registry.by_name(name) if name is not None else None
    parser = LogParser(Settings("", Zone(timezone.utc)), spec.make if spec is not None else None)
    examples = (
        [COMBINED] if name is None else [line for each in registry.ALL for line in each.example.split(b"\n")]
    )
    odd = [line[: len(line) // 2] for line in examples]
    behind_prefix = [b"<134>Oct 10 13:55:36 web nginx: " + line[::-1] for line in examples]
    lines = b"\n".join([*examples, *odd, *behind_prefix, BAD, GARBAGE, b'{"a":', b""])
    parser.feed(lines)  # what is made at first use is no garbage
    gc.collect()
    gc.disable()
    try:
        parser.feed(lines)
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert parser.counts.unparsed >= 2 * (len(odd) + len(behind_prefix))
