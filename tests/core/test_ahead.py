"""Blocks parsed ahead of their turn give what they give in it."""

from __future__ import annotations

import random
from datetime import timezone

import pytest

from w3ctools.core.ahead import parse_ahead, read_ahead
from w3ctools.core.formats import registry
from w3ctools.core.formats.apache import compile_log_format
from w3ctools.core.formats.format import MakeFormat, Settings
from w3ctools.core.framing import MAX_LINE_BYTES
from w3ctools.core.parse import LogParser, Parsed
from w3ctools.core.timestamp import Zone

COMBINED = b'192.0.2.%d - - [10/Oct/2000:13:55:%02d +0000] "GET /a/%d?q=%d HTTP/1.1" 200 %d "-" "agent %d"\n'
MAIN = registry.by_name("main")
W3C = b"#Fields: date time c-ip cs-method cs-uri-stem sc-status\n"
ODD = (
    b"no log line\n",
    b"\n",
    b"# a remark\n",
    b'192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /\\"quoted\\" HTTP/1.1" 200 5 "-" "a \\" b"\n',
    b'192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "-" 408 - "-" "-"\n',
    b'192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /caf\xc3\xa9 HTTP/1.1" 200 5\r\n',
    b'192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "not closed\n',
)


def _combined(number: int) -> bytes:
    return COMBINED % (number % 250, number % 60, number % 7, number, number, number % 5)


def _w3c(number: int) -> bytes:
    return b"2002-05-02 17:42:%02d 192.0.2.9 GET /w3c/%d 200\n" % (number % 60, number)


def _main(number: int) -> bytes:
    return _combined(number)[:-1] + b' "203.0.113.%d"\n' % (number % 250)


def _parser(make_format: MakeFormat | None = None) -> LogParser:
    return LogParser(Settings("", Zone(timezone.utc)), make_format)


class Result:
    """Everything that a parser has told."""

    def __init__(self, make_format: MakeFormat | None) -> None:
        self.parser = _parser(make_format)
        self.output = b""
        self.rejects: list[object] = []
        self.chosen: list[tuple[str | None, str]] = []
        #: Blocks of which the fast path of the time was used ahead.
        self.ahead = 0

    def add(self, parsed: Parsed) -> None:
        self.output += parsed.output
        self.rejects += parsed.rejects
        self.chosen += [(path, found.name) for path, found in parsed.chosen.items()]

    def told(self) -> tuple[object, ...]:
        return self.output, self.parser.counts, self.rejects, self.chosen


def _compare(blocks: list[bytes], lag: int = 2, make_format: MakeFormat | None = None) -> Result:
    """Feed blocks, and feed them ahead: what `lag` blocks before was the fast path."""
    usual, ahead = Result(make_format), Result(make_format)
    fasts = []
    for block in blocks:
        usual.add(usual.parser.feed(block))
        fasts.append(ahead.parser.fast_path)
        fast = fasts[max(0, len(fasts) - lag)]
        if fast is None:
            ahead.add(ahead.parser.feed(block))
        else:
            ahead.ahead += 1
            ahead.add(ahead.parser.feed_ahead(block, fast, read_ahead(parse_ahead(fast, block))))
    for result in (usual, ahead):
        result.add(result.parser.flush())
    assert ahead.told() == usual.told()
    return ahead


def _blocks(lines: list[bytes], rng: random.Random) -> list[bytes]:
    blocks = []
    while lines:
        size = rng.choice([1, 3, 40, 400])
        blocks.append(b"".join(lines[:size]))
        lines = lines[size:]
    return blocks


def test_a_log_of_one_format_is_all_parsed_ahead() -> None:
    result = _compare([b"".join(map(_combined, range(at, at + 500))) for at in range(0, 5000, 500)])
    assert result.ahead == 8
    assert result.parser.counts.records == 5000


@pytest.mark.parametrize("seed", range(40))
def test_any_mixture_gives_the_same(seed: int) -> None:
    rng = random.Random(f"mixture {seed}")
    lines: list[bytes] = []
    for _ in range(rng.randrange(2, 12)):
        make = rng.choice([_combined, _combined, _main, _w3c])
        if make is _w3c:
            lines.append(W3C)
        if rng.random() < 0.2:
            lines.append(b"#Source: /var/log/%d.log\n" % rng.randrange(3))
        stretch = [make(number) for number in range(rng.choice([1, 15, 16, 17, 200]))]
        for _ in range(rng.randrange(4)):
            stretch.insert(rng.randrange(len(stretch) + 1), rng.choice(ODD))
        lines += stretch
    if rng.random() < 0.5:
        lines[0] = b"\xef\xbb\xbf" + lines[0]
    _compare(_blocks(lines, rng), lag=rng.choice([1, 2, 3]))


def test_another_format_that_takes_over_within_a_block_takes_the_rest_of_it() -> None:
    first, second = map(_combined, range(100)), map(_main, range(100))
    blocks = [b"".join(map(_combined, range(50))), b"".join([*first, *second])]
    result = _compare([*blocks, *blocks], lag=1)
    assert [name for _, name in result.chosen] == ["combined", "main", "combined", "main"]


def test_a_line_that_is_too_long_is_so_in_a_block_parsed_ahead() -> None:
    overlong = _combined(1)[:-2] + b"u" * MAX_LINE_BYTES + b'"\n'
    result = _compare([_combined(1), _combined(2) + overlong + _combined(3)], lag=1)
    assert result.parser.counts.unparsed == 1


def test_a_source_that_looks_like_a_record_is_a_source() -> None:
    blocks = [b"frank 192.0.2.1\n" * 3, b"frank 192.0.2.1\n#Source: 200\nfrank 192.0.2.1\n"]
    result = _compare(blocks, 1, lambda settings: compile_log_format("%u %h", settings))
    assert result.parser.counts.skipped == 1


def test_lines_without_a_zone_are_not_for_other_processes() -> None:
    parser = LogParser(Settings("", Zone(timezone.utc)))
    parser.feed(b'127.0.0.1 - - [10/Oct/2000:13:55:36] "GET / HTTP/1.0" 200 2326\n')
    assert parser.fast_path is None
