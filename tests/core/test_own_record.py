"""Our own records and events: read again, or passed on as they are."""

from __future__ import annotations

import msgspec
import pytest
from format_kit import changed, parse

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import flat_json
from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.own_record import SPECS, Records
from w3ctools.core.timestamp import Zone

(SPEC,) = SPECS


def _pass(line: bytes) -> str:
    return Records(Settings("", Zone())).pass_through(line)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(SPEC.example, id="a record"),
        pytest.param(changed(SPEC, b"{", b'{"new":[1.50,{"a":null}],'), id="a key of another version"),
        pytest.param(changed(SPEC, b"frank", rb"caf\u00e9 \\x1b \"\\n\""), id="harmless escapes"),
        pytest.param(changed(SPEC, b"frank", "café\u00a0".encode()), id="letters"),
        pytest.param(b'{"event":"summary","requests":5}', id="an event"),
        pytest.param(b'{"event":"of tomorrow"}', id="an event unknown"),
    ],
)
def test_own_lines_pass_as_they_are(line: bytes) -> None:
    assert _pass(line) == line.decode() + "\n"


@pytest.mark.parametrize("text", [b"\\u001b[2J", b"\\n", "\u202e".encode(), "\u009b".encode(), b"\x7f"])
def test_own_lines_cannot_act_on_a_terminal(text: bytes) -> None:
    passed = _pass(changed(SPEC, b"frank", text))
    assert passed[:-1].isprintable()
    assert msgspec.json.decode(passed)["user"].isprintable()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(flat_json.SPECS[0].example, id="another format"),
        pytest.param(changed(SPEC, b"frank", b"\xff"), id="not UTF-8"),
        pytest.param(b'{"event":"x"', id="an event that is cut"),
        pytest.param(b'{"event":"x","a":' + b"[" * 5000 + b"]" * 5000 + b"}", id="too deep"),
    ],
)
def test_what_is_not_ours_does_not_pass(line: bytes) -> None:
    with pytest.raises(ParseError):
        _pass(line)


def test_a_record_is_read_with_the_keys_of_its_format() -> None:
    record = parse(SPEC, changed(SPEC, b'"request":null', b'"request":null,"duration":0.5,"x":1'))
    assert list(record.items())[-1] == ("duration", 0.5)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(changed(SPEC, b'"path"', b'"Path"'), id="a record without its path"),
        pytest.param(changed(SPEC, b":200", b':"200"'), id="a status that is a text"),
        pytest.param(b'{"event":"summary","requests":5}', id="an event has no record"),
    ],
)
def test_a_bad_line_is_refused(line: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse(SPEC, line)
    assert caught.value.column == 1
