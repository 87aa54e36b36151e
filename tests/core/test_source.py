"""Several logs in turns through one input: each is read as if it came alone."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w3ctools.core import source
from w3ctools.core.formats import registry
from w3ctools.core.formats.format import MakeFormat, Settings
from w3ctools.core.formats.w3c import compile_fields
from w3ctools.core.parse import PATIENCE_LINES, RELOCK_LINES, LogParser, ParseCounts
from w3ctools.core.privacy import Privacy
from w3ctools.core.select import Selection
from w3ctools.core.source import MAX_PATH_BYTES, Source, Sources, source_line, split_sources
from w3ctools.core.timestamp import Zone
from w3ctools.core.where import compile_where
from w3ctools.core.wire import omit_nulls

STAMP = b"[10/Oct/2000:13:55:36 -0700]"
COMMON = b"1.2.3.4 - - " + STAMP + b' "GET /a/b HTTP/1.1" 200 5'
COMBINED = COMMON + b' "-" "u"'
VHOST = b"h:80 " + COMBINED
ESCAPED = COMMON + b' "-" "a \\"q\\""'
JSON = (
    b'{"time":"10/Oct/2000:13:55:36 -0700","remote_addr":"1.2.3.4","request":"GET /j HTTP/1.1","status":200}'
)
LTSV = b"time:1600000000\thost:192.0.2.9\treq:GET /a HTTP/1.1\tstatus:200"
GARBAGE = b"no line of any log"
BOM = b"\xef\xbb\xbf"
IIS = [
    b"#Software: Microsoft Internet Information Services 10.0",
    b"#Fields: date time cs-method cs-uri-stem c-ip sc-status time-taken",
    b"2026-11-24 10:53:30 GET /iis 1.2.3.4 200 15",
    b"2026-11-24 10:53:31 GET /iis/b 1.2.3.4 404 16",
]
OTHER_IIS = [
    b"#Fields: date time c-ip cs-method cs-uri-stem sc-status sc-bytes",
    b"2026-11-24 10:53:30 1.2.3.4 GET /other 200 99",
    b"2026-11-24 10:53:32 1.2.3.4 PUT /other/b 201 7",
]
LOGS = {
    b"/iis.log": IIS * 8,
    b"/other iis.log": OTHER_IIS * 9,
    b"/nginx.log": [COMBINED, ESCAPED, COMBINED, GARBAGE, b"", COMBINED] * 5,
    b"/100%.json": [JSON, GARBAGE, JSON] * 9,
    b"/joined\xff.log": [COMMON, *[VHOST] * 40],
    b"/ltsv": [BOM + LTSV, *[LTSV] * 20],
}


def _parser(
    make_format: MakeFormat | None = None, selection: Selection | None = None, **options: Any
) -> LogParser:
    return LogParser(Settings("", Zone()), make_format, selection, **options)


def _all(parser: LogParser, *chunks: bytes) -> list[dict[str, Any]]:
    output = b"".join(parser.feed(chunk).output for chunk in chunks) + parser.flush().output
    return [msgspec.json.decode(line) for line in output.splitlines()]


def _in_turns(logs: dict[bytes, list[bytes]], turn: int) -> bytes:
    """Some lines of each, until all are written."""
    pieces, longest = [], max(map(len, logs.values()))
    for begin in range(0, longest, turn):
        for path, lines in logs.items():
            if lines[begin : begin + turn]:
                pieces += [
                    source_line(path),
                    b"".join(line + b"\n" for line in lines[begin : begin + turn]),
                ]
    return b"".join(pieces)


def _without_lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what tells where the line stood."""
    return [{key: value for key, value in row.items() if key not in ("line", "file")} for row in rows]


INPUT = _in_turns(LOGS, 2)


