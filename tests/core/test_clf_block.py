"""The fast path equals the readable path byte for byte, and it takes what is ordinary."""

from __future__ import annotations

import re
import tracemalloc
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w3ctools.core.errors import ParseError
from w3ctools.core.formats.clf import Layout, parse_line
from w3ctools.core.formats.clf_block import BlockParser
from w3ctools.core.wire import encode

PLAIN = Layout()
VHOST = Layout(vhost=True, combined=True)
MAIN = Layout(combined=True, forwarded_for=True)
SITE = "http://my.site.com"

COMMON_LINE = '1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /a/b?c=/d HTTP/1.1" 200 5'
COMBINED_LINE = f'{COMMON_LINE} "http://h/" "Mozilla/5.0 (X11; Linux)"'
MAIN_LINE = f'{COMBINED_LINE} "1.1.1.1, ::1"'
VHOST_LINE = f"my.site.com:80 {COMBINED_LINE}"

#: The first and last characters of the classes of the fast path's groups, and their neighbours.
BORDERS = (
    *(
        char.encode("latin-1")
        for char in ' !"#$%,-./09:;>?@ACZ[\\]^_`afgz{~\x7f\x80\x85\xff\t\r\x0b\x0c\x1c\0'
    ),
    b"\xc2\x9b",
    b"\xe2\x80\xa8",
    b"\\x22",
    b'\\"',
)


class Field(NamedTuple):
    """A part of a line: what the fast path takes, and what it must not take or may well get wrong."""

    usual: tuple[bytes, ...]
    unusual: tuple[bytes, ...]


BLANK = Field((b" ",), (b"  ", b""))
FIELDS = (
    Field(
        (b"", b"", b"my.site.com:80 ", b"*:443 ", b"h:99999 "),
        (
            b"h:0 ",
            b"h:080 ",
            b"h:123456 ",
            b"H:80 ",
            b"1.2.3.4:80 ",
            b"[::1]:80 ",
            b"h ",
            b"-:1 ",
            b"a:b:80 ",
            b":80 ",
        ),
    ),
    Field(
        (b"1.2.3.4", b"::1", b"h-1.example.net", b"_"),
        (
            b"-",
            b"1.2.3.4:5",
            b"ab:12",
            b"[::1]",
            b"fe80::1%eth0",
            b"1.1.1.1, ::1",
            b"1.1.1.1,::1",
            b"h:80",
            b":",
        ),
    ),
    BLANK,
    Field((b"-", b"-", b"joe"), (b"[10/Oct/2000:x]", b"[", b"--", b'""')),
    BLANK,
    Field((b"-", b"frank"), (b'""', b"John Doe", b"-x", b"[10/Oct/2000:13:55:36 -0700]", b"[10/Oct/2000:x]")),
    BLANK,
    Field(
        (b"[10/Oct/2000:13:55:36 -0700]", b"[10/Oct/2000:13:55:37 -0700]", b"[10/Oct/2000:13:54:59 +0100]"),
        (
            b"[31/Feb/2000:13:55:36 +0100]",
            b"[31/Dec/2016:23:59:60 +0000]",
            b"[31/Dec/2016:23:59:61 +0000]",
            b"[31/Dec/2016:23:59:99 +0000]",
            b"[10/Okt/2000:13:55:36 +0000]",
            b"[10/oct/2000:13:55:36 +0000]",
            b"[10/OCT/2000:13:55:36 +0000]",
            b"[1/Oct/2000:13:55:36 +0000]",
            b"[01/Jan/1970:00:00:00 +0000]",
            b"[31/Dec/1969:23:59:59 +0000]",
            b"[01/Jan/0000:00:00:59 +0001]",
            b"[01/Jan/0000:00:01:01 +0001]",
            b"[31/Dec/9999:23:59:60 +0000]",
            b"[10/Oct/2000:24:00:00 +0000]",
            b"[10/Oct/2000:13:55:36 +2400]",
            b"[10/Oct/2000:13:55:36.5 +0000]",
            b"[10/Oct/2000 13:55:36]",
        ),
    ),
    Field((b' "',), (b'  "', b" ", b'"')),
    Field((b"GET", b"POST"), (b"CONNECT", b"COPY", b"M-SEARCH", b"get", b"G(T", b"")),
    BLANK,
    Field(
        (b"/a", b"/", b"/a/b", b"/a#b/c", b"//"),
        (b"/!~", b"/a b", b"http://H:80/a/b", b"*", b"None", b"", b"-"),
    ),
    Field((b"", b"?x=1"), (b"?", b"?/?#", b"?a b", b"??")),
    Field((b" HTTP/1.1", b" HTTP/2"), (b"", b" HTTP/1.", b" HTTP/", b" http/1.1", b" HTTP/1.1 ")),
    Field((b'" ',), (b'"  ', b'"', b" ")),
    Field((b"200", b"404", b"999"), (b"000", b"099", b"-", b"20", b"2000")),
    BLANK,
    Field((b"5", b"-", b"0", b"123456789012345678"), (b"00", b"05", b"1234567890123456789")),
    Field(
        (b"", b' "-" "u"', b' "http://h/" "Mozilla/5.0 (X11)"', b' "r" "u" "-"', b' "r" "u" "1.1.1.1, ::1"'),
        (
            b' "" "u"',
            b' "r" ""',
            b' " " "--"',
            b' "r" "a"b"',
            b' "r" "a\\"b"',
            b' "r" "caf\xc3\xa9"',
            b' "\\x1b" "u"',
            b' "r"',
            b" ",
            b" 0.1",
            b' "-" "u" 0.1',
            b' "-"  "u"',
            b' "-" "u" ',
            b' "-" "-" ""',
            b' "-" "-" "-" "-"',
        ),
    ),
)
#: One field's number and something unusual in its place.
ODD = [
    (number, odd)
    for number, (usual, unusual) in enumerate(FIELDS)
    for odd in (
        *unusual,
        *(
            text
            for word in dict.fromkeys(usual)
            for border in BORDERS
            for text in (word + border, border + word)
        ),
    )
]


