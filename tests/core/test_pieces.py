"""A log counted in pieces: what they sum up to is what one reader of the log counts."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from harness import EPOCH, log_line, utc
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.parse import LogParser
from w3ctools.core.pieces import (
    NO_TIME,
    Grouping,
    LogCounting,
    Part,
    Piece,
    Seen,
    SummaryCounting,
    interval_of,
    leading_seconds,
    together,
    unsure_paths,
)
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.stats import Interval
from w3ctools.core.summary import Spec, StatsRow, Summary

UVICORN = b'INFO:     127.0.0.1:1 - "GET /a HTTP/1.1" 200 OK\n'


def row(epoch: float | None, event: str | None = None) -> StatsRow:
    """A request."""
    return StatsRow(event=event, epoch=epoch, section="/a", status=200, method="GET", client="c", bytes=1)


def counted(*blocks: bytes) -> Piece:
    """A file that is read whole."""
    counting = LogCounting("a.log", 0, Grouping(10))
    for block in blocks:
        counting.feed(block)
    return counting.flush()


def figures(parts: list[tuple[int, Part]]) -> dict[int, tuple[int, int]]:
    """Requests and unparsed lines by interval."""
    summaries = {key: Summary.from_bytes(part.packed) for key, part in parts}
    return {key: (summary.requests, summary.unparsed) for key, summary in summaries.items()}


class TestGrouping:
    def test_rows_count_at_their_own_second(self) -> None:
        grouping = Grouping(10)
        grouping.feed([row(100), row(101.5), row(109.999), row(110), row(100)])
        parts, leading = grouping.flush()
        assert figures(parts) == {100: (4, 0), 110: (1, 0)}
        assert [part.seconds for _, part in parts] == [{100: 2, 101: 1, 109: 1}, {110: 1}]
        assert leading is None

    def test_row_without_time_counts_with_the_one_before_it(self) -> None:
        grouping = Grouping(10)
        grouping.feed([row(None), row(None)])
        grouping.feed([row(None), row(100), row(None), row(115), row(None, "unparsed")])
        parts, leading = grouping.flush()
        assert figures(parts) == {100: (2, 0), 110: (1, 1)}
        assert parts[1][1].seconds == {115: 2}
        assert leading is not None
        assert Summary.from_bytes(leading.packed).requests == 3

    def test_log_in_any_order_is_counted_alike_however_much_is_open(self) -> None:
        epochs = [10 * number for number in range(600)] * 3
        random.Random(1).shuffle(epochs)
        grouping = Grouping(10)
        for begin in range(0, len(epochs), 50):
            grouping.feed([row(epoch) for epoch in epochs[begin : begin + 50]])
        parts, _ = grouping.flush()
        assert figures(parts) == {10 * number: (3, 0) for number in range(600)}
        assert all(part.seconds == {key: 3} for key, part in parts)

    def test_what_is_beyond_the_limit_counts_but_is_not_the_newest(self) -> None:
        grouping = Grouping(10, limit_s=200)
        grouping.feed([row(100), row(200), row(201), row(9999)])
        assert grouping.newest_s == 200
        assert (grouping.first_s, grouping.last_s) == (100, 9999)
        assert len(grouping.flush()[0]) == 3


class TestLog:
    def test_lines_are_counted_as_parse_and_stats_count_them(self) -> None:
        piece = counted(log_line(EPOCH), b"\n# comment\nnonsense\n", log_line(EPOCH + 10, status=500))
        assert piece.seen._replace(newest_s=None) == Seen(
            "a.log", first_s=EPOCH, last_s=EPOCH + 10, lines=5, records=2, unparsed=1, skipped=2
        )
        assert figures(piece.parts) == {EPOCH: (1, 1), EPOCH + 10: (1, 0)}

    def test_last_line_needs_no_end(self) -> None:
        assert counted(log_line(EPOCH), log_line(EPOCH)[:-1]).seen.records == 2

    def test_log_in_no_known_format_is_told_of(self) -> None:
        piece = counted(b"one\ntwo\n")
        assert piece.seen.is_unknown
        assert piece.leading is not None
        assert figures(piece.placed(None, 10)) == {NO_TIME: (0, 2)}

    def test_leading_lines_are_placed_where_they_are_told_to(self) -> None:
        piece = counted(UVICORN * 2, log_line(EPOCH + 3))
        keys = [(key, part.seconds) for key, part in piece.placed(EPOCH + 3, 10)]
        assert keys == [(EPOCH, {EPOCH + 3: 2}), (EPOCH, {EPOCH + 3: 1})]


def in_ranges(head: bytes, *parts: bytes) -> list[Piece]:
    """A file of these parts, its first one read as its head by all who read another."""
    pieces, begin = [], 0
    for part in parts:
        counting = LogCounting("a.log", begin, Grouping(10))
        counting.feed_head(head)
        for at in range(0, len(part), 7):
            counting.feed_range(part[at : at + 7])
        pieces.append(counting.flush())
        begin += len(part) + len(head)
    return pieces


def is_sure(pieces: list[Piece]) -> bool:
    """Whether the pieces fit together."""
    return not unsure_paths(piece.seen for piece in pieces)


W3C = b"#Fields: date time cs-method cs-uri-stem sc-status\n"
DATELESS = b"#Date: 2020-09-13\n#Fields: time cs-method cs-uri-stem sc-status\n"
OTHER = log_line(EPOCH).replace(b'"-" "curl/8"', b"").rstrip() + b"\n"
LTSV = b"time:[13/Sep/2020:12:26:40 +0000]\thost:192.0.2.1\treq:GET /a HTTP/1.1\tstatus:200\tsize:5\n"


class TestRanges:
    def test_head_counts_in_the_first_range_alone(self) -> None:
        pieces = in_ranges(log_line(EPOCH), log_line(EPOCH) * 2, log_line(EPOCH) * 3)
        assert [piece.seen.records for piece in pieces] == [3, 3]
        assert is_sure(pieces)

    def test_w3c_lines_are_read_with_the_fields_of_the_head(self) -> None:
        line = b"2020-09-13 12:26:40 GET /a 200\n"
        pieces = in_ranges(W3C + line, line, line * 2)
        assert [piece.seen.records for piece in pieces] == [2, 2]
        assert is_sure(pieces)

    def test_directive_further_down_makes_the_file_unsure(self) -> None:
        line = b"2020-09-13 12:26:40 GET /a 200\n"
        assert not is_sure(in_ranges(W3C + line, line + W3C + line, line))
        assert not is_sure(in_ranges(W3C + line, line, b"#Source: /b\n" + line))

    def test_another_format_that_takes_over_makes_the_file_unsure(self) -> None:
        assert is_sure(in_ranges(log_line(), log_line(), log_line() + LTSV * 15 + log_line()))
        assert not is_sure(in_ranges(log_line(), log_line(), log_line() + LTSV * 16 + log_line()))

    def test_another_format_across_a_border_makes_the_file_unsure(self) -> None:
        assert is_sure(in_ranges(log_line(), log_line() + LTSV, log_line() + LTSV))
        assert not is_sure(in_ranges(log_line(), log_line() + LTSV, LTSV + log_line()))

    def test_lines_whose_day_depends_on_those_above_are_never_settled(self) -> None:
        counting = LogCounting("a.log", 0, Grouping(10))
        counting.feed_head(DATELESS + b"12:26:40 GET /a 200\n")
        assert not counting.is_settled

    @pytest.mark.parametrize("sure", [True, False])
    def test_reader_may_say_itself_that_it_is_unsure(self, sure: bool) -> None:
        counting = LogCounting("a.log", 5, Grouping(10))
        if not sure:
            counting.unsure()
        assert unsure_paths([counting.flush().seen]) == (set() if sure else {"a.log"})

    def test_leading_lines_go_to_the_line_before_them_in_the_file(self) -> None:
        seen = [
            Seen("b", 0),
            Seen("a", 20),
            Seen("a", 0),
            Seen("a", 10, first_s=5, last_s=7),
            Seen("a", 30, first_s=9, last_s=8),
        ]
        assert leading_seconds(seen) == {
            ("a", 0): 5,
            ("a", 10): 5,
            ("a", 20): 7,
            ("a", 30): 7,
            ("b", 0): None,
        }


def summary_line(
    from_s: int, to_s: int, requests: int, spec: Spec | None = None, host: str = "web1"
) -> bytes:
    """A line of ``w3c-stats -o json --mergeable``."""
    summary = Summary(spec or Spec())
    summary.feed([row(from_s) for _ in range(requests)])
    seconds = Counter({from_s: requests})
    interval = Interval(from_s, to_s, summary, False, 2, 1, seconds)
    return JsonRenderer(10, "web1").render(interval).encode()


def summed(*lines: bytes, interval_s: int = 10) -> Piece:
    """A file of summaries."""
    counting = SummaryCounting("s.jsonl", Grouping(interval_s))
    counting.feed(b"".join(lines))
    return counting.flush()


class TestSummaries:
    def test_summaries_are_taken_as_they_are(self) -> None:
        piece = summed(summary_line(100, 110, 3), summary_line(100, 110, 2), summary_line(110, 120, 1))
        assert figures(piece.parts) == {100: (5, 0), 110: (1, 0)}
        assert piece.parts[0][1][1:] == ({100: 5}, 4, 2)
        assert piece.seen.problem is None

    def test_empty_summary_says_how_far_the_host_is(self) -> None:
        piece = summed(summary_line(100, 110, 0))
        assert figures(piece.parts) == {100: (0, 0)}
        assert piece.seen.newest_s == 109

    def test_shorter_one_counts_in_its_interval_longer_one_is_left_out(self) -> None:
        piece = summed(summary_line(105, 110, 3), summary_line(160, 240, 1), interval_s=60)
        assert figures(piece.parts) == {60: (3, 0)}
        assert piece.seen.problem is not None
        assert (
            f"left out 1 line: the summary from {utc(160)} to {utc(240)} is of another interval than 60 s"
            in piece.seen.problem
        )

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (summary_line(100, 110, 1, Spec(("path",))), "is of another kind: sections of depth 1 by path"),
            (b'{"event":null,"epoch":5}\n', "is a record: a file holds summaries or a log"),
            (b"cut o", "line 1 is no summary"),
            (b'{"event":"summary","from":null,"to":null,"packed":null}\n', "--mergeable"),
            (b'{"event":"summary","from":null,"to":null,"packed":"AQ=="}\n', "is damaged"),
        ],
    )
    def test_what_cannot_be_added_is_told_of(self, line: bytes, words: str) -> None:
        problem = summed(line, summary_line(100, 110, 1)).seen.problem
        assert problem is not None
        assert problem.startswith("s.jsonl: left out 1 line: ")
        assert words in problem


class TestTogether:
    @given(st.lists(st.lists(st.integers(100, 109), max_size=5), min_size=1, max_size=5))
    def test_parts_add_up(self, parts: list[list[int]]) -> None:
        made = []
        for epochs in parts:
            grouping = Grouping(10)
            grouping.feed([row(100), *(row(epoch) for epoch in epochs)])
            made.append(grouping.flush()[0][0][1])
        sum_of_all = together(made)
        epochs = [epoch for one in parts for epoch in [100, *one]]
        assert Summary.from_bytes(sum_of_all.packed).requests == len(epochs)
        assert sum_of_all.seconds == dict(Counter(epochs))

    def test_seconds_that_one_does_not_tell_are_unknown(self) -> None:
        part = Part(Summary().to_bytes(), {100: 1})
        assert together([part, part._replace(seconds=None), part]).seconds is None


class TestInterval:
    PART = Part(Summary().to_bytes(), {103: 2, 101: 1})

    def test_last_one_ends_with_the_last_line(self) -> None:
        inner, last = (interval_of(100, self.PART, 10, is_last=is_last) for is_last in (False, True))
        assert (inner.from_s, inner.to_s, inner.partial) == (100, 110, False)
        assert (last.from_s, last.to_s, last.partial) == (100, 104, True)

    def test_last_one_that_is_whole_is_not_cut_short(self) -> None:
        whole = interval_of(100, self.PART._replace(seconds={109: 1}), 10, is_last=True)
        assert (whole.to_s, whole.partial) == (110, False)

    def test_one_without_time_has_none(self) -> None:
        line = JsonRenderer(10, "h").render(interval_of(NO_TIME, self.PART, 10, is_last=False))
        assert (json.loads(line)["from"], json.loads(line)["seconds"]) == (None, [])


def test_parser_knows_whether_it_is_settled() -> None:
    from w3ctools.core.formats.format import Settings
    from w3ctools.core.timestamp import Zone

    parser = LogParser(Settings("", Zone()))
    seen = []
    for line in (b"odd\n", log_line(), LTSV, b"\n", LTSV, log_line()):
        parser.feed(line)
        seen.append(parser.is_settled)
    assert seen == [False, True, False, True, False, True]
