"""The hosts that tell of their traffic: how far each has come, and which have fallen silent.

Whoever puts their summaries together holds an interval until every host that is known has told of it, or is
proven silent. Each host writes one for every interval, also when nothing came, so that silence is proof.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from w3ctools.core.formats.text import visible
from w3ctools.core.timestamp import rfc3339
from w3ctools.core.window import Moment, Silence

#: What came is held so long whoever is known: another host may be about to speak for the first time.
HOLD_S = 2.0
#: A host is silent when nothing came of it for two intervals and so long: it waits itself before it tells.
PATIENCE_S = 10.0
#: A silent host is not known any more after so long.
FORGET_S = 24 * 3600.0
#: As much time passes from one look to the next, at most: in a longer step this process was not reading.
LONGEST_STEP_S = 1.0
#: Of a name that came with the input, so much is shown.
_MOST_SHOWN = 80


class HostNews(NamedTuple):
    """A host has fallen silent, or is heard again."""

    host: str
    state: Literal["silent", "back"]
    #: Its traffic is known up to this second.
    until_s: int

    @property
    def text(self) -> str:
        """For people, in a line."""
        until = rfc3339(self.until_s)
        if self.state == "back":
            return f"host {self.host} is heard again, its traffic is known up to {until}"
        return f"host {self.host} is silent: its traffic is unknown from {until} on, and it is not waited for"


class _Host:
    def __init__(self) -> None:
        self.until_s = 0
        self.heard_at_s = 0.0
        self.patience_s = PATIENCE_S
        self.is_silent = False


class Hosts:
    """Tell it what came, and that time passes. Memory: the hosts of a day, the intervals of two seconds."""

    def __init__(self, mode: Literal["auto", "live", "replay"]) -> None:
        self._silence = Silence(mode)
        self._hosts: dict[str, _Host] = {}
        #: First seconds of the newest intervals, and when the first host told of them.
        self._fresh: dict[int, float] = {}
        self._newest_from_s: int | None = None
        #: Time that has passed while this process was reading, and when it was last looked at.
        self._passed_s = 0.0
        self._looked_at_s: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether the summaries are of now; in a replay hosts come one after the other."""
        return self._silence.live

    @property
    def is_any_heard(self) -> bool:
        """Whether there is a host that is not silent."""
        return any(not host.is_silent for host in self._hosts.values())

    @property
    def told_until(self) -> int | None:
        """Every host that is not silent has told of all before this second; None in a replay: who knows."""
        if not self.is_live or not self._hosts:
            return None
        talking = [host.until_s for host in self._hosts.values() if not host.is_silent]
        until_s = min(talking) if talking else max(host.until_s for host in self._hosts.values())
        return min([until_s, *self._fresh])

    def wall_s(self, moment: Moment) -> float | None:
        """This machine's clock; None in a replay."""
        return moment.wall_s if self.is_live else None

    def came(self, name: str | None, from_s: int, to_s: int, moment: Moment) -> list[HostNews]:
        """A host told of ``[from_s, to_s)``; nothing is known of one whose log has no time."""
        self._pass(moment)
        if to_s <= from_s:
            return []
        name = name or "-"
        host = self._hosts.setdefault(name, _Host())
        host.until_s = max(host.until_s, to_s)
        host.heard_at_s = self._passed_s
        host.patience_s = max(host.patience_s, 2 * (to_s - from_s) + PATIENCE_S)
        if self._newest_from_s is None or from_s > self._newest_from_s:
            self._newest_from_s = from_s
            self._fresh[from_s] = self._passed_s
        newest = max(host.until_s for host in self._hosts.values())
        self._silence.stamped(newest - 1, moment)
        if not host.is_silent:
            return []
        host.is_silent = False
        return [HostNews(shown(name), "back", host.until_s)]

    def tick(self, moment: Moment) -> list[HostNews]:
        """Time has passed, and all that came was told of."""
        self._pass(moment)
        news = []
        for name, host in list(self._hosts.items()) if self.is_live else []:
            silent_s = self._passed_s - host.heard_at_s
            if not host.is_silent and silent_s > host.patience_s:
                host.is_silent = True
                news.append(HostNews(shown(name), "silent", host.until_s))
            if silent_s > FORGET_S:
                del self._hosts[name]
        return news

    def _pass(self, moment: Moment) -> None:
        if self._looked_at_s is not None:
            self._passed_s += min(max(0.0, moment.boot_s - self._looked_at_s), LONGEST_STEP_S)
        self._looked_at_s = moment.boot_s
        self._fresh = {from_s: at_s for from_s, at_s in self._fresh.items() if self._passed_s - at_s < HOLD_S}


def shown(text: str) -> str:
    """A name that came with the input, for people."""
    return visible(text.encode("utf-8", "replace"))[:_MOST_SHOWN]