def _with(fields: tuple[bytes, ...], odd: list[tuple[int, bytes]]) -> bytes:
    replaced = dict(odd)
    return b"".join(replaced.get(number, field) for number, field in enumerate(fields))


ORDINARY = st.tuples(*(st.sampled_from(usual) for usual, _ in FIELDS))
WELL_FORMED = st.builds(_with, ORDINARY, st.lists(st.sampled_from(ODD), max_size=2))
MUTATED = st.builds(
    lambda line, at, cut, put: line[: at % len(line)] + put + line[at % len(line) + cut :],
    st.sampled_from([line.encode() for line in (COMMON_LINE, COMBINED_LINE, MAIN_LINE, VHOST_LINE)]),
    st.integers(0, 1000),
    st.integers(0, 2),
    st.one_of(st.just(b""), st.sampled_from(BORDERS), st.binary(max_size=1)),
)
LINES = st.one_of(WELL_FORMED, WELL_FORMED, MUTATED, st.binary(max_size=20), st.just(b"")).map(
    lambda line: line.replace(b"\n", b"")
)
BLOCKS = st.lists(LINES, min_size=1, max_size=6)


def _fast(layout: Layout, site: str, lines: list[bytes]) -> list[str | None]:
    block = b"".join(line + b"\n" for line in lines)
    return BlockParser(layout, site).parse(block)[0]


def _readable(line: bytes, site: str = "") -> str:
    return encode(parse_line(line, site).record)


def _readable_or_none(line: bytes, site: str) -> str | None:
    try:
        return _readable(line, site)
    except ParseError:
        return None


def _assert_taken_lines_are_equal(lines: list[bytes], layout: Layout, site: str) -> None:
    rendered = _fast(layout, site, lines)
    taken = [(line, piece) for line, piece in zip(lines, rendered, strict=True) if piece is not None]
    differing = [(line, piece) for line, piece in taken if piece != _readable_or_none(line, site)]
    assert differing == []


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BLOCKS)
def test_every_line_that_is_taken_is_rendered_as_by_the_readable_path(lines: list[bytes]) -> None:
    for layout, site in product((PLAIN, VHOST, MAIN), ("", SITE)):
        _assert_taken_lines_are_equal(lines, layout, site)


@pytest.mark.parametrize("site", [pytest.param("", id="no site"), pytest.param(SITE, id="a site")])
@pytest.mark.parametrize(
    ("layout", "before", "behind"),
    [
        pytest.param(PLAIN, b"", b"", id="common"),
        pytest.param(PLAIN, b"", b' "r" "u"', id="combined"),
        pytest.param(VHOST, b"h:80 ", b' "r" "u"', id="vhost_combined"),
        pytest.param(MAIN, b"", b' "r" "u" "f"', id="main"),
    ],
)
def test_a_line_with_one_field_that_is_unusual_is_rendered_as_by_the_readable_path(
    layout: Layout, before: bytes, behind: bytes, site: str
) -> None:
    fields = (before, *(usual[0] for usual, _ in FIELDS[1:-1]), behind)
    _assert_taken_lines_are_equal([_with(fields, [odd]) for odd in ODD], layout, site)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        pytest.param(PLAIN, COMMON_LINE, id="common"),
        pytest.param(PLAIN, COMBINED_LINE, id="combined"),
        pytest.param(VHOST, VHOST_LINE, id="vhost_combined"),
        pytest.param(MAIN, MAIN_LINE, id="main"),
    ],
)
def test_a_line_with_any_border_character_at_any_place_is_rendered_as_by_the_readable_path(
    layout: Layout, text: str
) -> None:
    line = text.encode()
    lines = [
        line[:at] + char + line[at + cut :] for at in range(len(line)) for char in BORDERS for cut in (0, 1)
    ]
    _assert_taken_lines_are_equal(lines, layout, "")


