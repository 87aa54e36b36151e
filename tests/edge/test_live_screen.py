"""The lines of the live screen: at every size they fit, and the important things are there."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import pytest
from harness import DEADLINE_S, EPOCH
from rich.cells import cell_len

from w3ctools.core.live import Controls, SectionLine, SlowPath, Span, Told, View
from w3ctools.core.wire import AlertEvent
from w3ctools.edge.keys import Keys
from w3ctools.edge.live_screen import Look, Screen, draw, look, why_not
from w3ctools.edge.streams import Output

PLAIN, COLOURED, ASCII = Look(False, True), Look(True, True), Look(False, False)
SIZES = [*product((1, 20, 40, 41, 79, 80, 120, 200), (1, 2, 5, 10, 24, 50, 100))]
CALM = [("/pages", 600), ("/api", 300), ("/images", 90), (None, 10)]
NASTY = "/世界世界世界世界[bold red]x[/]\x1b[2J\x07\u202eé" + "界" * 90


def _alert(number: int, state: str = "raised", message: str = "") -> AlertEvent:
    time = f"2020-09-13T12:{number % 60:02}:40Z"
    words = {"raised": "generated an alert", "recovered": "alert recovered"}[state]
    return AlertEvent(
        state=state,
        time=time,
        message=message or f"High traffic {words} - hits = {number}, triggered at {time}",
    )


def _view(
    sections: Sequence[tuple[str | None, int]] | None = None,
    alerts: list[Told] | None = None,
    **others: Any,
) -> View:
    shown = CALM if sections is None else sections
    view = View(
        newest=EPOCH,
        lag_s=1.2,
        quiet_s=None,
        rate_per_s=16.7,
        seconds=[second % 20 for second in range(300)],
        end=EPOCH,
        spans=[
            Span(10, 167, 16.7, 0, 0.0123),
            Span(60, 1000, 16.7, 3, 0.5),
            Span(300, 5_000, 16.7, 3, 12.5),
            Span(90_000, 123_456_789, 1371.7, 9_999_999, None),
        ],
        unparsed=0,
        statuses=[(200, 980), (404, 17), (503, 3), (None, 1)],
        sections=[
            SectionLine(name, requests, requests / 1000, requests / 60, 0, 0.0, 0.01, False)
            for name, requests in shown
        ],
        failing=[("/pages/create", 3)],
        slowest=[SlowPath("/api/v1/items", 74.0, 300)],
        clients=[("198.18.0.1", 900), ("2001:db8:d94:75::bd9", 100)],
        alerts=alerts or [],
        alert_count=len(alerts or []),
    )
    return view._replace(**others)


def _draw(view: View, columns: int, rows: int, look: Look = PLAIN, keys: str = "") -> list[str]:
    controls = Controls()
    for key in keys:
        controls.press(key)
    return draw(view, controls, (columns, rows), look)


def _text(view: View, columns: int, rows: int, look: Look = PLAIN, keys: str = "") -> str:
    return "\n".join(_draw(view, columns, rows, look, keys))


def _without_colour(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def _full() -> View:
    """As much of everything as there can be, and the nastiest text there can be in a log."""
    alerts = [Told(_alert(number), number == 0) for number in range(1000)]
    many = [(NASTY, 10**9), *((f"/section-{number}", 10**7 + number) for number in range(300))]
    view = _view(many, alerts, quiet_s=10**6, rate_per_s=10.0**9, unparsed=10**9)
    return view._replace(
        failing=[(NASTY, 10**9)] * 100,
        slowest=[SlowPath(NASTY, 1e9, 3)] * 100,
        clients=[(NASTY, 10**9)] * 100,
        statuses=[(status, 10**7) for status in range(100, 600)],
        alerts=[Told(_alert(1, message=NASTY), True), *alerts],
        alert_count=10**7,
    )


@pytest.mark.parametrize("look", [PLAIN, COLOURED, ASCII])
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_nothing_is_wider_or_higher_than_the_screen(columns: int, rows: int, look: Look) -> None:
    for view in (_view(), _full(), _view([])._replace(newest=None, seconds=[], failing=[], clients=[])):
        for keys in ("", "?", " 55"):
            lines = _draw(view, columns, rows, look, keys)
            assert len(lines) == rows
            assert max(cell_len(_without_colour(line)) for line in lines) <= columns


def test_nothing_of_the_log_acts_on_the_terminal() -> None:
    text = _text(_full(), 200, 100)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert r"\x1b[2J" in text


def test_markup_in_the_log_is_text() -> None:
    assert "[bold red]x[/]" in _text(_view([("/[bold red]x[/]", 5)]), 80, 24)


def test_wide_characters_keep_the_columns_in_line() -> None:
    lines = _draw(_view([("/世界", 600), ("/abcd", 600)]), 80, 24)
    wide, narrow = (next(line for line in lines if name in line) for name in ("/世界", "/abcd"))
    assert cell_len(wide[: wide.index("600")]) == cell_len(narrow[: narrow.index("600")])


def test_without_unicode_everything_is_ascii() -> None:
    view = _view([("/世界é", 600), ("/a" * 90, 5)], [Told(_alert(1, message="High é"), True)])
    text = _text(view, 120, 50, ASCII)
    assert text.isascii()
    assert "####" in text


def test_without_colour_there_is_no_escape_sequence() -> None:
    assert "\x1b" not in _text(_view(), 80, 24)
    assert "\x1b" in _text(_view(), 80, 24, COLOURED)


@pytest.mark.parametrize(("columns", "rows"), [(40, 10), (80, 10), (40, 24), (80, 24), (80, 50), (200, 100)])
def test_rate_sections_and_newest_alert_are_always_there(columns: int, rows: int) -> None:
    view = _view(None, [Told(_alert(2), True), Told(_alert(1), False)])
    text = _text(view, columns, rows)
    for words in ("12:26:40Z", "16.7/s", "1 alert", "/pages", "600", "12:02:40  High traffic", "alerts  2"):
        assert words in text


@pytest.mark.parametrize(
    ("columns", "rows", "there", "missing"),
    [
        (40, 24, ["errors", "trend", "traffic"], ["err %", "per s  "]),
        (80, 10, ["share", "err %", "█"], ["traffic", "failing"]),
        (80, 24, ["share", "traffic", "failing paths"], []),
        (80, 50, ["failing paths", "slowest paths", "clients"], []),
        (200, 24, ["failing paths", "slowest paths", "clients"], []),
    ],
)
def test_room_says_what_is_shown(columns: int, rows: int, there: list[str], missing: list[str]) -> None:
    text = _text(_view(), columns, rows)
    assert [word for word in there if word not in text] == []
    assert [word for word in missing if word in text] == []


def test_log_without_durations_has_no_pane_for_them() -> None:
    spans = [span._replace(p95_s=None) for span in _view().spans]
    text = _text(_view(spans=spans, slowest=[]), 200, 50)
    assert "slowest" not in text
    assert "p95" not in text


def test_windows_stand_beside_each_other() -> None:
    text = _text(_view(), 80, 24)
    rows = {line.split()[0]: line[:39].split()[1:] for line in text.splitlines() if line}
    assert rows["traffic"] == ["10", "s", "1", "m", "5", "m", "all"]
    assert rows["requests"] == ["167", "1,000", "5,000", "123M"]
    assert rows["errors"] == ["0", "3", "3", "10.0M"]
    assert rows["p95"] == ["12.3ms", "500ms", "12.5s", "-"]


def test_alerts_say_how_many_more_there_are() -> None:
    told = [Told(_alert(number), False) for number in range(30, 0, -1)]
    text = _text(_view(None, told, alert_count=1200), 80, 24)
    assert f"alerts  1,200, {1200 - text.count('hits = '):,} not shown" in text
    assert text.index("hits = 30") < text.index("hits = 29")


@pytest.mark.parametrize(("rows", "alerts"), [(10, 1), (24, 2), (50, 5)])
def test_alerts_take_no_line_from_what_stands_above(rows: int, alerts: int) -> None:
    many = [(f"/{number}", 5) for number in range(15)]
    none, some = (_draw(_view(many, [Told(_alert(1), False)] * number), 80, rows) for number in (0, alerts))
    above = rows - alerts - 3
    assert none[:above] == some[:above]


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (80, 10), (80, 30), (80, 50), (200, 100)])
def test_however_much_there_is_alerts_reach_down_to_the_last_line(columns: int, rows: int) -> None:
    lines = _draw(_full(), columns, rows)
    heading = next(number for number, line in enumerate(lines) if line.startswith("alerts  10,000,000"))
    assert heading <= rows - 3
    assert all(line.startswith("12:") for line in lines[heading + 1 : -1])
    assert lines[-1].startswith("q quit")


def test_sections_that_are_not_shown_are_counted() -> None:
    many = [(f"/{number}", 5) for number in range(40)]
    lines = _draw(_view(many), 80, 24)
    shown = sum(bool(re.match(r"/\d+ ", line)) for line in lines)
    assert f"{40 - shown} more" in next(line for line in lines if line.startswith("sections"))


@pytest.mark.parametrize(("keys", "heading"), [("", "▼requests"), ("2", "▲requests"), ("6", "▼err %")])
def test_sorted_column_is_marked(keys: str, heading: str) -> None:
    assert heading in _text(_view(), 80, 24, keys=keys)


def test_sorting_by_name_is_marked_too() -> None:
    assert "▲sections" in _text(_view(), 80, 24, keys="1")


@pytest.mark.parametrize(
    ("trend", "is_new", "shown"),
    [(0.12, False, "▲ 12%"), (-0.5, False, "▼ 50%"), (50.0, False, "▲ 999%"), (None, True, "new")],
)
def test_trend_is_an_arrow_and_per_cent(trend: float | None, is_new: bool, shown: str) -> None:
    line = SectionLine("/a", 5, 0.5, 5.0, 0, 0.0, trend, is_new)
    row = next(text for text in _draw(_view()._replace(sections=[line]), 80, 24) if text.startswith("/a"))
    assert row.endswith(shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lag_s": 0.4}, "lag 0s"),
        ({"lag_s": 400.0}, "lag 6m 40s"),
        ({"lag_s": -70.0}, "ahead 1m 10s"),
        ({"lag_s": None}, "replay"),
        ({"lag_s": 90.0, "quiet_s": 90.0}, "quiet 1m 30s"),
        ({"newest": None}, "waiting for the first request"),
    ],
)
def test_header_says_how_the_log_is(change: dict[str, Any], words: str) -> None:
    assert words in _draw(_view(**change), 80, 24)[0]


def test_header_says_that_it_is_frozen() -> None:
    assert "frozen" in _draw(_view(), 80, 24, keys=" ")[0]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_sparkline_rises_with_the_rate(columns: int) -> None:
    header = _draw(_view(seconds=[*[1] * 150, *[8] * 150]), columns, 24)[0]
    spark = "".join(re.findall("[▁▂▃▄▅▆▇█]", header))
    assert spark
    assert spark == "".join(sorted(spark))


def test_columns_of_the_sparkline_do_not_flicker_as_time_goes_on() -> None:
    pattern = [9 if second % 30 < 10 else 1 for second in range(600)]
    views = [_view(seconds=pattern[begin : begin + 300], end=EPOCH + begin) for begin in range(0, 40)]
    sparks = ["".join(re.findall("[▁▂▃▄▅▆▇█]", _draw(view, 80, 24)[0])) for view in views]
    for one, next_one in pairwise(sparks):
        assert one[2:-1] in next_one


def test_red_is_for_trouble_alone() -> None:
    calm = _view()
    calm = calm._replace(spans=[span._replace(errors=span.requests // 25) for span in calm.spans])
    assert "\x1b[31m" not in _text(calm, 80, 50, COLOURED)
    trouble = SectionLine("/pages", 100, 0.5, 5.0, 50, 0.5, None, False)
    assert "\x1b[31m" in next(
        line for line in _draw(calm._replace(sections=[trouble]), 80, 50, COLOURED) if "/pages" in line
    )


def test_open_alert_is_red_and_a_recovered_one_green() -> None:
    told = [Told(_alert(2), True), Told(_alert(1, "recovered"), False)]
    lines = [line for line in _draw(_view(None, told), 80, 24, COLOURED) if "High traffic" in line]
    assert ["\x1b[1;31m" in line for line in lines] == [True, False]
    assert ["\x1b[32m" in line for line in lines] == [False, True]


def test_alert_of_another_form_is_shown_whole() -> None:
    event = AlertEvent(state="raised", message="Low traffic generated an alert - x")
    assert "Low traffic generated an alert - x" in _text(_view(None, [Told(event, True)]), 80, 24)


def test_footer_can_say_something_else() -> None:
    lines = draw(_view(), Controls(), (80, 24), PLAIN, "ending")
    assert lines[-1] == "ending"


def test_help_names_every_key() -> None:
    text = _text(_view(), 40, 12, keys="?")
    for words in ("q ", "space", "1-7", "?", "1 section", "7 trend"):
        assert words in text


@pytest.mark.parametrize(
    ("environment", "unicode"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, True),
        ({"LC_ALL": "", "LANG": "en_US.ISO-8859-1"}, False),
        ({}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, False),
    ],
)
def test_blocks_are_for_utf_8_alone(environment: dict[str, str], unicode: bool) -> None:
    assert look(environment, colour=False) == Look(False, unicode)


def test_encoding_that_python_has_put_there_is_not_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flags:
        utf8_mode = 1

    monkeypatch.setattr(sys, "flags", Flags)
    assert not look({"LC_CTYPE": "C.UTF-8"}, colour=False).unicode
    assert look({"LC_CTYPE": "C.UTF-8", "LANG": "en_US.UTF-8"}, colour=False).unicode


@pytest.mark.parametrize("term", ["dumb", "", "unknown", None])
def test_terminal_that_cannot_be_painted_is_refused(
    term: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda _fd: True)
    assert "TERM" in str(why_not({} if term is None else {"TERM": term}))


@pytest.mark.parametrize("term", ["xterm-256color", "screen", "tmux-256color", "linux", "vt100"])
def test_usual_terminals_will_do(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda _fd: True)
    assert why_not({"TERM": term}) is None


def test_what_is_no_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda _fd: False)
    assert "terminal" in str(why_not({"TERM": "xterm"}))


_MARK = b"\0mark\0"


class Pty:
    """A terminal for a `Screen` in this process."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.output = Output(slave)
        self.keys = Keys(os.ttyname(slave))

    def written(self) -> str:
        """What was written since. The kernel passes it on in its own time, but in order: so up to a mark."""
        os.write(self.output.fd, _MARK)
        data = b""
        while not data.endswith(_MARK):
            ready, _, _ = select.select([self._master], [], [], DEADLINE_S)
            assert ready, f"no mark behind {data!r}"
            data += os.read(self._master, 1 << 16)
        return data.removesuffix(_MARK).decode()

    def close(self) -> None:
        """The end of the test."""
        os.close(self.output.fd)
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Pty]:
    """One for each test."""
    terminal = Pty()
    yield terminal
    terminal.close()


