"""The table of past alerts: what an operator reads, one line each."""

from __future__ import annotations

import msgspec
import pytest
from harness import EPOCH, utc

from w3ctools.core.history import AlertRow, duration, render_history
from w3ctools.core.wire import encode


def _row(
    raised: int | None = EPOCH,
    ended: int | None = EPOCH + 400,
    ended_by: str | None = "recovered",
    message: str = "High traffic generated an alert - hits = 1220, triggered at 2020-09-13T12:26:40Z",
) -> AlertRow:
    return AlertRow(
        rule="traffic",
        metric="requests",
        key=None,
        value=10.2,
        hits=1220,
        threshold=10.0,
        window_s=120,
        raised=None if raised is None else utc(raised),
        raised_epoch=raised,
        recovered=None if ended is None else utc(ended),
        recovered_epoch=ended,
        ended_by=None if ended is None else ended_by,
        message=message,
    )


def _cells(row: AlertRow) -> str:
    """The line of one row alone, its columns two spaces apart."""
    line = render_history([row]).splitlines()[1]
    return "  ".join(cell.strip() for cell in line.split("  ") if cell.strip())


def test_no_rows_give_no_text() -> None:
    assert render_history([]) == ""


def test_columns_are_aligned_and_usual_lines_fit_80_columns() -> None:
    ratio = "High error ratio on /api generated an alert - ratio = 12.5%, triggered at 2020-09-13T12:43:20Z"
    rows = [_row(), _row(EPOCH + 1000, EPOCH + 1045, message=ratio), _row(EPOCH + 9000, None)]
    assert render_history(rows) == (
        "raised                recovered  lasted  alert\n"
        "2020-09-13T12:26:40Z  12:33:20Z  6m 40s  High traffic              hits = 1220\n"
        "2020-09-13T12:43:20Z  12:44:05Z     45s  High error ratio on /api  ratio = 12.5%\n"
        "2020-09-13T14:56:40Z  open            -  High traffic              hits = 1220\n"
    )


def test_long_key_pushes_its_own_line_alone() -> None:
    key = f"/{'x' * 60}"
    long = f"High traffic on {key} generated an alert - hits = 7, triggered at 2020-09-13T12:26:40Z"
    _, first, second = render_history([_row(message=long), _row()]).splitlines()
    assert first.endswith(f"  High traffic on {key}  hits = 7")
    assert second.endswith("  High traffic              hits = 1220")


def test_end_on_another_day_has_its_date() -> None:
    row = _row(ended=EPOCH + 50_000)
    assert _cells(row) == "2020-09-13T12:26:40Z  2020-09-14T02:20:00Z  13h 53m  High traffic  hits = 1220"


def test_reset_has_no_duration() -> None:
    row = _row(ended=EPOCH - 3600, ended_by="reset")
    assert _cells(row) == "2020-09-13T12:26:40Z  reset  -  High traffic  hits = 1220"


@pytest.mark.parametrize(
    ("ended_by", "message", "shown"),
    [
        pytest.param(
            "recovered",
            "High traffic on /a alert recovered - hits = 99, recovered at 2020-09-13T12:33:20Z",
            "-  2020-09-13T12:33:20Z  -  High traffic on /a  hits = 99",
            id="recovered",
        ),
        pytest.param(
            "reset",
            "High traffic alert reset - the log's clock went back, at 2020-09-13T12:33:20Z",
            "-  reset  -  High traffic  the log's clock went back",
            id="reset",
        ),
    ],
)
def test_alert_whose_beginning_is_unknown(ended_by: str, message: str, shown: str) -> None:
    assert _cells(_row(raised=None, ended_by=ended_by, message=message)) == shown


def test_text_that_is_no_message_stands_whole() -> None:
    assert _cells(_row(message="Nobody knows")).endswith("  6m 40s  Nobody knows")


def test_what_could_act_on_a_terminal_is_spelled_out() -> None:
    text = render_history(
        [_row(message="High \x1b[31mtraffic\n generated an alert - hits = 1, triggered at T")]
    )
    assert text.splitlines()[1].endswith("  High \\x1b[31mtraffic\\x0a  hits = 1")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (400, "6m 40s"),
        (3599, "59m 59s"),
        (7205, "2h 0m"),
        (86_399, "23h 59m"),
        (93_784, "1d 2h"),
        (8_640_000, "100d 0h"),
    ],
)
def test_duration(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_row_is_a_line_of_json() -> None:
    assert list(msgspec.json.decode(encode(_row(ended=None))).items()) == [
        ("rule", "traffic"),
        ("metric", "requests"),
        ("key", None),
        ("value", 10.2),
        ("hits", 1220),
        ("threshold", 10.0),
        ("window_s", 120),
        ("raised", "2020-09-13T12:26:40Z"),
        ("raised_epoch", EPOCH),
        ("recovered", None),
        ("recovered_epoch", None),
        ("ended_by", None),
        ("message", "High traffic generated an alert - hits = 1220, triggered at 2020-09-13T12:26:40Z"),
    ]
