"""A report as one HTML page: model -> text. The same model gives the same text.

The page needs nothing but itself, and its policy (Content-Security-Policy) forbids scripts and every request:
what a log holds was written by whoever sent requests. All of it goes through `_shown`, which cuts and escapes
it, and none becomes a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

from w3ctools.core.formats.text import visible
from w3ctools.core.report import MESSAGE_CHARACTERS, Alert, Point, Report
from w3ctools.core.report_chart import (
    HATCH,
    Layer,
    Mark,
    Tick,
    TimeAxis,
    ValueAxis,
    area,
    chart,
    line,
    proportions,
)
from w3ctools.core.report_style import STYLE
from w3ctools.core.summary import Table
from w3ctools.core.tally import Tally
from w3ctools.core.timestamp import rfc3339

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
#: A longer value of the log is cut, and its whole is nowhere on the page.
VALUE_CHARACTERS = 160
#: Between a figure and its unit there is no new line.
_NB = "\u00a0"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_PERCENTS = {"p50": 50, "p95": 95, "p99": 99}
#: Classes of status: digit, class in the style sheet, name.
_CLASSES = (
    (1, "s1", "1xx informational"),
    (2, "s2", "2xx success"),
    (3, "s3", "3xx redirection"),
    (4, "s4", "4xx client error"),
    (5, "s5", "5xx server error"),
    (0, "s0", "no or another status"),
)


class _Column(NamedTuple):
    """A column of figures."""

    head: str
    #: The HTML of its cells, a row each.
    cells: Sequence[str]
    #: Figures stand at the right, words at the left.
    css: str = "n"


def page(report: Report, title: str, most: int) -> str:
    """The whole page; tables have at most `most` rows."""
    summary = report.summary
    body = [HATCH, _header(report, title), _figures(report)]
    if not summary.requests and not summary.unparsed:
        body.append('<p class="empty">There is nothing to show: no record came.</p>')
    elif not report.timeline:
        body.append('<p class="empty">No line had a readable time: there is nothing to show over time.</p>')
    else:
        body += _over_time(report)
    body += [
        _alerts(report),
        _statuses(report, most),
        _sections(report, most),
        '<div class="pair">',
        _tally("Clients", "client", summary.clients, most, summary.requests),
        _tally("Failing paths", "path", summary.failing_paths, most, summary.errors, "server errors"),
        _slow_paths(report, most),
        "</div>",
        _table("Referers", "referer", summary.by["referer"], most, summary.requests),
        _table("User agents", "user agent", summary.by["user_agent"], most, summary.requests),
        _tally("Unparsed lines", "reason", report.reasons, most, summary.unparsed, "lines"),
        _footer(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<link rel="icon" href="data:,">\n<title>{_shown(title)}</title>\n<style>\n{STYLE}</style>\n'
        "</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


# The parts of the page


def _header(report: Report, title: str) -> str:
    span = ""
    if report.first_s is not None:
        end = _when(report.last_s)
        begin = _when(report.first_s)
        span = f'<p class="span">{begin} <span class="to">to</span> {end} UTC · {_length(report.span_s)}</p>'
    return f"<header><h1>{_shown(title)}</h1>{span}</header>"


def _figures(report: Report) -> str:
    """What a reader wants to know first."""
    summary = report.summary
    span_s, requests = report.span_s, summary.requests
    lines = requests + summary.unparsed
    unparsed = f"{summary.unparsed:,}" if summary.unparsed else "none"
    of_lines = f"{lines:,} line{'s' * (lines != 1)}, {unparsed} unparsed"
    cards = [("Requests", f"{requests:,}", of_lines, "")]
    if span_s:
        rate = f"busiest second: {report.peak:,}"
        cards.append(("Requests / s", _rate(requests / span_s), rate, ""))
    if requests:
        failed = f"{summary.errors:,} server, {summary.client_errors:,} client errors"
        ratio = _percent(summary.errors, requests)
        cards.append(("Server errors", ratio, failed, "bad" if summary.errors else ""))
        sent = f"{_size(summary.total_bytes / requests)} a request"
        cards.append(("Data sent", _size(summary.total_bytes), sent, ""))
        cards.append(("Clients", _distinct(summary.clients), _a_client(summary.clients, requests), ""))
    p50, p95, p99 = (report.durations.percentile(percent) for percent in _PERCENTS.values())
    if p50 is not None and p95 is not None and p99 is not None:
        cards.append(("Duration, p95", _duration(p95), f"p50 {_duration(p50)}, p99 {_duration(p99)}", ""))
    if report.alerts.count:
        lasting = f"{report.alerts.lasting or 'none'} still open"
        cards.append(("Alerts", f"{report.alerts.count:,}", lasting, ""))
    shown = "".join(
        f'<div class="card"><dt>{name}</dt><dd><b class="{css}">{value}</b><small>{note}</small></dd></div>'
        for name, value, note, css in cards
    )
    return f'<dl class="cards">{shown}</dl>'


def _a_client(clients: Tally, requests: int) -> str:
    return f"{_rate(requests / max(1, clients.distinct()))} requests a client"


def _over_time(report: Report) -> Iterable[str]:
    timeline = report.timeline
    points = timeline.points()
    axis = TimeAxis(timeline.first_s, timeline.point_s, len(points))
    lengths_s = [_covered_s(report, axis, number) for number in range(len(points))]
    names = [_point_name(axis, number) for number in range(len(points))]
    yield _traffic(report, axis, points, lengths_s, names)
    yield '<div class="pair">'
    yield _errors(axis, points, lengths_s, names)
    yield _bytes(axis, points, lengths_s, names)
    yield "</div>"
    if report.durations.count:
        yield _latency(axis, points, names)


def _traffic(
    report: Report, axis: TimeAxis, points: list[Point], lengths_s: list[int], names: list[str]
) -> str:
    rates = _rates(points, lengths_s, lambda point: point.requests)
    errors = _rates(points, lengths_s, lambda point: point.server_errors)
    values = ValueAxis.up_to(max(rates))
    layers = [
        Layer("area accent", area(rates, values.top)),
        Layer("line accent", line(rates, values.top)),
        Layer("area bad", area(errors, values.top)),
    ]
    marks = _marks(report)
    tooltips = [
        f"{name}\n{point.requests:,} requests, {_rate(rate)}/s{_classes_of(point)}"
        for name, point, rate in zip(names, points, rates, strict=True)
    ]
    drawn = chart(
        "traffic",
        "Requests per second",
        _described(names, rates, lambda rate: f"{_rate(rate)} requests per second")
        + (f" {len(marks):,} alerts are marked." if marks else ""),
        axis,
        layers,
        _value_ticks(values, _rate),
        tooltips,
        marks,
    )
    legend = [("accent", "all requests"), ("bad", "server errors")] + ([("alert", "alert")] if marks else [])
    return _figure("Traffic", f"requests per second, a point each {_length(axis.point_s)}", legend, drawn)


def _errors(axis: TimeAxis, points: list[Point], lengths_s: list[int], names: list[str]) -> str:
    server = _rates(points, lengths_s, lambda point: point.server_errors)
    client = _rates(points, lengths_s, lambda point: point.client_errors)
    values = ValueAxis.up_to(max(*server, *client))
    layers = [
        Layer("area bad", area(server, values.top)),
        Layer("line bad", line(server, values.top)),
        Layer("line dashed", line(client, values.top)),
    ]
    tooltips = [
        f"{name}\n{point.server_errors:,} server errors, {point.client_errors:,} client errors"
        for name, point in zip(names, points, strict=True)
    ]
    text = _described(names, server, lambda rate: f"{_rate(rate)} server errors per second")
    drawn = chart("errors", "Errors per second", text, axis, layers, _value_ticks(values, _rate), tooltips)
    legend = [("bad", "server errors, 5xx"), ("dashed", "client errors, 4xx")]
    return _figure("Errors", "per second", legend, drawn)


def _bytes(axis: TimeAxis, points: list[Point], lengths_s: list[int], names: list[str]) -> str:
    sizes = _rates(points, lengths_s, lambda point: point.bytes)
    values = ValueAxis.up_to(max(sizes))
    layers = [Layer("area accent", area(sizes, values.top)), Layer("line accent", line(sizes, values.top))]
    tooltips = [
        f"{name}\n{_size(point.bytes)}, {_size(size)}/s"
        for name, point, size in zip(names, points, sizes, strict=True)
    ]
    text = _described(names, sizes, lambda size: f"{_size(size)} per second")
    drawn = chart("bytes", "Data sent per second", text, axis, layers, _value_ticks(values, _size), tooltips)
    return _figure("Data sent", "response bytes per second", [], drawn)


def _latency(axis: TimeAxis, points: list[Point], names: list[str]) -> str:
    series = {
        name: [point.durations.percentile(percent) for point in points] for name, percent in _PERCENTS.items()
    }
    values = ValueAxis.up_to(max(value or 0 for value in series["p99"]))
    layers = [Layer(f"line {name}", line(series[name], values.top)) for name in reversed(series)]
    tooltips = [
        f"{names[number]}\n"
        + ", ".join(f"{name} {_duration(of[number])}" for name, of in series.items())
        + f" of {points[number].durations.count:,} requests"
        for number in range(len(points))
    ]
    slowest = [value or 0.0 for value in series["p95"]]
    text = _described(names, slowest, lambda value: f"{_duration(value)} for the 95th percentile")
    drawn = chart(
        "latency", "Duration of requests", text, axis, layers, _value_ticks(values, _round_duration), tooltips
    )
    legend = [("p50", "p50, the lowest"), ("p95", "p95, bold"), ("p99", "p99, the highest")]
    return _figure("Latency", "duration of requests, to within 3 %", legend, drawn)


def _alerts(report: Report) -> str:
    alerts = report.alerts
    if not alerts.count:
        return ""
    rows = "".join(_alert_row(alert) for alert in reversed(alerts.kept))
    older = alerts.count - len(alerts.kept)
    note = f"newest first; {older:,} older ones are not listed" if older else "newest first"
    heads = "".join(
        f'<th scope="col"{css}>{head}</th>'
        for head, css in (
            ("State", ""),
            ("Message", ""),
            ("Raised, UTC", ""),
            ("Ended, UTC", ""),
            ("Lasted", ' class="n"'),
        )
    )
    return _section(
        "Alerts",
        note,
        f'<div class="scroll tall" tabindex="0" role="region" aria-label="Alerts">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>",
    )


def _alert_row(alert: Alert) -> str:
    state = alert.ended_by or "open"
    lasted = "–"
    if alert.raised_s is not None and alert.ended_s is not None and alert.ended_s >= alert.raised_s:
        lasted = _length(alert.ended_s - alert.raised_s)
    raised, ended = (
        "–" if second is None else escape(_when(second)) for second in (alert.raised_s, alert.ended_s)
    )
    css = "state" if alert.ended_by else "state lasts"
    message = escape(_visible(alert.message, MESSAGE_CHARACTERS))
    return (
        f'<tr><td><span class="{css}">{state}</span></td><td class="message">{message}</td>'
        f'<td class="t">{raised}</td><td class="t">{ended}</td><td class="n">{lasted}</td></tr>'
    )


def _statuses(report: Report, most: int) -> str:
    summary = report.summary
    if not summary.requests:
        return ""
    by_class: dict[int, int] = {}
    for status, count in summary.statuses().items():
        digit = Point.class_of(status)
        by_class[digit] = by_class.get(digit, 0) + count
    known = [(digit, css, name) for digit, css, name in _CLASSES if by_class.get(digit)]
    parts = [
        (css, by_class[digit], f"{name}: {by_class[digit]:,}, {_percent(by_class[digit], summary.requests)}")
        for digit, css, name in known
    ]
    legend = "".join(
        f'<li><i class="{css}"></i>{name} <b>{_percent(by_class[digit], summary.requests)}</b> '
        f"<small>{by_class[digit]:,}</small></li>"
        for digit, css, name in known
    )
    bar = proportions("status", "Requests by class of status", parts)
    codes = sorted(summary.statuses().items(), key=lambda item: (-item[1], item[0] or 0))[:most]
    names = ["–" if status is None else str(status)[:VALUE_CHARACTERS] for status, _ in codes]
    tables = _rows("Status", "status", names, _counts([count for _, count in codes], summary.requests))
    methods = summary.methods.top(most)
    names = [_shown(method) for method, _ in methods]
    tables += _rows("Methods", "method", names, _counts([count for _, count in methods], summary.requests))
    return _section(
        "Status and method",
        "",
        f'{bar}<ul class="legend parts">{legend}</ul><div class="split">{tables}</div>',
    )


def _sections(report: Report, most: int) -> str:
    table, requests = report.summary.sections, report.summary.requests
    rows = table.top(most)
    if not rows:
        return ""
    columns = [
        *_counts([row.requests for row in rows], requests),
        _Column("server errors", [_of_errors(row.errors, f"{row.errors:,}") for row in rows]),
        _Column("error ratio", [_of_errors(row.errors, _percent(row.errors, row.requests)) for row in rows]),
        _Column("data sent", [_size(row.bytes) for row in rows]),
    ]
    if report.durations.count:
        p95 = [_duration(report.section_p95_s(row.key)) for row in rows]
        columns.append(_Column("p95", p95))
    names = [_shown(row.key) for row in rows]
    note = _how_many(table.distinct(), table.is_exact, table.error, len(rows))
    return _section("Sections", note, _rows("Sections", "section", names, columns))


def _table(title: str, what: str, table: Table, most: int, requests: int) -> str:
    """A key of the record; left out where the log has none of it."""
    rows = table.top(most)
    if all(row.key is None for row in rows):
        return ""
    columns = [
        *_counts([row.requests for row in rows], requests),
        _Column("server errors", [_of_errors(row.errors, f"{row.errors:,}") for row in rows]),
    ]
    note = _how_many(table.distinct(), table.is_exact, table.error, len(rows))
    return _section(title, note, _rows(title, what, [_shown(row.key) for row in rows], columns))


def _tally(title: str, what: str, tally: Tally, most: int, total: int, unit: str = "requests") -> str:
    rows = [(key, count) for key, count in tally.top(most) if count]
    if not rows:
        return ""
    columns = _counts([count for _, count in rows], total, unit)
    note = _how_many(tally.distinct(), tally.is_exact, tally.error, len(rows))
    return _section(title, note, _rows(title, what, [_shown(key) for key, _ in rows], columns))


def _slow_paths(report: Report, most: int) -> str:
    tally = report.slow_paths
    rows = [(key, time_us) for key, time_us in tally.top(most) if time_us]
    if not rows:
        return ""
    columns = [
        _Column("time in all", [_duration(time_us / 1e6) for _, time_us in rows]),
        _bars([time_us for _, time_us in rows]),
        _Column("share", [_percent(time_us, tally.total) for _, time_us in rows]),
    ]
    note = _how_many(tally.distinct(), tally.is_exact, 0, len(rows))
    return _section(
        "Slowest paths", note, _rows("Slowest paths", "path", [_shown(key) for key, _ in rows], columns)
    )


def _footer(report: Report) -> str:
    notes = ["Times are UTC and the log’s own. A server error is a status from 500 to 599."]
    if report.clock.unstamped:
        notes.append(f"{report.clock.unstamped:,} lines had no readable time; they count at the log’s clock.")
    if report.timeless:
        notes.append(f"{report.timeless:,} lines had a time that was not believed; only totals count them.")
    if not report.is_exact:
        notes.append("Figures with ≈ are estimates: there were too many different values to count each.")
    return f"<footer>{''.join(f'<p>{note}</p>' for note in notes)}</footer>"


# What the parts are made of


def _section(title: str, note: str, content: str) -> str:
    small = f"<p>{note}</p>" if note else ""
    return f'<section class="box"><div class="head"><h2>{title}</h2>{small}</div>{content}</section>'


def _figure(title: str, note: str, legend: Sequence[tuple[str, str]], drawn: str) -> str:
    keys = "".join(f'<li><i class="{css}"></i>{text}</li>' for css, text in legend)
    keys = f'<ul class="legend">{keys}</ul>' if keys else ""
    return (
        f'<figure class="box"><figcaption class="head"><h2>{title}</h2><p>{note}</p></figcaption>'
        f"{keys}{drawn}</figure>"
    )


def _rows(title: str, what: str, names: Sequence[str], columns: Sequence[_Column]) -> str:
    """A table; `names` and cells are HTML."""
    heads = f'<th scope="col">{what}</th>' + "".join(
        f'<th scope="col" class="{column.css}">{column.head}</th>'
        if column.head
        else f'<td class="{column.css}"></td>'
        for column in columns
    )
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="{column.css}">{column.cells[number]}</td>' for column in columns)
        + "</tr>"
        for number, name in enumerate(names)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table><thead><tr>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _counts(counts: Sequence[int], total: int, unit: str = "requests") -> list[_Column]:
    """Counts, bars of them, and their share of the total."""
    return [
        _Column(unit, [f"{count:,}" for count in counts]),
        _bars(counts),
        _Column("share", [_percent(count, total) for count in counts]),
    ]


def _bars(values: Sequence[int]) -> _Column:
    most = max(values, default=0) or 1
    return _Column(
        "", [f'<span style="width:{round(100 * value / most, 1):g}%"></span>' for value in values], "bar"
    )


def _marks(report: Report) -> list[Mark]:
    """The alerts that are kept, on the axis; one that is not over goes on to its end."""
    timeline = report.timeline
    marks = []
    for alert in report.alerts.kept:
        begin = timeline.first_s if alert.raised_s is None else alert.raised_s
        end = timeline.end_s if alert.ended_s is None else alert.ended_s
        end = max(begin, end)  # the clock may have been set back
        if end < timeline.first_s or begin >= timeline.end_s:
            continue
        state = alert.ended_by or "open"
        until = "" if alert.ended_s is None else f" {_when(alert.ended_s)}"
        marks.append(Mark(begin, end, f"{_visible(alert.message)}\n{state}{until}"))
    return marks


def _covered_s(report: Report, axis: TimeAxis, number: int) -> int:
    """The seconds of a point that the log covers: it seldom begins and ends with one."""
    begin = axis.first_s + number * axis.point_s
    first_s = begin if report.first_s is None else report.first_s
    return max(1, min(begin + axis.point_s, report.last_s + 1) - max(begin, first_s))


def _rates(points: list[Point], lengths_s: list[int], count: Callable[[Point], int]) -> list[float]:
    return [count(point) / length_s for point, length_s in zip(points, lengths_s, strict=True)]


def _classes_of(point: Point) -> str:
    words = [
        f"{name.split()[0]} {point.by_class[digit]:,}"
        for digit, _, name in _CLASSES
        if digit in point.by_class
    ]
    if point.unparsed:
        words.append(f"unparsed {point.unparsed:,}")
    return "\n" + ", ".join(words) if words else ""


def _described(names: list[str], values: Sequence[float], text: Callable[[float], str]) -> str:
    """What a chart says, for those who cannot see it."""
    most = max(values)
    return f"From {names[0]} to {names[-1]}. At most {text(most)}, at {names[values.index(most)]}."


def _value_ticks(axis: ValueAxis, text: Callable[[float], str]) -> list[Tick]:
    return [Tick(value / axis.top, text(value) if value else "0") for value in axis.ticks]


def _point_name(axis: TimeAxis, number: int) -> str:
    begin = axis.first_s + number * axis.point_s
    return _when(begin) if axis.point_s == 1 else f"{_when(begin)} + {_length(axis.point_s)}"


def _visible(value: str, most: int = VALUE_CHARACTERS) -> str:
    """A text of the log, with what could act on a reader made visible, then cut."""
    text = visible(value[: most + 1].encode("utf-8", "replace"))
    return text if len(text) <= most else f"{text[:most]}…"


def _shown(value: str | None) -> str:
    """The same as HTML, good between tags and in quotes."""
    return "–" if value is None else escape(_visible(value))


def _when(second: int) -> str:
    text = rfc3339(second)
    return str(second)[:40] if text is None else text[:-1].replace("T", " ")


def _length(length_s: int) -> str:
    """A length of time, in its two largest units."""
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    words = []
    for unit_s, name in units:
        count, length_s = divmod(length_s, unit_s)
        if count:
            words.append(f"{count:,}{_NB}{name}")
        if len(words) == 2 or (words and not count):
            break
    return " ".join(words) or f"0{_NB}s"


def _rate(per_s: float) -> str:
    """Three digits, and all of a larger number."""
    if per_s >= 100:
        return f"{per_s:,.0f}"
    text = f"{per_s:.3g}"
    return f"{per_s:.9f}".rstrip("0").rstrip(".") if "e" in text else text


def _percent(part: int, whole: int) -> str:
    """A share; 0.00 % is little, 0 % is nothing."""
    share = 100 * part / whole if whole else 0.0
    return f"{share:.{2 if share < 1 else 1}f}{_NB}%" if part else f"0{_NB}%"


def _of_errors(errors: int, text: str) -> str:
    """A figure about errors as HTML; none of them does not stand out."""
    return f'<b class="{"bad" if errors else "nil"}">{text}</b>'


def _size(size_bytes: float) -> str:
    last = len(_UNITS) - 1
    power = next((power for power in range(last) if size_bytes < 999.5 * 1000**power), last)
    value = size_bytes / 1000**power
    return f"{value:.3g}{_NB}{_UNITS[power]}" if value < 999.5 else f"{value:,.0f}{_NB}{_UNITS[power]}"


def _duration(duration_s: float | None) -> str:
    if duration_s is None:
        return "–"
    if duration_s >= 100:
        return _length(round(duration_s))
    if duration_s >= 1:
        return f"{duration_s:.2f}{_NB}s"
    return f"{duration_s * 1000:.{0 if duration_s >= 0.01 else 2}f}{_NB}ms"


def _round_duration(duration_s: float) -> str:
    """A duration with few digits, without zeros behind."""
    if duration_s >= 1:
        return f"{duration_s:,.6g}{_NB}s"
    return f"{duration_s * 1000:.6g}{_NB}ms"


def _distinct(tally: Tally) -> str:
    return f"{'' if tally.is_exact else '≈ '}{tally.distinct():,}"


def _how_many(distinct: int, is_exact: bool, error: int, shown: int) -> str:
    if is_exact:
        return "" if distinct <= shown else f"top {shown:,} of {distinct:,}"
    within = f"; counts to within {error:,}" if error else ""
    return f"top {shown:,} of ≈ {distinct:,}{within}"