def test_screen_is_taken_with_the_first_painting_and_given_back_at_the_end(terminal: Pty) -> None:
    with Screen(terminal.output, terminal.keys, PLAIN) as screen:
        assert terminal.written() == ""
        screen.paint(_view(), Controls())
        assert terminal.written().startswith("\x1b[?1049h")
        screen.paint(_view(), Controls())
        assert "1049h" not in terminal.written()
    assert terminal.written().endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_screen_that_was_never_painted_is_left_alone(terminal: Pty) -> None:
    with Screen(terminal.output, terminal.keys, PLAIN):
        pass
    assert terminal.written() == ""


def test_screen_left_by_an_error_is_given_back(terminal: Pty) -> None:
    def fail() -> None:
        with Screen(terminal.output, terminal.keys, PLAIN) as screen:
            screen.paint(_view(), Controls())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert terminal.written().endswith("\x1b[?1049l")


@pytest.mark.parametrize("signum", [signal.SIGWINCH, signal.SIGCONT])
def test_signals_of_the_terminal_paint_at_once(terminal: Pty, signum: int) -> None:
    with Screen(terminal.output, terminal.keys, PLAIN) as screen:
        screen.must_paint = False
        signal.raise_signal(signum)
        assert screen.must_paint


def test_after_a_screen_signals_are_handled_as_before(terminal: Pty) -> None:
    numbers = [signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]
    before = [signal.getsignal(number) for number in numbers]
    with Screen(terminal.output, terminal.keys, PLAIN):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_ignored_stop_stays_ignored(terminal: Pty) -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with Screen(terminal.output, terminal.keys, PLAIN):
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)
