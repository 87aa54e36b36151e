"""The decision table of a followed file, row by row, and where lines begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.rotation import (
    Decision,
    Known,
    Seen,
    after_lines,
    after_newline_from_end,
    decide,
    directives_around,
    last_fields,
    verify,
)

HELD = Known(dev=1, ino=7, offset_bytes=100, mtime_ns=50, ctime_ns=60, settled=True)
SAME = Seen(dev=1, ino=7, size_bytes=100, mtime_ns=50, ctime_ns=60)


@pytest.mark.parametrize(
    ("known", "seen", "decision"),
    [
        pytest.param(None, None, Decision.WAIT, id="nothing open, nothing there"),
        pytest.param(None, SAME, Decision.OPEN, id="nothing open, a file"),
        pytest.param(HELD, None, Decision.KEEP, id="name gone"),
        pytest.param(HELD, SAME, Decision.IDLE, id="as it was"),
        pytest.param(HELD, SAME._replace(ino=8), Decision.ROTATED, id="another inode"),
        pytest.param(HELD, SAME._replace(dev=2), Decision.ROTATED, id="same inode number, another device"),
        pytest.param(HELD, SAME._replace(ino=8, size_bytes=5), Decision.ROTATED, id="another inode, shorter"),
        pytest.param(HELD, SAME._replace(size_bytes=99), Decision.TRUNCATED, id="one byte shorter"),
        pytest.param(HELD, SAME._replace(size_bytes=0), Decision.TRUNCATED, id="empty"),
        pytest.param(HELD, SAME._replace(size_bytes=101), Decision.READ, id="one byte longer"),
        pytest.param(HELD, SAME._replace(mtime_ns=51), Decision.READ, id="same size, written"),
        pytest.param(HELD, SAME._replace(mtime_ns=49), Decision.READ, id="same size, mtime set back"),
        pytest.param(HELD, SAME._replace(ctime_ns=61), Decision.READ, id="same size, mtime restored"),
        pytest.param(HELD._replace(settled=False), SAME, Decision.READ, id="same, but just read"),
        pytest.param(
            HELD._replace(offset_bytes=0), SAME._replace(size_bytes=0), Decision.IDLE, id="both empty"
        ),
    ],
)
def test_decide_row(known: Known | None, seen: Seen | None, decision: Decision) -> None:
    assert decide(known, seen) is decision


@pytest.mark.parametrize(
    ("offset_bytes", "guard", "head", "data", "decision"),
    [
        pytest.param(9, b"ab\n", b"x", b"ab\n", Decision.READ, id="nothing new"),
        pytest.param(9, b"ab\n", b"x", b"ab\ncd", Decision.READ, id="something new"),
        pytest.param(9, b"ab\n", b"x", b"ab", Decision.TRUNCATED, id="ends within the guard"),
        pytest.param(9, b"ab\n", b"x", b"", Decision.TRUNCATED, id="ends before the guard"),
        pytest.param(9, b"ab\n", b"x", b"ac\ncd", Decision.REWRITTEN, id="another guard"),
        pytest.param(9, b"ab\n", b"x", b"ac", Decision.REWRITTEN, id="another guard, shorter"),
        pytest.param(9, b"ab\n", b"x", b"x", Decision.REWRITTEN, id="the head is no guard"),
        pytest.param(0, b"", b"", b"ab", Decision.READ, id="first bytes of an empty file"),
        pytest.param(0, b"", b"", b"", Decision.READ, id="empty and still empty"),
        pytest.param(0, b"", b"ab", b"abc", Decision.READ, id="nothing read, the same head"),
        pytest.param(0, b"", b"ab", b"a", Decision.TRUNCATED, id="nothing read, shorter than its head"),
        pytest.param(0, b"", b"ab", b"", Decision.TRUNCATED, id="nothing read, empty now"),
        pytest.param(0, b"", b"ab", b"cd", Decision.REWRITTEN, id="nothing read, another head"),
    ],
)
def test_verify_row(offset_bytes: int, guard: bytes, head: bytes, data: bytes, decision: Decision) -> None:
    assert verify(offset_bytes, guard, head, data) is decision


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"", -1),
        (b"#Fields: a\n", 0),
        (b"a\n#Fields: a\n", 2),
        (b"a #Fields: a\n", -1),
        (b"#Fields: a\n#Fields: b\nx\n", 11),
    ],
)
def test_last_fields(data: bytes, fields: int) -> None:
    assert last_fields(data) == fields


@pytest.mark.parametrize(
    ("data", "run"),
    [
        pytest.param(b"#Fields: a\n", b"#Fields: a\n", id="alone"),
        pytest.param(
            b"#V\n#Fields: a\n#R\nx\n#later\n", b"#V\n#Fields: a\n#R\n", id="with lines before and after"
        ),
        pytest.param(b"#old\nx\n#Fields: a\n", b"#Fields: a\n", id="stops at a line that is none"),
        pytest.param(b"#old\n\n#Fields: a\nx", b"#Fields: a\n", id="stops at an empty line"),
        pytest.param(b"#Fields: a\n#unfinished", b"#Fields: a\n", id="leaves out an unfinished line"),
        pytest.param(b"#V\r\n#Fields: a\r\nx\r\n", b"#V\r\n#Fields: a\r\n", id="CRLF"),
    ],
)
def test_directives_around_fields(data: bytes, run: bytes) -> None:
    assert directives_around(data, last_fields(data)) == run


@given(st.lists(st.binary(max_size=3).map(lambda b: b.replace(b"\n", b"")), max_size=6), st.data())
def test_places_agree_with_split(pieces: list[bytes], data: st.DataObject) -> None:
    text = b"\n".join(pieces)
    lines = text.split(b"\n")[:-1]
    count = data.draw(st.integers(0, len(lines)))
    place = after_lines(text, count)
    assert text[:place] == b"".join(line + b"\n" for line in lines[:count])
    if lines:
        newlines = data.draw(st.integers(1, len(lines)))
        assert after_newline_from_end(text, newlines) == after_lines(text, len(lines) - newlines + 1)
