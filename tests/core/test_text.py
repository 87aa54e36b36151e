r"""Bytes of a log as text: what is undone, and what stays visible as ``\xHH``."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from w3ctools.core.formats.text import unescape, visible

#: Control characters, line and paragraph separator, bidi controls, by code point.
UNSAFE = {
    *range(0x20),
    *range(0x7F, 0xA0),
    0x61C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}
EVERY_BYTE = bytes(range(256))
EVERY_ESCAPE = b"".join(b"\\x%02x" % byte for byte in range(256))
EVERY_UNSAFE_CHARACTER = "".join(map(chr, sorted(UNSAFE))).encode()

unsafe_characters = st.sampled_from(sorted(UNSAFE)).map(lambda code: chr(code).encode())
log_bytes = st.one_of(
    st.binary(),
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"\\", b"\\x", b"x", b'\\"', b"\\n", b"\\u202e", b" ", b"a", b"\xc2", b"\xe2\x80"]
            ),
            st.integers(0, 255).map(lambda byte: b"\\x%02x" % byte),
            st.integers(0, 255).map(lambda byte: b"\\x%02X" % byte),
            unsafe_characters,
            unsafe_characters.map(lambda raw: b"".join(b"\\x%02x" % byte for byte in raw)),
            st.characters().map(lambda char: char.encode()),
            st.binary(max_size=2),
        )
    ).map(b"".join),
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(rb"a \"q\" b", 'a "q" b', id="escaped quotes"),
        pytest.param(rb"a\\b", r"a\b", id="escaped backslash"),
        pytest.param(rb"\x22\x20\x7E\x5c", '" ~\\', id="escaped printable ASCII"),
        pytest.param(rb"caf\xc3\xa9 \xC3\xA9", "caf\u00e9 \u00e9", id="escaped UTF-8 in either case"),
        pytest.param(b"caf\xc3\xa9", "caf\u00e9", id="raw UTF-8"),
        pytest.param(b"\\xc3\xa9", "\u00e9", id="one character half escaped and half raw"),
        pytest.param(rb"\xf0\x9f\x98\x80", "\U0001f600", id="escaped character of four bytes"),
        pytest.param(rb"\xff\xc3", r"\xff\xc3", id="escaped bytes that are no UTF-8"),
        pytest.param(b"\xff\xc3", r"\xff\xc3", id="raw bytes that are no UTF-8"),
        pytest.param(rb"\xc0\xaf", r"\xc0\xaf", id="overlong UTF-8"),
        pytest.param(rb"\xed\xa0\x80", r"\xed\xa0\x80", id="a surrogate"),
        pytest.param(rb"\xf4\x90\x80\x80", r"\xf4\x90\x80\x80", id="beyond Unicode"),
        pytest.param(rb"\xc3(\xa9", r"\xc3(\xa9", id="a character cut by ASCII"),
        pytest.param(rb"\x1b[31m", r"\x1b[31m", id="escaped ESC"),
        pytest.param(rb"\x1B[31m", r"\x1B[31m", id="escaped ESC as nginx writes it"),
        pytest.param(b"\x1b[31m", r"\x1b[31m", id="raw ESC"),
        pytest.param(b"\x00\x7f", r"\x00\x7f", id="raw NUL and DEL"),
        pytest.param(rb"\xc2\x9b31m", r"\xc2\x9b31m", id="escaped CSI"),
        pytest.param(b"\xc2\x9b31m", r"\xc2\x9b31m", id="raw CSI"),
        pytest.param(rb"\xe2\x80\xae", r"\xe2\x80\xae", id="escaped bidi override"),
        pytest.param(b"\xe2\x80\xae\xd8\x9c", r"\xe2\x80\xae\xd8\x9c", id="raw bidi controls"),
        pytest.param(
            rb"\xe2\x80\xa8\xe2\x80\xa9", r"\xe2\x80\xa8\xe2\x80\xa9", id="line and paragraph separator"
        ),
        pytest.param(rb"\t\n\r\b\v\f", r"\x09\x0a\x0d\x08\x0b\x0c", id="control characters in C style"),
        pytest.param(rb"\a\0\q", r"\a\0\q", id="escapes that no server writes"),
        pytest.param(rb"\x1\xg0\x", r"\x1\xg0\x", id="broken escapes"),
        pytest.param(rb"\\x41", r"\x41", id="an escaped backslash ends an escape"),
        pytest.param(b"a\\", "a\\", id="a last backslash"),
    ],
)
def test_a_logged_text_is_undone_where_that_is_safe(raw: bytes, text: str) -> None:
    assert unescape(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(rb'\"\\\x41\n"', r'\"\\\x41\n"', id="escapes stay as logged"),
        pytest.param(b"caf\xc3\xa9", "caf\u00e9", id="UTF-8"),
        pytest.param(b"\xff", r"\xff", id="no UTF-8"),
        pytest.param(b"\x1b\x00\x7f\t", r"\x1b\x00\x7f\x09", id="control characters"),
        pytest.param(
            b"\xc2\x9b\xe2\x80\xae\xe2\x80\xa8",
            r"\xc2\x9b\xe2\x80\xae\xe2\x80\xa8",
            id="CSI, bidi, separator",
        ),
    ],
)
def test_a_raw_line_is_shown_as_it_stands(raw: bytes, text: str) -> None:
    assert visible(raw) == text


@given(log_bytes)
@example(EVERY_BYTE)
@example(EVERY_ESCAPE)
@example(EVERY_UNSAFE_CHARACTER)
def test_nothing_undone_can_act_on_a_terminal(raw: bytes) -> None:
    assert UNSAFE.isdisjoint(map(ord, unescape(raw)))


@given(log_bytes)
@example(EVERY_BYTE)
@example(EVERY_ESCAPE)
@example(EVERY_UNSAFE_CHARACTER)
def test_nothing_made_visible_can_act_on_a_terminal(raw: bytes) -> None:
    assert UNSAFE.isdisjoint(map(ord, visible(raw)))


@given(log_bytes)
def test_what_comes_out_is_valid_utf8(raw: bytes) -> None:
    assert (unescape(raw) + visible(raw)).encode().decode() == unescape(raw) + visible(raw)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_ascii_is_shown_unchanged(text: str) -> None:
    assert visible(text.encode()) == text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\")))
def test_plain_ascii_without_backslash_is_undone_to_itself(text: str) -> None:
    assert unescape(text.encode()) == text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\")))
def test_safe_unicode_is_undone_to_itself_raw_or_escaped(text: str) -> None:
    safe = "".join(char for char in text if ord(char) not in UNSAFE)
    escaped = b"".join(b"\\x%02x" % byte for byte in safe.encode())
    assert (unescape(safe.encode()), unescape(escaped)) == (safe, safe)


@given(st.binary())
def test_made_visible_bytes_can_be_told_where_no_backslash_was(raw: bytes) -> None:
    raw = raw.replace(b"\\", b"/")
    shown = visible(raw).encode()
    assert re.sub(rb"\\x(..)", lambda match: bytes([int(match[1], 16)]), shown) == raw
