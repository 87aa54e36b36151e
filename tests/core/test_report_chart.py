"""Charts as text: paths that say the values, ticks at round places, marks that are inside."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import pytest

from w3ctools.core.report_chart import (
    HEIGHT,
    LANE_HEIGHT,
    MOST_LANES,
    MOST_TIME_TICKS,
    MOST_VALUE_TICKS,
    WIDTH,
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

T0_S = 1_700_006_400  # the beginning of a day
DAY_S = 86_400


def drawn(marks: list[Mark], axis: TimeAxis | None = None) -> ElementTree.Element:
    """A chart with marks, read as XML: that it can be is a test of its own."""
    axis = axis or TimeAxis(T0_S, 1, 10)
    text = chart(
        "n", "T", "D", axis, [Layer("line", "M0 0H5")], [Tick(0.5, "5")], ["tip"] * axis.points, marks
    )
    return ElementTree.fromstring(text)


def rects(element: ElementTree.Element, css: str) -> list[tuple[float, float]]:
    """Left ends and widths of the rectangles in the parts of a class."""
    parts = [part for part in element.iter() if part.get("class") == css]
    found = [rect for part in parts for rect in part.iter("rect")]
    return [(float(rect.attrib["x"]), float(rect.attrib["width"])) for rect in found]


class TestPaths:
    def test_area_goes_up_to_each_value_and_back(self) -> None:
        assert area([1, 2], 2.0) == f"M0 {HEIGHT}V{HEIGHT // 2}H{WIDTH // 2}V0H{WIDTH}V{HEIGHT}Z"

    def test_equal_values_are_one_piece(self) -> None:
        assert area([1, 1, 1, 1], 2.0) == f"M0 {HEIGHT}V{HEIGHT // 2}H{WIDTH}V{HEIGHT}Z"

    def test_line_is_interrupted_where_nothing_is_known(self) -> None:
        path = line([None, 1, 1, None, 2, None], 2.0)
        assert re.findall(r"M(\S+) (\S+?)(?=V)", path) == [("166.67", "100"), ("666.67", "0")]
        assert re.findall(r"H([\d.]+)", path) == ["500", "833.33"]

    def test_line_of_nothing_is_empty(self) -> None:
        assert line([None, None], 1.0) == ""

    @pytest.mark.parametrize("value", [-5.0, 10**30])
    def test_values_stay_inside(self, value: float) -> None:
        heights = [float(y) for y in re.findall(r"V([\d.]+)", area([value], 1.0))]
        assert all(0 <= height <= HEIGHT for height in heights)


class TestTicks:
    @pytest.mark.parametrize("seed", range(300))
    def test_value_axis_has_room_and_few_round_ticks(self, seed: int) -> None:
        most = 10 ** random.Random(seed).uniform(-6, 15)
        axis = ValueAxis.up_to(most)
        assert most <= axis.top * (1 + 1e-12)
        assert most > axis.top / 4
        assert 2 <= len(axis.ticks) <= MOST_VALUE_TICKS + 1
        assert re.fullmatch(r"[1-9]0*|[125]e[-+]\d+|0\.0*[125]", f"{axis.ticks[1]:.6g}")

    def test_nothing_has_an_axis_too(self) -> None:
        assert ValueAxis.up_to(0) == (1.0, [0.0])

    @pytest.mark.parametrize("seed", range(300))
    def test_time_ticks_are_few_and_inside(self, seed: int) -> None:
        chance = random.Random(seed)
        axis = TimeAxis(
            T0_S + chance.randrange(DAY_S), chance.choice((1, 5, 60, 3600, DAY_S)), chance.randint(1, 720)
        )
        ticks = axis.ticks()
        assert len(ticks) <= MOST_TIME_TICKS + 1
        assert all(0 <= tick.share < 1 for tick in ticks)

    @pytest.mark.parametrize(
        ("first_s", "point_s", "points", "labels"),
        [
            (T0_S, 1, 20, ["15 Nov", "00:00:05", "00:00:10", "00:00:15"]),
            (T0_S - 3600, 60, 120, ["23:00", "23:15", "23:30", "23:45", "15 Nov", "00:15", "00:30", "00:45"]),
            (T0_S, DAY_S, 4, ["15 Nov", "16 Nov", "17 Nov", "18 Nov"]),
        ],
    )
    def test_labels_tell_the_day_at_midnight(
        self, first_s: int, point_s: int, points: int, labels: list[str]
    ) -> None:
        found = [tick.label for tick in TimeAxis(first_s, point_s, points).ticks()]
        assert [label for label in labels if label not in found] == []

    @pytest.mark.parametrize("first_s", [-(10**30), -1, 10**30])
    def test_times_that_have_no_name_are_numbers(self, first_s: int) -> None:
        assert len(TimeAxis(first_s, 10**28, 700).ticks()) in range(1, MOST_TIME_TICKS + 2)


class TestMarks:
    def test_a_mark_stands_where_it_was(self) -> None:
        assert rects(drawn([Mark(T0_S + 2, T0_S + 5, "x")]), "shades") == [(200.0, 300.0)]

    def test_its_title_is_found_above(self) -> None:
        element = drawn([Mark(T0_S + 2, T0_S + 5, "what <happened>")])
        lanes = next(part for part in element.iter("svg") if part.get("class") == "lanes")
        assert [title.text for title in lanes.iter("title")][1:] == ["what <happened>"]

    def test_shades_do_not_add_up(self) -> None:
        marks = [Mark(T0_S + 1, T0_S + 4, "a"), Mark(T0_S + 3, T0_S + 6, "b"), Mark(T0_S + 8, T0_S + 9, "c")]
        assert rects(drawn(marks), "shades") == [(100.0, 500.0), (800.0, 100.0)]

    def test_marks_at_the_same_time_have_lanes_of_their_own(self) -> None:
        element = drawn([Mark(T0_S, T0_S + 9, str(number)) for number in range(MOST_LANES + 3)])
        lanes = next(part for part in element.iter("svg") if part.get("class") == "lanes")
        tops = [int(rect.attrib["y"]) for rect in lanes.iter("rect")]
        assert sorted(set(tops)) == [lane * LANE_HEIGHT for lane in range(MOST_LANES)]

    @pytest.mark.parametrize(("begin", "end"), [(-100, 100), (0, 0), (10, 10), (9, 50), (-(10**30), 10**30)])
    def test_marks_stay_inside(self, begin: int, end: int) -> None:
        element = drawn([Mark(T0_S + begin, T0_S + end, "x")])
        for x, width in rects(element, "lanes") + rects(element, "shades"):
            assert 0 <= x <= x + width <= WIDTH

    def test_without_marks_there_are_no_lanes(self) -> None:
        assert "lanes" not in {part.get("class") for part in drawn([]).iter()}


def test_every_point_has_its_text() -> None:
    element = drawn([])
    hits = next(part for part in element.iter("g") if part.get("class") == "hits")
    assert [title.text for title in hits.iter("title")] == ["tip"] * 10


def test_a_chart_has_a_name_and_a_description() -> None:
    svg = next(part for part in drawn([]).iter("svg"))
    by_id = {part.get("id"): part.text for part in svg.iter() if part.get("id")}
    assert svg.get("role") == "img"
    assert [by_id[name] for name in str(svg.get("aria-labelledby")).split()] == ["T", "D"]


def test_proportions_fill_the_width() -> None:
    element = ElementTree.fromstring(proportions("n", "T", [("a", 1, "one"), ("b", 3, "<three>")]))
    bars = [(rect.get("class"), float(rect.attrib["width"])) for rect in element.iter("rect")]
    assert bars == [("a", 250.0), ("b", 750.0)]
