"""Charts over time as inline SVG: values -> text. Looks come from the page's CSS classes alone.

Why not pygal or leather: pygal puts a script of the network, a random name, the date and fixed colours into
every chart, leather fixed colours and sizes into every element. A report forbids scripts, is the same for the
same log, is light, dark or printed as its reader likes, and is read on a phone: so the drawing stretches with
the page, while labels are HTML beside it and keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

from w3ctools.core.timestamp import MONTHS, civil_from_days, rfc3339

#: The drawing's own units; about the pixels that it has on a large screen.
WIDTH, HEIGHT = 1000, 200
#: Lanes for marks, so high and a mark at least so wide that a pointer can find it.
LANE_HEIGHT, LEAST_WIDTH, MOST_LANES = 10, 5, 4
MOST_TIME_TICKS, MOST_VALUE_TICKS = 8, 4
DAY_S = 86_400
#: How far ticks are apart; from the last on, its multiples.
TICK_LENGTHS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200),
    *(DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 28 * DAY_S),
)


class Tick(NamedTuple):
    """A label on an axis."""

    #: Where, as a share of the axis.
    share: float
    label: str


class TimeAxis(NamedTuple):
    """Points in time of equal length."""

    first_s: int
    point_s: int
    points: int

    @property
    def span_s(self) -> int:
        """Seconds from the beginning of the first point to the end of the last."""
        return self.points * self.point_s

    def share(self, second: int) -> float:
        """Where a second begins, as a share of the axis; the nearer end if it is not on it."""
        return min(max((second - self.first_s) / self.span_s, 0.0), 1.0)

    def ticks(self) -> list[Tick]:
        """At most `MOST_TIME_TICKS` at round times of the day or days, and one more."""
        length_s = next((s for s in TICK_LENGTHS_S if s * MOST_TIME_TICKS >= self.span_s), 0)
        if not length_s:
            longest_s = TICK_LENGTHS_S[-1]
            length_s = longest_s * -(-self.span_s // (longest_s * MOST_TIME_TICKS))
        begin = self.first_s + -self.first_s % length_s
        seconds = range(begin, self.first_s + self.span_s, length_s)
        return [Tick(self.share(second), _time_label(second, length_s)) for second in seconds]


class ValueAxis(NamedTuple):
    """From 0 up."""

    top: float
    ticks: list[float]

    @classmethod
    def up_to(cls, most: float) -> ValueAxis:
        """An axis with round ticks that has room for `most`."""
        if most <= 0:
            return cls(1.0, [0.0])
        power = 10.0 ** floor(log10(most / MOST_VALUE_TICKS))
        step = next(power * round_ for round_ in (1, 2, 5, 10) if most <= power * round_ * MOST_VALUE_TICKS)
        count = ceil(most / step)
        return cls(step * count, [step * number for number in range(count + 1)])


class Mark(NamedTuple):
    """A span of time that is shaded, with the text that a pointer finds in the lanes above the drawing."""

    from_s: int
    to_s: int
    title: str


class Layer(NamedTuple):
    """One series: its class in the style sheet, and its path."""

    css: str
    path: str


#: What must not be told by colour alone is filled with ``url(#hatch)``; it must be on the page once.
HATCH = (
    '<svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="7" '
    'height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V7"/></pattern></defs></svg>'
)


def area(values: Sequence[float], top: float) -> str:
    """The path of values from the axis up, a step each."""
    return f"M0 {HEIGHT}{_steps(values, top)}V{HEIGHT}Z"


def line(values: Sequence[float | None], top: float) -> str:
    """The path of values, a step each, interrupted where there is none."""
    pieces, begin = [], 0
    while begin < len(values):
        if values[begin] is None:
            begin += 1
            continue
        known: list[float] = []
        for value in values[begin:]:
            if value is None:
                break
            known.append(value)
        x = _number(begin * WIDTH / len(values))
        pieces.append(f"M{x} {_y(known[0], top)}{_steps(known, top, begin, len(values))}")
        begin += len(known)
    return "".join(pieces)


def chart(
    name: str,
    title: str,
    description: str,
    axis: TimeAxis,
    layers: Sequence[Layer],
    value_ticks: Sequence[Tick],
    tooltips: Sequence[str],
    marks: Sequence[Mark] = (),
) -> str:
    """An SVG with its labels. `name` must be the only one on the page; all texts are escaped here."""
    grid = "".join(
        f'<path class="grid" d="M0 {_number(HEIGHT * (1 - tick.share))}H{WIDTH}"/>' for tick in value_ticks
    )
    drawn = "".join(f'<path class="{layer.css}" d="{layer.path}"/>' for layer in layers)
    return (
        f'<div class="plot">{_lanes(name, axis, marks)}'
        f'<div class="ys" aria-hidden="true">{_value_labels(value_ticks)}</div>'
        f'<svg class="drawing" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
        f'{grid}{_shades(axis, marks)}{drawn}<g class="hits">{_hits(tooltips)}</g>'
        f'</svg><div class="xs" aria-hidden="true">{_time_labels(axis.ticks())}</div></div>'
    )


def proportions(name: str, title: str, parts: Sequence[tuple[str, int, str]]) -> str:
    """One bar of parts, each with its class, its size and its text."""
    total = sum(size for _, size, _ in parts)
    begin, drawn = 0, []
    for css, size, text in parts:
        x, width = begin * WIDTH / total, size * WIDTH / total
        drawn.append(
            f'<rect class="{css}" x="{_number(x)}" width="{_number(width)}" height="20">'
            f"<title>{escape(text)}</title></rect>"
        )
        begin += size
    return (
        f'<svg class="proportions" viewBox="0 0 {WIDTH} 20" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-title"><title id="{name}-title">{escape(title)}</title>'
        f"{''.join(drawn)}</svg>"
    )


def _steps(values: Sequence[float], top: float, begin: int = 0, points: int | None = None) -> str:
    """One horizontal line for each run of equal heights, and a vertical one to the next."""
    count = len(values) if points is None else points
    pieces: list[str] = []
    before = ""
    for number, value in enumerate(values, begin + 1):
        x, y = _number(number * WIDTH / count), _y(value, top)
        if y == before:
            pieces[-1] = f"H{x}"
        else:
            pieces += [f"V{y}", f"H{x}"]
        before = y
    return "".join(pieces)


def _y(value: float, top: float) -> str:
    return _number(HEIGHT * (1 - min(max(value / top, 0.0), 1.0)))


def _number(value: float) -> str:
    return f"{round(value, 2):g}"


def _hits(tooltips: Sequence[str]) -> str:
    """Where a pointer finds the values of a point: all of its height."""
    width = _number(WIDTH / len(tooltips)) if tooltips else ""
    return "".join(
        f'<rect x="{_number(number * WIDTH / len(tooltips))}" width="{width}" height="{HEIGHT}">'
        f"<title>{escape(text)}</title></rect>"
        for number, text in enumerate(tooltips)
    )


def _lanes(name: str, axis: TimeAxis, marks: Sequence[Mark]) -> str:
    """Each mark as a bar, in a lane of its own where others are there at the same time, if there is room."""
    if not marks:
        return ""
    free_from = [0.0]  # of each lane
    drawn = []
    for mark in sorted(marks, key=lambda mark: mark.from_s):
        begin, end = (axis.share(second) * WIDTH for second in (mark.from_s, mark.to_s))
        begin = min(begin, WIDTH - LEAST_WIDTH)
        end = max(end, begin + LEAST_WIDTH)
        lane = next((lane for lane, free in enumerate(free_from) if free <= begin), len(free_from))
        if lane == MOST_LANES:
            lane = free_from.index(min(free_from))
        free_from[lane : lane + 1] = [end + 1]
        drawn.append(
            f'<rect x="{_number(begin)}" y="{lane * LANE_HEIGHT}" width="{_number(end - begin)}" '
            f'height="{LANE_HEIGHT - 2}"><title>{escape(mark.title)}</title></rect>'
        )
    height = len(free_from) * LANE_HEIGHT
    return (
        f'<svg class="lanes" style="height:{height}px" viewBox="0 0 {WIDTH} {height}" '
        f'preserveAspectRatio="none" role="img" aria-labelledby="{name}-lanes">'
        f'<title id="{name}-lanes">Alerts over time, listed below</title>{"".join(drawn)}</svg>'
    )


def _shades(axis: TimeAxis, marks: Sequence[Mark]) -> str:
    """All time that is marked, once: shades of spans that overlap would add up to black."""
    spans: list[list[float]] = []
    for begin, end in sorted((axis.share(mark.from_s), axis.share(mark.to_s)) for mark in marks):
        if spans and begin <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    drawn = "".join(
        f'<rect x="{_number(WIDTH * begin)}" width="{_number(WIDTH * (end - begin))}" height="{HEIGHT}"/>'
        f'<path d="M{_number(WIDTH * begin)} 0V{HEIGHT}M{_number(WIDTH * end)} 0V{HEIGHT}"/>'
        for begin, end in spans
    )
    return f'<g class="shades">{drawn}</g>' if drawn else ""


def _value_labels(ticks: Sequence[Tick]) -> str:
    return "".join(
        f'<span style="bottom:{_number(100 * tick.share)}%">{escape(tick.label)}</span>' for tick in ticks
    )


def _time_labels(ticks: Sequence[Tick]) -> str:
    """Every second one may be left out where there is no room; one at the end is kept inside."""
    labels = []
    for number, tick in enumerate(ticks):
        css = " ".join(["end"] * (tick.share > 0.96) + ["minor"] * (number % 2))
        labels.append(
            f'<span class="{css}" style="left:{_number(100 * tick.share)}%">{escape(tick.label)}</span>'
        )
    return "".join(labels)


def _time_label(second: int, length_s: int) -> str:
    text = rfc3339(second)
    if text is None:
        return str(second)
    if length_s >= DAY_S or second % DAY_S == 0:
        year, month, day = civil_from_days(second // DAY_S)
        return f"{day} {MONTHS[month - 1]}" if length_s < 14 * DAY_S else f"{day} {MONTHS[month - 1]} {year}"
    return text[11:19] if length_s < 60 else text[11:16]