@pytest.mark.parametrize("turn", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("path", LOGS)
def test_each_log_is_read_as_if_it_came_alone(path: bytes, turn: int) -> None:
    rows = _all(_parser(tell_file=True), _in_turns(LOGS, turn))
    alone = _all(_parser(), b"\n".join(LOGS[path]))
    assert len(alone) > 10
    shown = path.decode("utf-8", "backslashreplace")
    assert _without_lines([row for row in rows if row["file"] == shown]) == _without_lines(alone)


@pytest.mark.parametrize("tell_file", [False, True])
@pytest.mark.parametrize("size_bytes", [*range(1, 30), 100, 1000])
def test_chunks_of_any_size_give_the_same_output(size_bytes: int, tell_file: bool) -> None:
    chunks = [INPUT[at : at + size_bytes] for at in range(0, len(INPUT), size_bytes)]
    assert _all(_parser(tell_file=tell_file), *chunks) == _all(_parser(tell_file=tell_file), INPUT)


@pytest.mark.parametrize("where", [None, "status != 999"])
def test_counts_add_up_over_sources(where: str | None) -> None:
    selection = None if where is None else Selection(compile_where(where), None, None, None)
    parser, total = _parser(None, selection), ParseCounts()
    _all(parser, INPUT)
    for lines in LOGS.values():
        alone = _parser(None, selection)
        _all(alone, b"\n".join(lines))
        total.add(alone.counts)
    named = sum(line.startswith(b"#Source: ") for line in INPUT.splitlines())
    total.add(ParseCounts(lines=named, skipped=named))
    assert parser.counts == total
    assert parser.counts.lines == INPUT.count(b"\n")


def test_numbers_of_lines_are_those_of_the_input() -> None:
    rows = _all(_parser(), INPUT)
    lines = INPUT.split(b"\n")
    numbers = [row["line"] for row in rows if "event" in row]
    assert len(numbers) == 14
    assert {lines[number - 1] for number in numbers} == {GARBAGE}


def test_lines_in_a_row_are_counted_for_each_source() -> None:
    first, second = source_line(b"a"), source_line(b"b")
    data = first + COMBINED + b"\n" + (first + LTSV + b"\n" + second + COMBINED + b"\n") * RELOCK_LINES
    fed = [*map(_parser().feed, data.splitlines(keepends=True))]
    chosen = [(file, format.name) for parsed in fed for file, format in parsed.chosen.items()]
    assert chosen == [("a", "combined"), ("b", "combined"), ("a", "ltsv")]


def test_the_hour_that_comes_twice_is_counted_for_each_source() -> None:
    line = b'1.2.3.4 - - [31/Oct/2021 02:%d:00] "GET /a HTTP/1.1" 200 5\n'
    turns = [(b"a", 50), (b"b", 20), (b"a", 10), (b"b", 30)]
    data = b"".join(source_line(path) + line % minute for path, minute in turns)
    rows = _all(LogParser(Settings("", Zone(ZoneInfo("Europe/Paris")))), data)
    assert [row["time"][11:] for row in rows] == ["00:50:00Z", "00:20:00Z", "01:10:00Z", "00:30:00Z"]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(registry.W3C.make, id="a name"),
        pytest.param(lambda given: compile_fields(IIS[1].decode(), given), id="a #Fields line"),
    ],
)
def test_the_fields_of_a_named_format_are_kept_for_each_source(make: MakeFormat) -> None:
    rows = _all(_parser(make), _in_turns({b"/iis.log": IIS, b"/other": OTHER_IIS}, 1))
    assert sorted(row["path"] for row in rows) == ["/iis", "/iis/b", "/other", "/other/b"]


def test_a_source_line_counts_with_a_named_format_too() -> None:
    spec = registry.by_name("combined")
    assert spec is not None
    rows = _all(_parser(spec.make, tell_file=True), source_line(b"a") + COMBINED + b"\n" + LTSV)
    assert [(row.get("event"), row["file"]) for row in rows] == [(None, "a"), ("unparsed", "a")]