@settings(max_examples=300, deadline=None)
@given(BLOCKS)
def test_every_line_that_is_not_taken_is_given_back_whole(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    for layout in (PLAIN, VHOST, MAIN):
        rendered, rows = BlockParser(layout).parse(block)
        odd = [
            (row[-1].encode("latin-1"), line)
            for piece, row, line in zip(rendered, rows, lines, strict=True)
            if piece is None
        ]
        assert [row for row, _ in odd] == [line for _, line in odd]


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        pytest.param(PLAIN, COMMON_LINE, id="common"),
        pytest.param(PLAIN, COMBINED_LINE, id="combined"),
        pytest.param(VHOST, VHOST_LINE, id="vhost_combined"),
        pytest.param(VHOST, f"my.site.com:80 {COMMON_LINE}", id="vhost_common"),
        pytest.param(MAIN, MAIN_LINE, id="main"),
        pytest.param(MAIN, f'{COMBINED_LINE} "-"', id="main without forwarded address"),
        pytest.param(PLAIN, f'{COMMON_LINE} "-" "-"', id="no referer, no agent"),
        pytest.param(PLAIN, COMMON_LINE.replace("1.2.3.4", "2001:db8::1"), id="IPv6"),
        pytest.param(PLAIN, COMMON_LINE.replace("1.2.3.4", "client.example.net"), id="a client's name"),
        pytest.param(PLAIN, COMMON_LINE.replace("- -", "joe frank"), id="ident and user"),
        pytest.param(PLAIN, COMMON_LINE.replace("-0700", "+0000"), id="UTC"),
        pytest.param(PLAIN, COMMON_LINE.replace("/a/b?c=/d", "/"), id="root"),
        pytest.param(PLAIN, COMMON_LINE.replace("/a/b?c=/d", "/img.gif"), id="one segment"),
        pytest.param(PLAIN, COMMON_LINE.replace("/a/b", "/%C3%A9;x=1/!~"), id="a path with signs"),
        pytest.param(PLAIN, COMMON_LINE.replace("GET", "POST"), id="another method"),
        pytest.param(PLAIN, COMMON_LINE.replace("HTTP/1.1", "HTTP/2"), id="HTTP/2"),
        pytest.param(PLAIN, COMMON_LINE.replace("200 5", "304 -"), id="no size"),
        pytest.param(PLAIN, COMMON_LINE.replace("200 5", "200 0"), id="size 0"),
        pytest.param(PLAIN, COMMON_LINE.replace("200 5", "500 999999999999999999"), id="size of 18 digits"),
    ],
)
def test_an_ordinary_line_is_taken_and_rendered_as_by_the_readable_path(layout: Layout, line: str) -> None:
    assert _fast(layout, "", [line.encode()]) == [_readable(line.encode())]


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        pytest.param(PLAIN, VHOST_LINE, id="vhost_combined among combined"),
        pytest.param(PLAIN, MAIN_LINE, id="main among combined"),
        pytest.param(MAIN, COMBINED_LINE, id="combined among main"),
        pytest.param(VHOST, COMBINED_LINE, id="combined among vhost_combined"),
        pytest.param(PLAIN, COMBINED_LINE.replace("X11", '\\"X11\\"'), id="escaped quotes"),
        pytest.param(PLAIN, COMBINED_LINE.replace("X11", "caf\u00e9"), id="not ASCII"),
        pytest.param(PLAIN, COMBINED_LINE.replace("/a/b?c=/d", "http://h/a"), id="absolute form"),
        pytest.param(PLAIN, f"{COMBINED_LINE}\r", id="a carriage return"),
        pytest.param(PLAIN, "", id="a blank line"),
    ],
)
def test_a_line_of_another_kind_is_not_taken(layout: Layout, line: str) -> None:
    assert _fast(layout, "", [line.encode()]) == [None]


def test_more_stamps_than_are_remembered_are_all_rendered_right() -> None:
    lines = [
        re.sub(
            r":13:55:36", f":{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}", COMMON_LINE
        ).encode()
        for second in range(0, 86_400, 17)
    ]
    assert _fast(PLAIN, "", lines) == [_readable(line) for line in lines]


def test_stamps_out_of_order_and_of_several_zones_are_rendered_right() -> None:
    stamps = ["13:55:36 -0700", "13:54:59 -0700", "13:55:37 -0700", "13:55:37 +0100", "13:55:38 -0700"]
    lines = [COMMON_LINE.replace("13:55:36 -0700", stamp).encode() for stamp in stamps]
    assert _fast(PLAIN, "", lines) == [_readable(line) for line in lines]


def test_memory_for_what_is_remembered_stays_bounded() -> None:
    parser = BlockParser(PLAIN)
    held = []
    tracemalloc.start()
    try:
        for block in range(20):
            lines = (COMMON_LINE.replace("- -", f"- {block * 1000 + n}") + "\n" for n in range(1000))
            parser.parse("".join(lines).encode())
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(held[10:]) <= 1.1 * max(held[:10])


def test_an_empty_block_gives_nothing() -> None:
    assert BlockParser(PLAIN).parse(b"") == ([], [])
