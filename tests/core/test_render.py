"""What is shown of intervals, gaps and alerts: at any width, with and without colour, and as JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w3ctools.core.render import KEPT_ALERTS, SHOWN_ALERTS, Style, TextRenderer
from w3ctools.core.render_json import JsonRenderer
from w3ctools.core.stats import Gap, Interval, Item
from w3ctools.core.summary import StatsRow, Summary
from w3ctools.core.wire import AlertEvent

T0_S = 1_700_000_000  # 2023-11-14T22:13:20Z
PLAIN = Style(width=80, colour=False)
COLOUR = Style(width=80, colour=True)
ADDRESS = "2001:0db8:85a3:0000:0000:8a2e:255.255.255.255"  # 45 characters: no address is longer
SGR = re.compile(r"\x1b\[\d+m")


def interval_of(
    rows: list[StatsRow], *, to_s: int = T0_S + 10, partial: bool = False, late: int = 0
) -> Interval:
    summary = Summary()
    summary.feed(rows)
    return Interval(T0_S, to_s, summary, partial, late, 0)


def row(**keys: Any) -> StatsRow:
    usual: dict[str, Any] = {
        "client": "10.0.0.1",
        "method": "GET",
        "path": "/a/b",
        "status": 200,
        "section": "/a",
    }
    return StatsRow(**{**usual, "bytes": 512, **keys})


def rendered(item: Item, style: Style = PLAIN, sections: int = 10) -> str:
    return TextRenderer(sections).render(item, style)


def alert(number: int, state: str = "raised") -> AlertEvent:
    words = "generated an alert - hits" if state == "raised" else "alert recovered - hits"
    return AlertEvent(
        state=state, message=f"High traffic {words} = {number}, triggered at 2023-11-14T22:13:20Z"
    )


# Text.


def test_block_says_what_was_counted() -> None:
    rows = [
        *[row(client="10.0.0.1")] * 3,
        *[row(client=ADDRESS, section="/b", path="/b/c", status=503, method="POST")] * 2,
        row(status=404, bytes=None),
        StatsRow(),
        StatsRow(event="unparsed"),
    ]
    assert rendered(interval_of(rows, late=4)) == (
        "\n"
        "2023-11-14T22:13:20Z to 22:13:30Z\n"
        "  7 requests   0.7/s   2,560 bytes   3 clients   1 unparsed   4 late\n"
        "  status  2xx 3 (42.9%)   4xx 1 (14.3%)   5xx 2 (28.6%)   no status 1 (14.3%)\n"
        "  methods  GET 4   POST 2   - 1\n"
        "  section  requests  share  errors  failing  bytes\n"
        "  /a              4  57.1%       0           1,536\n"
        "  /b              2  28.6%       2   100.0%  1,024\n"
        "  -               1  14.3%       0               0\n"
        f"  top clients  10.0.0.1 4   {ADDRESS} 2\n"
        "               - 1\n"
        "  server errors  /b/c 2\n"
    )


def test_empty_block_has_no_tables() -> None:
    text = rendered(interval_of([]))
    assert text == "\n2023-11-14T22:13:20Z to 22:13:30Z\n  0 requests   0.0/s   0 bytes   0 clients\n"


def test_partial_block_says_so() -> None:
    assert "2023-11-14T22:13:20Z to 22:13:30Z  partial\n" in rendered(interval_of([row()], partial=True))


@pytest.mark.parametrize(
    ("to_s", "heading"),
    [
        pytest.param(T0_S + 3600, "2023-11-14T22:13:20Z to 23:13:20Z", id="the same day"),
        pytest.param(T0_S + 6400, "2023-11-14T22:13:20Z to 2023-11-15T00:00:00Z", id="to midnight"),
        pytest.param(T0_S + 90_000, "2023-11-14T22:13:20Z to 2023-11-15T23:13:20Z", id="another day"),
        pytest.param(253_402_300_800, "2023-11-14T22:13:20Z to 253402300800", id="beyond the year 9999"),
    ],
)
def test_heading_names_the_day_of_the_end_where_it_is_another(to_s: int, heading: str) -> None:
    assert rendered(interval_of([row()], to_s=to_s)).split("\n")[1] == heading


def test_gap_is_one_line() -> None:
    text = rendered(Gap(T0_S, T0_S + 36_000))
    assert text == "no requests from 2023-11-14T22:13:20Z to 2023-11-15T08:13:20Z\n"


def test_counts_stand_in_full() -> None:
    rows = [row(bytes=10**12, status=500)] * 12_345
    text = rendered(interval_of(rows))
    assert "12,345 requests   1,234.5/s   12,345,000,000,000,000 bytes   1 clients" in text
    assert "5xx 12,345 (100.0%)" in text
    assert "GET 12,345" in text
    assert "10.0.0.1 12,345" in text
    assert "/a/b 12,345" in text


def test_change_is_against_the_block_before() -> None:
    renderer = TextRenderer(10)
    blocks = [renderer.render(interval_of([row()] * count), PLAIN) for count in (4, 6, 3, 3)]
    assert [re.findall(r"[+-]\d+%", block) for block in blocks] == [[], ["+50%"], ["-50%"], ["+0%"]]


def test_change_is_not_against_a_gap() -> None:
    renderer = TextRenderer(10)
    renderer.render(interval_of([row()]), PLAIN)
    renderer.render(Gap(T0_S, T0_S + 10), PLAIN)
    assert "%" not in renderer.render(interval_of([row()] * 2), PLAIN).split("\n")[2]


def test_sections_beyond_those_asked_for_are_counted() -> None:
    rows = [row(section=f"/{number:02}") for number in range(13)]
    lines = rendered(interval_of(rows), sections=10).split("\n")
    assert "  and 3 more" in lines
    assert [line.split()[0] for line in lines if line.startswith("  /")] == [f"/{n:02}" for n in range(10)]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("count", [1, 1_234_567])
def test_no_line_is_longer_than_the_width_where_names_fit(width: int, count: int) -> None:
    summary = Summary()
    for status in (200, 301, 404, 500, None):
        for number in range(6):
            keys = row(
                status=status,
                client=f"10.0.0.{number}",
                section=f"/s{number}",
                path=f"/s{number}/p",
                bytes=count,
            )
            summary.feed([keys])
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", None):
        summary.feed([row(method=method)])
    text = rendered(Interval(T0_S, T0_S + 10, summary, False, count, 0), Style(width, colour=False))
    assert [line for line in text.split("\n") if len(line) > width] == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_addresses_are_never_cut(width: int) -> None:
    rows = [row(client=f"{ADDRESS[:-1]}{number}") for number in range(5)]
    text = rendered(interval_of(rows), Style(width, colour=False))
    assert re.findall(r"2001:\S+", text) == [f"{ADDRESS[:-1]}{number}" for number in range(5)]


@pytest.mark.parametrize("width", [80, 200])
def test_long_paths_lose_their_middle(width: int) -> None:
    path = "/begin/" + "x" * 500 + "/end"
    (line,) = [
        line
        for line in rendered(interval_of([row(path=path, status=500)]), Style(width, False)).split("\n")
        if "/begin" in line
    ]
    assert re.fullmatch(r"  server errors  /begin/x+\.\.\.x+/end 1", line)
    assert width - 12 < len(line) <= width


def test_paths_that_fit_are_whole() -> None:
    path = "/" + "x" * 50
    assert f"server errors  {path} 1\n" in rendered(interval_of([row(path=path, status=500)]))


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        pytest.param(200, ["section", "requests", "share", "errors", "failing", "bytes"], id="room for all"),
        pytest.param(70, ["section", "requests", "share", "errors", "failing"], id="one gives way"),
        pytest.param(60, ["section", "requests", "share", "errors"], id="two give way"),
        pytest.param(50, ["section", "requests", "share"], id="three give way"),
        pytest.param(40, ["section", "requests"], id="four give way"),
    ],
)
def test_figures_give_way_before_the_name_of_a_section_is_cut(width: int, heads: list[str]) -> None:
    section = "/a-section-of-28-characters-"
    lines = rendered(interval_of([row(section=section)]), Style(width, colour=False)).split("\n")
    (head,) = [line.split() for line in lines if line.startswith("  section")]
    assert head == heads
    assert any(line.startswith(f"  {section}  ") for line in lines)


def test_columns_stand_under_their_heads() -> None:
    rows = [row(section="/a")] * 1000 + [row(section="/long-name", status=500)]
    table = [
        line for line in rendered(interval_of(rows)).split("\n") if line.startswith(("  section", "  /"))
    ]
    assert len(table) == 3
    assert len({len(line) for line in table}) == 1


# Alerts.


def test_alert_is_shown_at_once() -> None:
    assert rendered(alert(7)) == f"{alert(7).message}\n"


@pytest.mark.parametrize(
    ("count", "heading", "shown"),
    [
        pytest.param(0, [], 0, id="none"),
        pytest.param(1, ["  alerts"], 1, id="one"),
        pytest.param(SHOWN_ALERTS, ["  alerts"], 10, id="ten"),
        pytest.param(SHOWN_ALERTS + 1, ["  alerts (and 1 older)"], 10, id="eleven"),
        pytest.param(KEPT_ALERTS + 345, ["  alerts (and 1,335 older)"], 10, id="more than are kept"),
    ],
)
def test_block_repeats_the_newest_alerts_and_counts_the_older(
    count: int, heading: list[str], shown: int
) -> None:
    renderer = TextRenderer(10)
    for number in range(count):
        renderer.render(alert(number), PLAIN)
    lines = renderer.render(interval_of([row()]), PLAIN).split("\n")
    assert [line for line in lines if line.startswith("  alerts")] == heading
    expected = [alert(number).message for number in range(count - shown, count)]
    assert [line for line in lines if "High traffic" in line] == expected


def test_thousand_alerts_are_kept() -> None:
    renderer = TextRenderer(10)
    for number in range(KEPT_ALERTS + 5):
        renderer.render(alert(number), PLAIN)
    assert len(renderer._alerts) == KEPT_ALERTS == 1000


def test_every_block_repeats_the_alerts() -> None:
    renderer = TextRenderer(10)
    renderer.render(alert(7), PLAIN)
    blocks = [renderer.render(interval_of([row()]), PLAIN) for _ in range(3)]
    assert [block.count(alert(7).message) for block in blocks] == [1, 1, 1]


# Colour, and what must not act on a terminal.


def test_text_has_no_colour_unless_asked() -> None:
    assert "\x1b" not in rendered(interval_of([row(status=500)])) + rendered(alert(1))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_colour_changes_no_character(width: int) -> None:
    rows = [row(status=status, path="/" + "x" * 300) for status in (200, 404, 500, 503)] + [
        StatsRow(event="unparsed")
    ]
    items: list[Item] = [
        alert(1),
        interval_of(rows),
        Gap(T0_S, T0_S + 10),
        alert(2, "recovered"),
        interval_of(rows),
    ]
    plain, colour = TextRenderer(10), TextRenderer(10)
    for item in items:
        coloured = colour.render(item, Style(width, colour=True))
        assert SGR.sub("", coloured) == plain.render(item, Style(width, colour=False))


@pytest.mark.parametrize(
    ("item", "code"),
    [
        pytest.param(alert(1), 31, id="an alert is red"),
        pytest.param(alert(1, "reset"), 31, id="a reset is red"),
        pytest.param(alert(1, "recovered"), 32, id="a recovery is green"),
    ],
)
def test_alert_has_the_colour_of_its_state(item: AlertEvent, code: int) -> None:
    assert rendered(item, COLOUR) == f"\x1b[{code}m{item.message}\x1b[0m\n"


@pytest.mark.parametrize(("errors", "red"), [(4, False), (5, True)])
def test_section_is_red_from_five_per_cent_of_errors_on(errors: int, red: bool) -> None:
    rows = [row(status=500)] * errors + [row()] * (100 - errors)
    table = [line for line in rendered(interval_of(rows), COLOUR).split("\n") if "  /a " in line]
    assert [line.startswith("\x1b[31m") for line in table] == [red]


def test_only_errors_are_red_in_a_block() -> None:
    assert "\x1b[31m" not in rendered(interval_of([row(), row(status=404)]), COLOUR)
    assert (
        rendered(interval_of([row(status=500)]), COLOUR).count("\x1b[31m") == 2
    )  # the share, and the section


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        pytest.param("\x1b[31m", r"\x1b[31m", id="an escape sequence"),
        pytest.param("a\nb\r", r"a\x0ab\x0d", id="line ends"),
        pytest.param("\x9b", r"\xc2\x9b", id="C1"),
        pytest.param("\u202e", r"\xe2\x80\xae", id="bidi"),
        pytest.param("\0", r"\x00", id="NUL"),
        pytest.param("caf\xe9", "caf\xe9", id="a letter stays"),
    ],
)
def test_names_cannot_act_on_a_terminal(evil: str, shown: str) -> None:
    keys = {"client": evil, "method": evil, "path": evil, "section": evil}
    renderer = TextRenderer(10)
    text = renderer.render(AlertEvent(state="raised", message=evil), PLAIN)
    assert text == f"{shown}\n"
    block = renderer.render(interval_of([row(status=500, **keys)]), PLAIN)
    assert block.count(shown) == 5
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", block)


texts = st.text(max_size=60)


@given(texts, texts, texts, texts, st.integers(20, 200))
def test_any_names_are_lines_of_visible_characters(
    client: str, method: str, path: str, section: str, width: int
) -> None:
    keys = row(client=client, method=method, path=path, section=section, status=500)
    text = rendered(interval_of([keys]), Style(width, colour=False))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    assert text.startswith("\n2023-11-14T22:13:20Z")
    assert text.endswith("\n")


def test_what_a_host_tells_later_is_two_lines_and_beside_nothing() -> None:
    renderer = TextRenderer(10)
    renderer.render(interval_of([row()] * 10), Style(100, False))
    later = interval_of([row()] * 3)._replace(later_of="web2")
    assert renderer.render(later, Style(100, False)).splitlines() == [
        "",
        "2023-11-14T22:13:20Z to 22:13:30Z  of web2, told later",
        "  3 requests   0.3/s   1,536 bytes   1 clients",
    ]
    following = interval_of([row()] * 5, to_s=T0_S + 20)._replace(from_s=T0_S + 10)
    assert "0.5/s   -50%" in renderer.render(following, Style(100, False))


# JSON.


def test_host_that_told_later_is_named() -> None:
    line = JsonRenderer(10).render(interval_of([row()])._replace(later_of="web2"))
    assert (json.loads(line)["host"], json.loads(line)["packed"]) == ("web2", None)


def test_who_merges_tells_under_one_name_whoever_told_later() -> None:
    line = JsonRenderer(10, "site").render(interval_of([row()])._replace(later_of="web2"))
    assert json.loads(line)["host"] == "site"


def test_interval_is_a_summary_event() -> None:
    rows = [
        row(),
        row(status=503, bytes=None),
        row(status=None, client=None, method=None, section=None),
        StatsRow(event="unparsed"),
    ]
    line = JsonRenderer(10).render(interval_of(rows, partial=True, late=2))
    assert line.endswith("\n")
    assert json.loads(line) == {
        "event": "summary",
        "from": "2023-11-14T22:13:20Z",
        "to": "2023-11-14T22:13:30Z",
        "partial": True,
        "requests": 3,
        "rate_per_s": 0.3,
        "unparsed": 1,
        "late": 2,
        "uncounted": 0,
        "bytes": 1024,
        "clients": 2,
        "status": {"-": 1, "200": 1, "503": 1},
        "methods": {"GET": 2, "-": 1},
        "sections": [
            {"section": "/a", "requests": 2, "errors": 1, "bytes": 512},
            {"section": None, "requests": 1, "errors": 0, "bytes": 512},
        ],
        "top_clients": {"10.0.0.1": 2, "-": 1},
        "failing_paths": {"/a/b": 1},
        "errors": 1,
        "client_errors": 0,
        "exact": True,
        "new_sections": [],
        "rates_per_s": {},
        "duration_s": None,
        "size_bytes": None,
        "slow_paths_s": None,
        "by": {},
        "host": None,
        "seconds": None,
        "packed": None,
    }


def test_keys_of_a_summary_event_stand_in_order() -> None:
    line = JsonRenderer(10).render(interval_of([row(status=404), row(status=200), row(status=200)]))
    event = json.loads(line)
    assert " ".join(event) == (
        "event from to partial requests rate_per_s unparsed late uncounted bytes clients status methods "
        "sections top_clients failing_paths errors client_errors exact new_sections rates_per_s "
        "duration_s size_bytes slow_paths_s by host seconds packed"
    )
    assert list(event["status"]) == ["200", "404"]


def test_sections_of_a_summary_event_are_those_asked_for() -> None:
    rows = [row(section=f"/{number}") for number in range(5)]
    assert len(json.loads(JsonRenderer(3).render(interval_of(rows)))["sections"]) == 3


def test_gap_is_an_event() -> None:
    line = JsonRenderer(10).render(Gap(T0_S, T0_S + 60))
    assert line == '{"event":"gap","from":"2023-11-14T22:13:20Z","to":"2023-11-14T22:14:20Z"}\n'


def test_alert_goes_on_as_its_event() -> None:
    line = JsonRenderer(10).render(AlertEvent(state="raised", hits=7, message="High"))
    assert json.loads(line) == {
        **dict.fromkeys(["time", "epoch", "rule", "metric", "key", "value", "threshold", "window_s"]),
        "event": "alert",
        "state": "raised",
        "hits": 7,
        "message": "High",
    }


@given(texts, texts, texts, texts)
def test_any_names_give_one_line_of_json(client: str, method: str, path: str, section: str) -> None:
    keys = row(client=client, method=method, path=path, section=section, status=500)
    line = JsonRenderer(10).render(interval_of([keys]))
    assert (line.count("\n"), line[-1]) == (1, "\n")
    event = json.loads(line)
    assert (event["top_clients"], event["failing_paths"]) == ({client: 1}, {path: 1})
    assert event["sections"][0]["section"] == section
