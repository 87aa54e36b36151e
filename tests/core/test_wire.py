"""JSON lines on the wire: every line read once and whole, however messages and reads cut them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_kit import parse_message

from w3ctools.core.record import Record, record_type
from w3ctools.core.wire import (
    MAX_JSON_LINE_BYTES,
    MESSAGE_KEY_BYTES,
    SOURCE_START,
    AlertEvent,
    GapEvent,
    HostEvent,
    KeyCount,
    LineReader,
    Read,
    Row,
    SectionCount,
    SummaryEvent,
    Unparsed,
    encode,
    omit_nulls,
)

SIXTEEN = (
    "time epoch client ident user vhost method path query protocol status bytes referer user_agent section "
    "request"
)
AT = "2023-11-14T22:13:20Z"
RAISED = f"High traffic generated an alert - hits = 1220, triggered at {AT}"
RECOVERED = f"High traffic alert recovered - hits = 1180, recovered at {AT}"
RESET = f"High traffic alert reset - the log's clock went back, at {AT}"
MESSAGES = [
    RAISED,
    RECOVERED,
    RESET,
    f"Low traffic generated an alert - hits = 0, triggered at {AT}",
    f"High errors on /api generated an alert - hits = 7, triggered at {AT}",
    f"High error ratio on 2001:db8::7 alert recovered - hits = 12, recovered at {AT}",
    f"Low shop-errors on %20 alert reset - the log's clock went back, at {AT}",
    f"High p95 on caf\xe9 generated an alert - hits = 3, triggered at {AT}",
    f"High bytes on High generated an alert - hits = 3, triggered at {AT}",
]

PATIENCE_LINES = 100


class WholeRow(Row, gc=False):
    """Every key of a record, read back."""

    time: str | None = None
    client: str | None = None
    ident: str | None = None
    user: str | None = None
    vhost: str | None = None
    method: str | None = None
    path: str | None = None
    query: str | None = None
    protocol: str | None = None
    status: int | None = None
    bytes: int | None = None
    referer: str | None = None
    user_agent: str | None = None
    section: str | None = None
    request: str | None = None


texts = st.none() | st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ['":null', ',"path":null', '\\",\\"path\\":null', '{"event":"alert"', '"event"', "\n", RAISED]
    ),
)
numbers = st.none() | st.integers(-(2**53), 2**53)
records = st.builds(
    Record,
    time=texts,
    epoch=numbers | st.floats(-1e9, 1e12, allow_nan=False),
    client=texts,
    ident=texts,
    user=texts,
    vhost=texts,
    method=texts,
    path=texts,
    query=texts,
    protocol=texts,
    status=numbers,
    bytes=numbers,
    referer=texts,
    user_agent=texts,
    section=texts,
    request=texts,
)


def line_of(value: msgspec.Struct) -> bytes:
    return encode(value).encode()


def alert_line(text: str = RAISED) -> bytes:
    return line_of(AlertEvent(state="raised", time=AT, epoch=1_700_000_000, hits=1220, message=text))


def read_all(reader: LineReader[Row], *blocks: bytes) -> tuple[list[Row], list[AlertEvent]]:
    """Rows and alerts of all blocks, the end of the input too."""
    rows: list[Row] = []
    alerts: list[AlertEvent] = []
    for read in [*(reader.feed(block) for block in blocks), reader.flush()]:
        rows += read.rows
        alerts += [alert for _, alert in read.alerts]
    return rows, alerts


def keys_of(value: msgspec.Struct) -> list[str]:
    return list(json.loads(encode(value)))


# What is written.


def test_record_has_the_sixteen_keys_in_order() -> None:
    assert " ".join(keys_of(Record())) == SIXTEEN


def test_keys_of_a_format_follow_the_sixteen() -> None:
    made = record_type(("extra", "vhost_port", "forwarded_for", "client_port"))
    assert " ".join(keys_of(made())) == f"{SIXTEEN} vhost_port client_port forwarded_for extra"


SUMMARY = SummaryEvent(
    *("summary", "", "", False, 0, 0.0, 0, 0, 0, 0, 0, {}, {}, [], {}, {}),
    *(0, 0, True, [], {}, None, None, None, {}, None, None, None),
)


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        pytest.param(Unparsed(), "event line reason column raw time epoch", id="unparsed"),
        pytest.param(
            AlertEvent(),
            "event state time epoch rule metric key value hits threshold window_s message",
            id="alert",
        ),
        pytest.param(
            SUMMARY,
            "event from to partial requests rate_per_s unparsed late uncounted bytes clients status methods "
            "sections top_clients failing_paths errors client_errors exact new_sections rates_per_s "
            "duration_s size_bytes slow_paths_s by host seconds packed",
            id="summary",
        ),
        pytest.param(
            SectionCount(None, 0, 0, 0), "section requests errors bytes", id="a section of a summary"
        ),
        pytest.param(KeyCount(None, 0, 0, 0), "key requests errors bytes", id="a key of a summary"),
        pytest.param(GapEvent("gap", "", ""), "event from to", id="gap"),
        pytest.param(HostEvent("host", "", "", ""), "event host state until", id="host"),
    ],
)
def test_event_has_its_keys_in_order(event: msgspec.Struct, keys: str) -> None:
    assert keys_of(event) == keys.split()


@pytest.mark.parametrize(("event", "name"), [(Unparsed(), "unparsed"), (AlertEvent(), "alert")])
def test_event_names_itself(event: msgspec.Struct, name: str) -> None:
    assert json.loads(encode(event))["event"] == name


@given(records)
def test_any_record_is_one_line_that_reads_back(record: Record) -> None:
    line = line_of(record)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert msgspec.json.decode(line, type=Record) == record


@given(st.lists(records, max_size=4))
def test_any_record_without_nulls_is_as_if_encoded_without_them(made: list[Record]) -> None:
    lines = b"".join(line_of(record) for record in made)
    given_keys = [
        {key: value for key, value in msgspec.to_builtins(r).items() if value is not None} for r in made
    ]
    assert omit_nulls(lines) == b"".join(msgspec.json.encode(keys) + b"\n" for keys in given_keys)


# What is read.


def test_records_are_read_in_order() -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b"".join(line_of(Record(epoch=second)) for second in (7, 8.5, 9)))
    assert ([row.epoch for row in rows], alerts) == ([7, 8.5, 9], [])
    assert (reader.lines, reader.records, reader.foreign) == (3, 3, 0)


@given(st.lists(records, max_size=8), st.integers(1, 400))
def test_any_records_in_reads_of_any_size_are_the_same(made: list[Record], size: int) -> None:
    data = b"".join(line_of(record) for record in made)
    reader = LineReader(WholeRow)
    rows: list[WholeRow] = []
    for at in range(0, len(data), size):
        rows += reader.feed(data[at : at + size]).rows
    rows += reader.flush().rows
    assert [msgspec.to_builtins(row) for row in rows] == [
        {"event": None, **msgspec.to_builtins(record)} for record in made
    ]
    assert (reader.lines, reader.records, reader.foreign) == (len(made), len(made), 0)


def test_unparsed_events_are_rows_and_counted_apart() -> None:
    reader = LineReader(Row)
    rows, _ = read_all(reader, line_of(Unparsed(line=3, epoch=7)) + line_of(Record(epoch=8)))
    assert [(row.event, row.epoch) for row in rows] == [("unparsed", 7), (None, 8)]
    assert (reader.records, reader.unparsed) == (1, 1)


def test_events_of_other_kinds_are_counted() -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b'{"event":"gap","from":"a","to":"b"}\n{"event":"no-such-thing"}\n')
    assert (rows, alerts, reader.other_events, reader.foreign) == ([], [], 2, 0)


def test_alert_event_reads_back_whole() -> None:
    event = AlertEvent("alert", "raised", AT, 7, "traffic", "requests", "k", 1.5, 8, 10.0, 120, RAISED)
    reader = LineReader(Row)
    assert read_all(reader, line_of(event)) == ([], [event])
    assert (reader.alerts, reader.records) == (1, 0)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b'{"epoch":7}\r\n{"epoch":8}\r\n', 2, id="CRLF"),
        pytest.param(b'\n\n{"epoch":7}\n \t\n{"epoch":8}\n\n', 2, id="blank lines"),
        pytest.param(b'{"epoch":7}\n{"epoch":8}', 2, id="no LF at the end"),
        pytest.param(b' {"epoch":7} \n{ "epoch" : 8 }\n', 2, id="blanks around"),
        pytest.param(b'{"epoch":7,"new":{"a":[1,{}]}}\n{"x":null,"epoch":8}\n', 2, id="unknown keys"),
        pytest.param('{"epoch":7,"a":"\u2028\x85"}\n{"epoch":8}\n'.encode(), 2, id="separators are no LF"),
    ],
)
def test_unusual_lines_are_records_still(data: bytes, lines: int) -> None:
    reader = LineReader(Row)
    rows, _ = read_all(reader, data)
    assert ([row.epoch for row in rows], reader.lines, reader.foreign) == ([7, 8], lines, 0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"GET / HTTP/1.1", id="text"),
        pytest.param(b'10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 5', id="a raw log"),
        pytest.param(b"[1,2]", id="an array"),
        pytest.param(b"17", id="a number"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"epoch":7', id="an object cut short"),
        pytest.param(b'{"epoch":7}}', id="an object and more"),
        pytest.param(b'{"epoch":"seven"}', id="a stamp of the wrong type"),
        pytest.param(b'{"event":7}', id="an event of the wrong type"),
        pytest.param(b'{"event":"alert","hits":"many"}', id="an alert of the wrong type"),
        pytest.param(b'{"event":"alert","message":null}', id="an alert that says nothing"),
        pytest.param(
            f'{{"event":"alert","hits":"x","message":"{RAISED}"}}'.encode(), id="the same with a message"
        ),
        pytest.param(
            f'{{"epoch":"x","user_agent":"{RAISED}"}}'.encode(), id="an object that quotes a message"
        ),
        pytest.param(b"\0", id="NUL"),
        pytest.param(b'{"epoch":7,"client":"a\0b"}', id="NUL in a text"),
        pytest.param(b'{"epoch":7,"event":"\xff"}', id="not UTF-8"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="nested without end"),
        pytest.param(b'{"epoch":1e999}', id="a number that no float holds"),
        pytest.param(b"high traffic generated an alert - hits = 1", id="nearly a message"),
        pytest.param(b"High Traffic generated an alert - hits = 1", id="a name in capitals"),
        pytest.param(b"High traffic on /a /b generated an alert - hits = 1", id="a key with a blank"),
        pytest.param(b"High traffic generated an alert: hits = 1", id="no dash"),
    ],
)
def test_line_that_is_neither_object_nor_message_is_foreign(line: bytes) -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b'{"epoch":7}\n' + line + b'\n{"epoch":8}\n')
    assert ([row.epoch for row in rows], alerts) == ([7, 8], [])
    assert (reader.lines, reader.foreign, reader.first_foreign) == (3, 1, (2, line))


def test_first_foreign_line_is_the_one_that_is_quoted() -> None:
    reader = LineReader(Row)
    read_all(reader, b'{"epoch":7}\n', b"\nfirst\n", b"second\n")
    assert (reader.foreign, reader.first_foreign) == (2, (2, b"first"))


@pytest.mark.parametrize(
    ("data", "is_no_json"),
    [
        pytest.param(b"raw\n" * (PATIENCE_LINES - 1), False, id="one line less"),
        pytest.param(b"raw\n" * PATIENCE_LINES, True, id="a hundred foreign lines"),
        pytest.param(b"\n" * PATIENCE_LINES, False, id="blank lines say nothing"),
        pytest.param(b"{}\n" + b"raw\n" * PATIENCE_LINES, False, id="one object among them"),
        pytest.param(RAISED.encode() + b"\n" + b"raw\n" * PATIENCE_LINES, False, id="one message among them"),
    ],
)
def test_hundred_foreign_lines_and_nothing_else_are_no_json(data: bytes, is_no_json: bool) -> None:
    reader = LineReader(Row)
    reader.feed(data)
    assert reader.is_no_json(PATIENCE_LINES) is is_no_json


def test_line_of_17_mib_is_foreign_and_its_beginning_kept() -> None:
    reader = LineReader(Row)
    long = b'{"epoch":7,"path":"' + b"a" * (17 << 20) + b'"}\n'
    assert len(long) > MAX_JSON_LINE_BYTES
    rows, _ = read_all(reader, b'{"epoch":1}\n', long, b'{"epoch":2}\n')
    assert ([row.epoch for row in rows], reader.lines, reader.foreign) == ([1, 2], 3, 1)
    assert reader.first_foreign == (2, long[:8192])


def test_line_of_15_mib_is_a_record() -> None:
    reader = LineReader(Row)
    rows, _ = read_all(reader, b'{"path":"' + b"a" * (15 << 20), b'","epoch":7}\n')
    assert [row.epoch for row in rows] == [7]


# Messages.


@pytest.mark.parametrize(
    ("line", "state", "hits", "key", "epoch"),
    [
        pytest.param(RAISED, "raised", 1220, None, 1_700_000_000, id="raised"),
        pytest.param(RECOVERED, "recovered", 1180, None, 1_700_000_000, id="recovered"),
        pytest.param(RESET, "reset", None, None, 1_700_000_000, id="reset"),
        pytest.param(
            f"Low traffic generated an alert - hits = 0, triggered at {AT}",
            "raised",
            0,
            None,
            1_700_000_000,
            id="low",
        ),
        pytest.param(
            f"High error ratio on /api alert recovered - hits = 3, recovered at {AT}",
            "recovered",
            3,
            "/api",
            1_700_000_000,
            id="a key behind a name of two words",
        ),
        pytest.param(
            f"High shop-errors-2 generated an alert - hits = 1, triggered at {AT}",
            "raised",
            1,
            None,
            1_700_000_000,
            id="the name of a rule",
        ),
        pytest.param(
            f"High p95 on {'k' * MESSAGE_KEY_BYTES} alert reset - the log's clock went back, at {AT}",
            "reset",
            None,
            "k" * MESSAGE_KEY_BYTES,
            1_700_000_000,
            id="the longest key",
        ),
        pytest.param(
            f"High traffic on on generated an alert - hits = 1, triggered at {AT}",
            "raised",
            1,
            "on",
            1_700_000_000,
            id="a key on",
        ),
        pytest.param("High traffic generated an alert - ", "raised", None, None, None, id="no details"),
        pytest.param(
            "High traffic generated an alert - hits = 5, triggered at 253402300800",
            "raised",
            5,
            None,
            None,
            id="a second beyond the year 9999",
        ),
        pytest.param(
            "High traffic generated an alert - hits = 5, triggered at 2023-02-31T00:00:00Z",
            "raised",
            5,
            None,
            None,
            id="an impossible date",
        ),
        pytest.param(
            f"High traffic generated an alert - hits = {'9' * 5000}, triggered at {AT}",
            "raised",
            None,
            None,
            1_700_000_000,
            id="a number too long for one",
        ),
    ],
)
def test_message_tells_state_time_hits_and_key(
    line: str, state: str, hits: int | None, key: str | None, epoch: int | None
) -> None:
    time = None if epoch is None else AT
    assert parse_message(line.encode()) == AlertEvent(
        state=state, time=time, epoch=epoch, hits=hits, key=key, message=line
    )


@pytest.mark.parametrize(
    "name", ["traffic", "errors", "error ratio", "bytes", "unparsed", "p95", "shop-errors"]
)
@pytest.mark.parametrize("side", ["High", "Low"])
@pytest.mark.parametrize("what", ["generated an alert", "alert recovered", "alert reset"])
def test_message_of_every_rule_stands_by_its_form(side: str, name: str, what: str) -> None:
    assert parse_message(f"{side} {name} {what} - x".encode()) is not None
    assert parse_message(f"{side} {name} on /a?b {what} - x".encode()) is not None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="nothing"),
        pytest.param(f" {RAISED}", id="a blank before it"),
        pytest.param(f"x{RAISED}", id="a letter before it"),
        pytest.param(f'"{RAISED}"', id="quoted"),
        pytest.param("Medium traffic generated an alert - x", id="neither high nor low"),
        pytest.param("High traffic generated an alert", id="no dash"),
        pytest.param("High traffic has generated an alarm - x", id="other words"),
        pytest.param("High generated an alert - x", id="no name"),
        pytest.param(f"High traffic on /{'k' * MESSAGE_KEY_BYTES} alert reset - x", id="a key too long"),
    ],
)
def test_other_line_is_no_message(line: str) -> None:
    assert parse_message(line.encode()) is None


@pytest.mark.parametrize("text", MESSAGES)
def test_record_that_quotes_a_message_is_no_message(text: str) -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, line_of(Record(epoch=7, user_agent=text)) * 2)
    assert (len(rows), alerts) == (2, [])


@pytest.mark.parametrize("text", MESSAGES)
def test_message_between_records_has_its_place(text: str) -> None:
    record = line_of(Record(epoch=7))
    read = LineReader(Row).feed(record * 2 + text.encode() + b"\n" + record)
    assert len(read.rows) == 3
    assert [(after, alert.message) for after, alert in read.alerts] == [(2, text)]


# Torn records.

FULL = Record(
    time=AT,
    epoch=1_700_000_000,
    client="2001:db8::1",
    method="GET",
    path="/caf\xe9/\U0001f600",
    status=200,
    bytes=512,
    referer='"quoted\\" back\\\\slash',
    user_agent=RAISED,
    section="/caf\xe9",
)


@pytest.mark.parametrize("text", [*MESSAGES, '{"event":"alert"}'])
def test_message_at_any_byte_of_a_record_tears_nothing(text: str) -> None:
    whole = msgspec.json.decode(line_of(FULL), type=WholeRow)
    data = line_of(FULL)
    inserted = alert_line() if text.startswith("{") else text.encode() + b"\n"
    said = RAISED if text.startswith("{") else text
    for at in range(len(data) + 1):
        reader = LineReader(WholeRow)
        read = reader.feed(data[:at] + inserted + data[at:] + data)
        reader.flush()
        assert read.rows == [whole, whole], f"at byte {at}"
        assert [alert.message for _, alert in read.alerts] == [said], f"at byte {at}"
        assert (reader.lines, reader.foreign) == (3, 0), f"at byte {at}"


def test_message_at_any_byte_and_reads_of_any_size_tear_nothing() -> None:
    whole = msgspec.json.decode(line_of(FULL), type=Row)
    data = line_of(FULL)
    for at in range(0, len(data) + 1, 7):
        stream = data[:at] + RAISED.encode() + b"\n" + data[at:]
        for cut in range(0, len(stream), 5):
            rows, alerts = read_all(LineReader(Row), stream[:cut], stream[cut:])
            assert (rows, len(alerts)) == ([whole], 1), f"message at byte {at}, cut at {cut}"


def test_many_messages_at_one_byte_of_a_record_tear_nothing() -> None:
    data, messages = line_of(FULL), "".join(f"{text}\n" for text in MESSAGES).encode() + alert_line()
    for at in range(len(data) + 1):
        rows, alerts = read_all(LineReader(Row), data[:at] + messages + data[at:])
        assert ([row.epoch for row in rows], len(alerts)) == ([FULL.epoch], len(MESSAGES) + 1), f"byte {at}"


def test_foreign_line_that_a_message_tore_is_foreign_once() -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b"GET /" + RAISED.encode() + b'\nindex HTTP\n{"epoch":7}\n')
    assert (len(rows), len(alerts), reader.foreign, reader.lines) == (1, 1, 1, 3)


def test_record_whose_rest_never_comes_is_foreign() -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b'{"epoch":' + RAISED.encode() + b"\n")
    assert (rows, len(alerts), reader.foreign) == ([], 1, 1)


def test_read_without_a_line_end_leaves_the_torn_record_alone() -> None:
    reader = LineReader(Row)
    rows, alerts = read_all(reader, b'{"epoch":' + RAISED.encode() + b"\n", b"", b"7", b"}", b"\n")
    assert ([row.epoch for row in rows], len(alerts), reader.foreign) == ([7], 1, 0)


def random_text(rng: random.Random) -> str:
    pieces = [
        "/",
        "a",
        "%20",
        "\xe9",
        "\U0001f600",
        '"',
        "\\",
        " ",
        "High ",
        "on ",
        "{",
        "}",
        ",",
        RAISED,
        ":null",
    ]
    return "".join(rng.choices(pieces, k=rng.randint(0, 6)))


def random_record(rng: random.Random) -> Record | Unparsed:
    if rng.random() < 0.1:
        return Unparsed(
            line=rng.randint(1, 99), reason="status", raw=random_text(rng), epoch=rng.randint(0, 9)
        )
    return Record(
        epoch=rng.choice([rng.randint(0, 99), rng.randint(0, 99) + 0.5, None]),
        client=random_text(rng),
        path=random_text(rng),
        user_agent=random_text(rng),
    )


def random_insert(rng: random.Random, number: int) -> tuple[str, bytes]:
    """A message or alert event that no other is equal to, and its line."""
    name = rng.choice(["traffic", "error ratio", "p95"])
    key = rng.choice(["", f" on k{number}", " on High", " on \xe9"])
    what = rng.choice(["generated an alert", "alert recovered", "alert reset"])
    text = f"{rng.choice(['High', 'Low'])} {name}{key} {what} - hits = {number}, triggered at {AT}"
    return text, alert_line(text) if rng.random() < 0.3 else f"{text}\n".encode()


def pieces_of(rng: random.Random, data: bytes) -> Iterator[bytes]:
    size = rng.choice([1, 3, 20, 200, 5000])
    at = 0
    while at < len(data):
        end = at + rng.randint(0, 2 * size)
        yield data[at:end]
        at = end


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(400), id="400 streams"),
        pytest.param(range(400, 4400), id="4,000 more streams", marks=pytest.mark.full),
    ],
)
def test_any_messages_at_any_bytes_of_any_stream_tear_nothing(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        lines = [line_of(random_record(rng)) for _ in range(rng.randint(1, 12))]
        stream = b"".join(lines)
        ends = [0]
        for line in lines:
            ends.append(ends[-1] + len(line))
        inserts = [random_insert(rng, number) for number in range(rng.randint(0, 10))]
        places = sorted(
            rng.choice([rng.randint(0, len(stream)), rng.choice(ends), max(0, rng.choice(ends) - 1)])
            for _ in inserts
        )
        torn = bytearray(stream)
        for place, (_, inserted) in reversed(list(zip(places, inserts, strict=True))):
            torn[place:place] = inserted
        reader = LineReader(WholeRow)
        rows: list[WholeRow] = []
        alerts: list[AlertEvent] = []
        for read in [*(reader.feed(piece) for piece in pieces_of(rng, bytes(torn))), reader.flush()]:
            rows += read.rows
            alerts += [alert for _, alert in read.alerts]
        assert rows == [msgspec.json.decode(line, type=WholeRow) for line in lines], f"seed {seed}"
        assert [alert.message for alert in alerts] == [text for text, _ in inserts], f"seed {seed}"
        assert (reader.lines, reader.foreign) == (len(lines) + len(inserts), 0), f"seed {seed}"
        assert (reader.records + reader.unparsed, reader.alerts) == (len(lines), len(inserts)), f"seed {seed}"


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_bytes_are_read_without_an_exception_and_every_line_is_counted(blocks: list[bytes]) -> None:
    reader = LineReader(Row)
    read_all(reader, *blocks)
    found = reader.records + reader.unparsed + reader.alerts + reader.other_events + reader.foreign
    lines = [line for line in b"".join(blocks).split(b"\n") if line.strip()]
    assert found == reader.lines == sum(not line.startswith(SOURCE_START) for line in lines)


def test_lines_that_name_a_source_are_passed_over() -> None:
    lines = [line_of(Record(epoch=second)) for second in range(3)]
    source = b"#Source: /logs/my%20site.jsonl\n"
    reader = LineReader(Row)
    read = reader.feed(b"".join([source, lines[0], source, source, lines[1], lines[2], source]))
    assert [row.epoch for row in read.rows] == [0, 1, 2]
    assert (reader.lines, reader.records, reader.foreign) == (3, 3, 0)
    event = AlertEvent(hits=7)
    assert read.with_events([(2, event)]).splitlines(keepends=True) == [
        *(source, lines[0], source, source, lines[1]),
        encode(event).encode(),
        *(lines[2], source),
    ]


class StatusRow(Row, gc=False):
    """What a rule on errors needs."""

    status: int | None = None


def test_event_whose_keys_have_types_of_their_own_is_an_event() -> None:
    """A summary tells of `status` too, but how often each came."""
    reader = LineReader(StatusRow, with_summaries=True)
    summary = b'{"event":"summary","status":{"200":7},"host":"web1"}\n'
    read = reader.feed(line_of(Record(status=503)) + summary)
    assert ([row.status for row in read.rows], [row.host for row in read.summaries]) == ([503], ["web1"])
    assert (reader.records, reader.other_events, reader.foreign) == (1, 1, 0)


def test_record_whose_keys_have_other_types_is_foreign() -> None:
    reader = LineReader(StatusRow)
    read = reader.feed(b'{"status":{"200":7}}\n{"event":"unparsed","status":"x"}\n')
    assert (read.rows, reader.lines, reader.foreign) == ([], 2, 2)


# Events put between lines.


def placed(count: int, *after_rows: int) -> tuple[Read[Row], list[tuple[int, AlertEvent]], list[bytes]]:
    read = LineReader(Row).feed(b"".join(line_of(Record(epoch=second)) for second in range(count)))
    events = [(after, AlertEvent(hits=number)) for number, after in enumerate(after_rows)]
    return read, events, read.with_events(events).splitlines(keepends=True)


@pytest.mark.parametrize(
    ("after_rows", "expected"),
    [
        pytest.param([], "rrr", id="no event"),
        pytest.param([0], "errr", id="before all"),
        pytest.param([1], "rerr", id="behind the first"),
        pytest.param([3], "rrre", id="behind all"),
        pytest.param([1, 1, 2], "reerer", id="two at one place"),
        pytest.param([0, 1, 2, 3], "ererere", id="everywhere"),
    ],
)
def test_events_stand_behind_their_rows(after_rows: list[int], expected: str) -> None:
    _, events, lines = placed(3, *after_rows)
    assert "".join("e" if line.startswith(b'{"event"') else "r" for line in lines) == expected
    assert [json.loads(line)["hits"] for line in lines if line.startswith(b'{"event"')] == list(
        range(len(events))
    )


@pytest.mark.parametrize(
    ("after_rows", "line"),
    [pytest.param(0, 0, id="none"), pytest.param(1, 3, id="one"), pytest.param(2, 5, id="two")],
)
def test_events_find_their_rows_among_lines_that_are_none(after_rows: int, line: int) -> None:
    data = b'\nforeign\n{"epoch":1}\n{"event":"gap"}\n{"event":"unparsed"}\n' + RAISED.encode() + b"\n"
    lines = LineReader(Row).feed(data).with_events([(after_rows, AlertEvent(message="m"))]).split(b"\n")
    assert json.loads(lines[line])["message"] == "m"
    assert b"\n".join(lines[:line] + lines[line + 1 :]) == data


def test_event_behind_a_torn_record_stands_behind_its_rest() -> None:
    data = b'{"epoch":' + RAISED.encode() + b'\n1}\n{"epoch":2}\n'
    lines = LineReader(Row).feed(data).with_events([(1, AlertEvent())]).split(b"\n")
    assert lines[2] == line_of(AlertEvent())[:-1]


def test_any_line_passed_on_stays_as_it_came() -> None:
    data = b'\r\n{ "epoch":1 }\r\nraw \xff\n' + RAISED.encode() + b'\n{"event":"x"}\n'
    assert LineReader(Row).feed(data).lines == data


def test_events_passed_on_tear_nothing_for_the_next_reader() -> None:
    record, message = line_of(FULL), RAISED.encode() + b"\n"
    for at in range(len(record)):
        first, second = LineReader(Row), LineReader(Row)
        passed = first.feed(record + record[:at] + message).with_events([(1, AlertEvent(message="m"))])
        passed += first.feed(record[at:]).with_events([(0, AlertEvent(message="n"))])
        rows, alerts = read_all(second, passed)
        assert (len(rows), Counter(alert.message for alert in alerts)) == (
            2,
            Counter("mn") + Counter([RAISED]),
        )


# What was read, up to a row.


def records_of(read: Read[Row]) -> list[int | float | None]:
    return [row.epoch for row in read.rows]


@pytest.mark.parametrize("rows", range(4))
def test_read_up_to_a_row_ends_behind_its_line(rows: int) -> None:
    lines = [line_of(Record(epoch=second)) for second in range(3)]
    read = LineReader(Row).feed(b"".join(lines)).up_to(rows)
    assert (read.lines, records_of(read)) == (b"".join(lines[:rows]), [0, 1, 2][:rows])


AMONG_OTHERS = b'\nforeign\n{"epoch":1}\n{"event":"gap"}\n{"event":"unparsed"}\n' + RAISED.encode() + b"\n"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [pytest.param(0, 0, id="none"), pytest.param(1, 3, id="one"), pytest.param(2, 5, id="two")],
)
def test_read_up_to_a_row_keeps_the_lines_before_it_that_are_none(rows: int, lines: int) -> None:
    whole = LineReader(Row).feed(AMONG_OTHERS)
    read = whole.up_to(rows)
    assert read.lines == b"".join(AMONG_OTHERS.splitlines(keepends=True)[:lines])
    assert (read.rows, read.alerts) == (whole.rows[:rows], [])


def test_read_up_to_a_torn_record_ends_behind_its_rest() -> None:
    data = b'{"epoch":' + RAISED.encode() + b'\n1}\n{"epoch":2}\n'
    read = LineReader(Row).feed(data).up_to(1)
    assert (read.lines, records_of(read)) == (data[: data.index(b'{"epoch":2}')], [1])


@pytest.mark.parametrize("rows", [1, 2])
def test_events_have_their_places_in_what_was_read_up_to_a_row(rows: int) -> None:
    events = [(1, AlertEvent(message="m"))]
    whole = LineReader(Row).feed(AMONG_OTHERS)
    lines = whole.up_to(rows).with_events(events).splitlines()
    assert lines == whole.with_events(events).splitlines()[: len(lines)]
    assert json.loads(lines[3])["message"] == "m"


def test_read_up_to_a_row_leaves_the_whole_as_it_was() -> None:
    whole = LineReader(Row).feed(AMONG_OTHERS)
    whole.up_to(1)
    assert (whole.lines, len(whole.rows), whole.lines_up_to) == (AMONG_OTHERS, 2, [3, 5])


class TestWholeLines:
    """What a `LineReader` gives to those who write lines on for readers that know of no messages."""

    MESSAGE = b"High traffic generated an alert - hits = 9, triggered at 2020-09-13T12:26:50Z"
    EVENT = b'{"event":"alert","state":"raised","epoch":5,"message":"High traffic generated an alert - a"}'
    RECORD = b'{"time":"t","epoch":5,"client":"a"}'

    def _lines(self, *blocks: bytes) -> list[bytes]:
        reader = LineReader(Row)
        reads = [*map(reader.feed, blocks), reader.flush()]
        return b"".join(read.whole_lines for read in reads).split(b"\n")[:-1]

    def test_records_alone_are_what_came(self) -> None:
        assert self._lines(self.RECORD + b"\n" + self.RECORD) == [self.RECORD] * 2

    def test_events_and_what_is_no_json_are_what_came(self) -> None:
        lines = [self.RECORD, b'{"event": "gap"}', b"nothing", self.EVENT, b'{"event":"unparsed"}']
        assert self._lines(b"\n".join(lines)) == lines

    def test_message_is_an_event(self) -> None:
        event = parse_message(self.MESSAGE)
        assert event is not None
        assert self._lines(self.MESSAGE) == [encode(event).rstrip("\n").encode()]

    @pytest.mark.parametrize("at", range(1, len(RECORD) + 1))
    @pytest.mark.parametrize("message", [MESSAGE, EVENT])
    def test_split_record_stands_whole_behind_what_has_split_it(self, at: int, message: bytes) -> None:
        data = self.RECORD[:at] + message + b"\n" + self.RECORD[at:] + b"\n"
        first, second = self._lines(data[: at + 5], data[at + 5 :])
        assert (b'"event":"alert"' in first, second) == (True, self.RECORD)

    def test_record_whose_rest_never_comes_is_what_came(self) -> None:
        assert self._lines(self.RECORD[:9] + self.EVENT + b"\n") == [self.EVENT, self.RECORD[:9]]
