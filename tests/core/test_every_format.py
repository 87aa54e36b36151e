"""What holds for every format that has a name, whatever its lines look like."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.errors import ParseError
from w3ctools.core.formats import registry
from w3ctools.core.formats.format import FormatSpec, Settings
from w3ctools.core.record import Record
from w3ctools.core.timestamp import Zone

#: C0, DEL and C1; line and paragraph separator; bidi controls.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
EXAMPLES = {spec.name: spec.example.splitlines()[-1] for spec in registry.ALL}
PIECES = [
    b"\\x1b", b"#1B", b"\x1b", b"\\u202e", b"\\n", "\u2066".encode(), b'"', b":,", b" ", b"\t", b"-", b"-1",
    b"9" * 20, b"[", b":", b"\\", b"%0a", b"\xff",
]  # fmt: skip

every_format = pytest.mark.parametrize("spec", registry.ALL, ids=lambda spec: spec.name)
every_detected_format = pytest.mark.parametrize("spec", registry.DETECTED, ids=lambda spec: spec.name)


def parse(spec: FormatSpec, line: bytes) -> Record:
    return spec.make(Settings("", Zone())).parse(line)


@st.composite
def mutated_examples(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from(list(EXAMPLES.values())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(line)))
        piece = draw(st.one_of(st.binary(max_size=2), st.sampled_from(PIECES)))
        line = line[:at] + piece + line[at + draw(st.integers(0, 3)) :]
    return line.replace(b"\n", b"")


def outcome(spec: FormatSpec, line: bytes) -> str | int:
    """The texts of the record, or the column where the line was refused."""
    try:
        return "".join(texts(msgspec.to_builtins(parse(spec, line))))
    except ParseError as error:
        return error.column


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *texts(item))]
    return [value] if isinstance(value, str) else []


def test_there_are_formats() -> None:
    assert len(registry.ALL) > 15
    assert len({spec.name for spec in registry.ALL}) == len(registry.ALL)


@every_detected_format
def test_its_example_is_refused_by_every_other_detected_format(spec: FormatSpec) -> None:
    for other in registry.DETECTED:
        if other.name != spec.name:
            with pytest.raises(ParseError):
                parse(other, spec.example)


@every_format
@given(line=st.one_of(mutated_examples(), st.binary()))
def test_any_line_gives_safe_text_or_an_error_within_the_line(spec: FormatSpec, line: bytes) -> None:
    found = outcome(spec, line.replace(b"\n", b""))
    if isinstance(found, int):
        assert 1 <= found <= len(line) + 1
    else:
        assert UNSAFE.search(found) is None


HOSTILE = """
import sys
from w3ctools.core.errors import ParseError
from w3ctools.core.formats import registry
from w3ctools.core.formats.format import Settings
from w3ctools.core.timestamp import Zone
size = 1 << 17
units = (b"x", b'"', b'" ', b'" "', b" -", b"\\\\", b".0", b":1", b'" 200 - ', b"[", b'{"a":', b",", b"=&")
spec = registry.by_name(sys.argv[1])
example = spec.example.splitlines()[-1]
places = [0, *(len(example) * step // 6 for step in range(1, 6)), len(example)]
for unit in units:
    for at in places:
        line = example[:at] + unit * (size // len(unit)) + example[at:]
        try:
            spec.make(Settings("", Zone())).parse(line)
        except ParseError:
            pass
"""


@every_format
def test_hostile_lines_cost_no_more_than_their_length(spec: FormatSpec) -> None:
    subprocess.run([sys.executable, "-c", HOSTILE, spec.name], check=True, timeout=60)
