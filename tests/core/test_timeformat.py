"""Times in format strings: what each directive reads, what pieces make together."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from w3ctools.core.errors import FormatError
from w3ctools.core.formats.timeformat import CLF, ISO8601, MSEC, Piece, chosen_pieces, compile_time, read_time
from w3ctools.core.timestamp import Zone

UTC = Zone(timezone.utc)


def _read(*pairs: tuple[Piece | str, str], zone: Zone = UTC) -> tuple[Any, Any]:
    pieces = [compile_time(piece) if isinstance(piece, str) else piece for piece, _ in pairs]
    return read_time(pieces, [text for _, text in pairs], zone)


@pytest.mark.parametrize(
    ("pairs", "time", "epoch"),
    [
        ([(CLF, "10/Oct/2000:13:55:36 -0700")], "2000-10-10T20:55:36Z", 971_211_336),
        ([(CLF, "10/Oct/2000:13:55:36.5 -0700")], "2000-10-10T20:55:36.5Z", 971_211_336.5),
        ([(CLF, "10/Oct/2000 13:55:36")], "2000-10-10T13:55:36Z", 971_186_136),
        ([(CLF, "31/Dec/2016:23:59:60 +0000")], "2017-01-01T00:00:00Z", 1_483_228_800),
        ([(CLF, "31/Feb/2000:13:55:36 +0000")], None, None),
        ([(CLF, "10/Okt/2000:13:55:36 +0000")], None, None),
        ([(CLF, "10/Oct/2000:13:55:36 +2400")], None, None),
        ([(ISO8601, "2000-10-10T13:55:36-07:00")], "2000-10-10T20:55:36Z", 971_211_336),
        ([(MSEC, "971211336.250")], "2000-10-10T20:55:36.250Z", 971_211_336.25),
        (
            [("%d/%b/%Y %T", "10/Oct/2000 13:55:36"), ("msec_frac", "250"), ("%z", "-0700")],
            "2000-10-10T20:55:36.250Z",
            971_211_336.25,
        ),
        ([("sec", "971211336"), ("usec_frac", "000250")], "2000-10-10T20:55:36.000250Z", 971_211_336.00025),
        ([("msec", "971211336250")], "2000-10-10T20:55:36.250Z", 971_211_336.25),
        ([("begin:usec", "971211336000250")], "2000-10-10T20:55:36.000250Z", 971_211_336.00025),
        ([("%s", "971211336")], "2000-10-10T20:55:36Z", 971_211_336),
        ([("%D %r", "10/10/00 01:55:36 PM")], "2000-10-10T13:55:36Z", 971_186_136),
        ([("%F %I:%M %p", "2000-10-10 12:05 AM")], "2000-10-10T00:05:00Z", 971_136_300),
        ([("%c %Z", "Tue Oct 10 13:55:36 2000 GMT")], "2000-10-10T13:55:36Z", 971_186_136),
        ([("%A, %B %e %Y %k:%M", "Tuesday, October 10 2000  3:55")], "2000-10-10T03:55:00Z", 971_150_100),
        ([("%Y-%j %H", "2000-284 13")], "2000-10-10T13:00:00Z", 971_182_800),
        (
            [("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2000-10-10T13:55:36.250-0700")],
            "2000-10-10T20:55:36.250Z",
            971_211_336.25,
        ),
        ([("%F", "2000-10-10")], None, None),
        ([("%F %T", "2000-13-10 13:55:36")], None, None),
        ([("%F %T", "no time")], None, None),
    ],
)
def test_pieces_make_a_time(
    pairs: list[tuple[Piece | str, str]], time: str | None, epoch: float | None
) -> None:
    assert _read(*pairs) == (time, epoch)


def test_a_stamp_without_zone_takes_the_users() -> None:
    zone = Zone(timezone(timedelta(hours=2)))
    assert _read(("%F %T", "2000-10-10 13:55:36"), zone=zone)[0] == "2000-10-10T11:55:36Z"
    assert zone.used == 1


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        (["end:%F %T", "begin:%F %T"], [1]),
        (["%F %T", "end:usec"], [0]),
        (["begin:msec_frac", "end:%F %T"], [1]),
        (["%F", "%T"], [0, 1]),
        (["end:sec"], [0]),
    ],
)
def test_the_beginning_wins_where_it_suffices(texts: list[str], chosen: list[int]) -> None:
    assert chosen_pieces([compile_time(text) for text in texts]) == chosen


@pytest.mark.parametrize(("text", "column"), [("%F %Q", 4), ("begin:%!", 7), ("yyyy-qq", 6), ("%", 1)])
def test_an_unknown_directive_is_named_with_its_column(text: str, column: int) -> None:
    with pytest.raises(FormatError) as caught:
        compile_time(text)
    assert caught.value.column == column