@pytest.mark.parametrize(
    ("path", "written", "shown"),
    [
        pytest.param(b"/a b.log", b"/a%20b.log", "/a b.log", id="a blank"),
        pytest.param(b"/100%.log", b"/100%25.log", "/100%.log", id="a percent sign"),
        pytest.param("/café.log".encode(), "/café.log".encode(), "/café.log", id="UTF-8"),
        pytest.param(b"/a\nb", b"/a%0Ab", r"/a\x0ab", id="LF"),
        pytest.param(b"/a\x1b[2J\x7f", b"/a%1B[2J%7F", r"/a\x1b[2J\x7f", id="controls"),
        pytest.param(b"/a\xff\xc3", b"/a\xff\xc3", r"/a\xff\xc3", id="no UTF-8"),
        pytest.param("/a\u202e".encode(), "/a\u202e".encode(), r"/a\xe2\x80\xae", id="bidi"),
        pytest.param(b'/"a"\\b', b'/"a"\\b', '/"a"\\b', id="quotes"),
    ],
)
def test_a_path_is_written_and_shown(path: bytes, written: bytes, shown: str) -> None:
    assert source_line(path) == b"#Source: " + written + b"\n"
    (row,) = _all(_parser(tell_file=True), source_line(path) + COMBINED)
    assert row["file"] == shown


@given(st.binary(min_size=1, max_size=50))
def test_any_path_is_read_as_it_was_written(path: bytes) -> None:
    assert list(split_sources(source_line(path))) == [(None, b""), (path, b"")]


@given(
    st.lists(
        st.one_of(st.sampled_from([b"#Source: a", COMMON, b"#", b"x #Source: b"]), st.binary()), max_size=9
    )
)
@settings(deadline=None)
def test_runs_are_all_lines_that_name_no_source(lines: list[bytes]) -> None:
    runs = list(split_sources(b"".join(line + b"\n" for line in lines)))
    others = [line + b"\n" for line in lines if line != b"#Source: a"]
    assert b"".join(run for _, run in runs) == b"".join(others)
    assert [path for path, _ in runs] == [None, *[b"a"] * (len(lines) - len(others))]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b" #Source: a", id="not at the line's start"),
        pytest.param(b"#source: a", id="lower case"),
        pytest.param(b"#Source:a", id="no blank"),
        pytest.param(b"#Source: ", id="no path"),
        pytest.param(b"#Source: a b", id="a blank"),
        pytest.param(b"#Source: a\x1b", id="a control"),
        pytest.param(b"#Source: a%", id="an escape without digits"),
        pytest.param(b"#Source: a%2", id="an escape of one digit"),
        pytest.param(b"#Source: a%2f", id="an escape in lower case"),
        pytest.param(b"#Source: " + b"a" * (MAX_PATH_BYTES + 1), id="too long"),
    ],
)
def test_a_line_that_is_not_well_formed_names_no_source(line: bytes) -> None:
    rows = _all(_parser(tell_file=True), source_line(b"before") + COMBINED + b"\n" + line + b"\n" + COMBINED)
    assert {row["file"] for row in rows} == {"before"}


def test_the_longest_path_names_a_source() -> None:
    path = b"\n" * MAX_PATH_BYTES
    assert list(split_sources(source_line(path)))[1:] == [(path, b"")]


@pytest.mark.parametrize("data", [source_line(b"a").replace(b"\n", b"\r\n"), BOM + source_line(b"a")])
def test_a_line_end_or_byte_order_mark_is_no_part_of_a_source_line(data: bytes) -> None:
    (row,) = _all(_parser(tell_file=True), data + BOM + COMBINED + b"\n")
    assert (row["file"], row["client"]) == ("a", "1.2.3.4")


def test_an_input_without_source_line_gives_the_file_it_was_told() -> None:
    rows = _all(_parser(tell_file=True, file="access.log"), COMBINED + b"\n" + GARBAGE)
    assert [list(row.items())[-1] for row in rows] == [("file", "access.log")] * 2


def test_an_input_without_source_line_and_name_gives_null() -> None:
    parser = _parser(tell_file=True)
    output = parser.feed(COMBINED + b"\n" + GARBAGE + b"\n").output
    assert output.count(b',"file":null}\n') == 2
    assert b"file" not in omit_nulls(output)


def test_the_file_is_the_last_key_and_nothing_else_changes() -> None:
    plain = _all(_parser(), INPUT)
    told = _all(_parser(tell_file=True), INPUT)
    assert {list(row)[-1] for row in told} == {"file"}
    assert [{key: row[key] for key in list(row)[:-1]} for row in told] == plain


