"""Collectors' prefixes come off, with the column kept; pieces of long lines are joined."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.formats.wrapper import Unwrapped, unwrap

LINE = b'::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5'


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        pytest.param(b"Feb  6 12:14:14 host prog[123]: ", "syslog", id="RFC 3164"),
        pytest.param(b"Feb 16 12:14:14 host prog: ", "syslog", id="RFC 3164 without pid"),
        pytest.param(b"<190>Feb 16 12:14:14 host nginx: ", "syslog", id="RFC 3164 with priority"),
        pytest.param(
            b"2026-11-24T10:53:30.123456+00:00 host nginx[7]: ",
            "syslog",
            id="rsyslog's file",
        ),
        pytest.param(b"<134>1 2026-11-24T10:53:30Z host app - - - ", "syslog", id="RFC 5424"),
        pytest.param(b"<134>1 - - - - - - ", "syslog", id="RFC 5424 without anything"),
        pytest.param(
            b'<134>1 2026-11-24T10:53:30.123456-07:00 host app 7 ID [a@1 b="\\"]\\\\" c="d"][e] \xef\xbb\xbf',
            "syslog",
            id="RFC 5424 with structured data and a byte order mark",
        ),
        pytest.param(b"2026-11-24T10:53:30.123456789Z stdout F ", "cri", id="CRI"),
        pytest.param(b"2026-11-24T10:53:30.123456789+01:00 stderr P ", "cri", id="CRI, a piece"),
        pytest.param(b"2026-11-24T10:53:30Z stdout F:x:y ", "cri", id="CRI with more tags"),
    ],
)
def test_a_prefix_comes_off(prefix: bytes, kind: str) -> None:
    expected = Unwrapped(LINE, len(prefix), kind)
    assert unwrap(prefix + LINE) == expected
    assert unwrap(prefix) == expected._replace(line=b"")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            rb'{"log":"a \"b\" \\x22 \u00e9\n","stream":"stdout","time":"2026-11-24T10:53:30.1Z"}',
            Unwrapped(b'a "b" \\x22 \xc3\xa9', 8, "docker"),
            id="escapes are undone",
        ),
        pytest.param(
            rb'{ "log" : "a\r\n", "attrs":{"tag":"x"}, "stream":"stderr"}',
            Unwrapped(b"a", 11, "docker"),
            id="blanks, CRLF, other keys",
        ),
        pytest.param(b'{"log":"a","stream":"stdout"}', Unwrapped(b"a", 8, "docker"), id="a piece"),
        pytest.param(b'{"log":"a\\n"}', Unwrapped(b"a", 8, "docker"), id="no stream"),
    ],
)
def test_dockers_json_is_undone(line: bytes, expected: Unwrapped) -> None:
    assert unwrap(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(LINE, id="a line of a log"),
        pytest.param(b"2015-05-13T23:39:43.945958Z lb 192.168.131.39:2817 10.0.0.1:80 0.1", id="classic ELB"),
        pytest.param(b"2024-01-02 03:04:05 GET /a 200", id="W3C"),
        pytest.param(b'INFO:     127.0.0.1:54910 - "GET / HTTP/1.1" 200 OK', id="uvicorn"),
        pytest.param(b'{"log":"a\\n"', id="JSON cut short"),
        pytest.param(b'{"log":5}', id="JSON with a number"),
        pytest.param(b'{"log":"\xff\\n"}', id="JSON that is not UTF-8"),
        pytest.param(b'{"log":"\\ud800\\n"}', id="JSON with half a surrogate"),
        pytest.param(b'{"level":"info","log":"a\\n"}', id="another JSON"),
        pytest.param(b"<134>2 2026-11-24T10:53:30Z host", id="RFC 5424 cut short"),
        pytest.param(b"Feb  6 12:14:14 host no tag", id="RFC 3164 without tag"),
        pytest.param(b"2026-11-24T10:53:30Z stdout X a", id="CRI with another tag"),
    ],
)
def test_what_has_no_prefix_is_left_alone(line: bytes) -> None:
    assert unwrap(line) is None


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not text.endswith("\r")))
def test_any_text_comes_back_out_of_dockers_json(text: str) -> None:
    found = unwrap(json.dumps({"log": text + "\n", "stream": "stdout"}).encode())
    assert found is not None
    assert found.line == text.encode()


STARTS = [
    b"",
    b"{",
    b'{"log":"',
    b"<1>",
    b"<134>1 - - - - - ",
    b"Feb  6 12:14:14 h ",
    b"2026-11-24T10:53:30Z ",
]


@given(st.sampled_from(STARTS), st.binary())
def test_any_line_gives_its_end_or_nothing(start: bytes, rest: bytes) -> None:
    found = unwrap(start + rest)
    if found is not None and found.kind != "docker":
        assert (start + rest)[found.offset :] == found.line


HOSTILE = """
from w3ctools.core.formats.wrapper import unwrap
pieces = [b"[", b"]", b"[a]", b'["', b'"', b'[a="', b'="]"', b"\\\\", b"\\\\n", b" ", b"a",
          b":", b"a: ", b"{", b'{"log":', b"<", b"1", b'[""]', b'["]']
for start in (b"", b"<134>1 - - - - - ", b"<1>", b"Feb  6 12:14:14 ", b"Feb  6 12:14:14 h ",
              b"2026-11-24T10:53:30Z ", b'{"log":"', b'{"log":', b'{"log":"a","attrs":'):
    for piece in pieces:
        for behind in (b"", b"x", b'"}'):
            unwrap(start + piece * ((1 << 18) // len(piece)) + behind)
"""


def test_hostile_lines_of_256_kib_take_no_long_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
