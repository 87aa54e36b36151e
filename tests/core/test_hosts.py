"""Which hosts are known, how far each has told of its traffic, and when one is silent."""

from __future__ import annotations

import pytest

from w3ctools.core.hosts import FORGET_S, HOLD_S, HostNews, Hosts
from w3ctools.core.window import Moment

T0_S = 1_700_000_000


class Story:
    """Hosts, and a machine's clocks that a test moves."""

    def __init__(self) -> None:
        self.hosts = Hosts("auto")
        self.at_s = 0.0

    @property
    def moment(self) -> Moment:
        return Moment(T0_S + self.at_s, self.at_s)

    def came(self, host: str | None, from_s: int, to_s: int) -> list[HostNews]:
        return self.hosts.came(host, T0_S + from_s, T0_S + to_s, self.moment)

    def wait(self, seconds: float) -> list[HostNews]:
        """Time passes, looked at four times a second, as commands do."""
        news = []
        for _ in range(round(4 * seconds)):
            self.at_s += 0.25
            news += self.hosts.tick(self.moment)
        return news

    @property
    def told_until(self) -> int | None:
        until = self.hosts.told_until
        return None if until is None else until - T0_S


def test_nothing_is_known_before_a_host_has_told() -> None:
    assert Story().told_until is None


def test_what_came_is_held_for_hosts_that_are_not_known_yet() -> None:
    story = Story()
    story.came("a", 0, 10)
    assert story.told_until == 0
    story.wait(HOLD_S - 0.25)
    assert story.told_until == 0
    story.wait(0.25)
    assert story.told_until == 10


def test_all_have_told_as_far_as_the_slowest_of_them() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.came("b", 0, 10)
    story.came("a", 10, 20)
    story.wait(HOLD_S)
    assert story.told_until == 10
    story.came("b", 10, 20)
    assert story.told_until == 20


def test_host_is_silent_after_two_intervals_and_ten_seconds() -> None:
    story = Story()
    story.came("a", 0, 10)
    assert story.wait(30) == []
    assert story.wait(0.25) == [HostNews("a", "silent", T0_S + 10)]
    assert story.wait(60) == []


def test_silent_host_is_not_waited_for_and_is_known_again_when_it_is_back() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.came("b", 0, 10)
    news = []
    for second in range(10, 60, 10):
        news += story.wait(10)
        news += story.came("a", second, second + 10)
    assert news == [HostNews("b", "silent", T0_S + 10)]
    story.wait(HOLD_S)
    assert story.told_until == 60
    assert story.came("b", 10, 20) == [HostNews("b", "back", T0_S + 20)]
    story.wait(HOLD_S)
    assert story.told_until == 20


def test_where_all_are_silent_what_each_has_told_is_all_there_is() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.came("b", 0, 20)
    story.wait(60)
    assert story.told_until == 20


def test_time_in_which_this_process_did_not_read_proves_nothing() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.at_s += 3600  # such as a laptop that was suspended
    assert story.hosts.tick(story.moment) == []
    assert story.wait(28) == []
    assert [one.state for one in story.wait(2)] == ["silent"]


def test_replay_has_no_silent_hosts_and_holds_all() -> None:
    story = Story()
    story.at_s = 24 * 3600
    story.came("a", 0, 10)
    assert story.wait(100) == []
    assert story.told_until is None


def test_backlog_of_a_host_that_is_back_leaves_the_others_live() -> None:
    story = Story()
    story.at_s = 7200
    story.came("a", 7190, 7200)
    story.came("b", 0, 10)
    assert story.hosts.is_live


def test_host_whose_log_has_no_time_holds_nothing_up() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.hosts.came("b", 0, 0, story.moment)
    assert [one.host for one in story.wait(31)] == ["a"]
    assert story.told_until == 10


@pytest.mark.parametrize("name", [None, ""])
def test_host_without_name_is_one_as_well(name: str | None) -> None:
    story = Story()
    story.came(name, 0, 10)
    assert [one.host for one in story.wait(31)] == ["-"]


def test_silent_host_is_forgotten_after_a_day() -> None:
    story = Story()
    story.came("a", 0, 10)
    story.wait(31)
    for hour in range(round(FORGET_S) // 3600 + 1):
        story.wait(1800)
        story.at_s += 0.5
        story.came("b", hour * 3600, hour * 3600 + 1800)
        story.wait(1800)
    assert story.came("a", 10, 20) == []  # a new host, so it is not back


def test_news_say_what_is_known_in_one_visible_line() -> None:
    story = Story()
    story.came("a\x1b[2J\nb", 0, 10)
    (silent,) = story.wait(31)
    assert silent.text == (
        r"host a\x1b[2J\x0ab is silent: its traffic is unknown from 2023-11-14T22:13:30Z on, "
        "and it is not waited for"
    )
    (back,) = story.came("a\x1b[2J\nb", 10, 20)
    assert back.text == (
        r"host a\x1b[2J\x0ab is heard again, its traffic is known up to 2023-11-14T22:13:40Z"
    )