def test_the_file_can_be_asked_for() -> None:
    selection = Selection(compile_where('file ~ "nginx"'), None, None, None)
    rows = _all(_parser(None, selection, tell_file=True), INPUT)
    assert {row["file"] for row in rows if "event" not in row} == {"/nginx.log"}


def test_the_file_can_be_dropped_from_records_and_events() -> None:
    selection = Selection(None, None, None, Privacy(drop=("file",)))
    rows = _all(_parser(None, selection, tell_file=True), source_line(b"a") + COMBINED + b"\n" + GARBAGE)
    assert [row["file"] for row in rows] == [None, None]


def test_addresses_in_the_file_are_masked_alike_in_records_and_events() -> None:
    selection = Selection(None, None, None, Privacy(anonymize_ip=1, redact_query=True))
    data = source_line(b"/site=a/198.51.100.77.log") + COMBINED + b"\n" + GARBAGE
    rows = _all(_parser(None, selection, tell_file=True), data)
    assert [row["file"] for row in rows] == ["/site=a/198.51.100.0.log"] * 2


def test_own_lines_keep_the_file_they_have() -> None:
    first = _parser(tell_file=True, file="old.log")
    data = first.feed(COMBINED + b"\n" + GARBAGE + b"\n").output
    plain = _parser().feed(COMBINED + b"\n" + GARBAGE + b"\n").output
    event = b'{"event":"gap","from":"2020-09-13T12:26:40Z","to":"2020-09-13T12:26:50Z"}\n'
    rows = _all(_parser(tell_file=True, file="new.log"), data + plain + event)
    assert [row.get("file") for row in rows] == ["old.log", "old.log", "new.log", "new.log", None]
    assert _all(_parser(), data) == rows[:2]


def test_own_records_keep_their_file_where_records_are_chosen() -> None:
    data = _parser(tell_file=True, file="old.log").feed(COMBINED + b"\n").output
    selection = Selection(compile_where('file == "old.log"'), None, None, None)
    for parser in (_parser(None, selection), _parser(None, selection, tell_file=True, file="new.log")):
        assert [row["file"] for row in _all(parser, data)] == ["old.log"]


def test_an_input_is_recognised_where_one_source_is() -> None:
    parser = _parser()
    parser.feed(source_line(b"a") + COMBINED + b"\n" + source_line(b"b") + b"bad\n" * PATIENCE_LINES)
    assert parser.unrecognised is None


def test_patience_is_that_of_the_whole_input() -> None:
    parser = _parser()
    for number in range(PATIENCE_LINES):
        assert parser.unrecognised is None
        parser.feed(source_line(b"%d" % number) + b"bad\n")
    assert parser.unrecognised is not None
    assert parser.unrecognised.number == 2


@pytest.mark.parametrize(("others", "is_forgotten"), [(2, False), (3, True)])
def test_a_forgotten_source_starts_again(
    monkeypatch: pytest.MonkeyPatch, others: int, is_forgotten: bool
) -> None:
    monkeypatch.setattr(source, "MOST_SOURCES", 2)
    between = b"".join(source_line(b"%d" % number) + COMBINED + b"\n" for number in range(others))
    header, line = b"\n".join(IIS[:2]), IIS[-1]
    *_, last = _all(_parser(), source_line(b"iis") + header + b"\n" + between + source_line(b"iis") + line)
    assert ("event" in last) is is_forgotten


def test_no_more_sources_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_SOURCES", 10)
    sources = Sources()
    for number in range(100):
        sources.keep(Source(b"%d" % number))
    assert [number for number in range(100) if sources.take(b"%d" % number)] == [*range(90, 100)]


def test_the_most_recently_used_sources_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_SOURCES", 2)
    sources, used = Sources(), Source(b"used")
    for path in (b"a", b"b", b"c"):
        sources.keep(used)
        sources.keep(Source(path))
        assert sources.take(b"used") is used


def test_long_directives_push_sources_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_DIRECTIVE_BYTES", 1000)
    sources = Sources()
    for number in range(5):
        sources.keep(Source(b"%d" % number, directive_bytes=400))
    assert [number for number in range(5) if sources.take(b"%d" % number)] == [3, 4]
    sources.keep(Source(b"huge", directive_bytes=1001))
    assert sources.take(b"huge") is None
