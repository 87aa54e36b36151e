"""A made-up site: its seed decides who visits it, what is asked for, and how it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate

from w3ctools.core.section import DEFAULT_PORTS
from w3ctools.core.synth import pages, visitors
from w3ctools.core.synth.chance import generator
from w3ctools.core.synth.columns import Drawn, Lines
from w3ctools.core.synth.formats import line_format
from w3ctools.core.synth.line import Exchange, Host, LineFormat, Visits
from w3ctools.core.synth.scenario import CRAWLER, FAILING, FLOOD, USUAL

_SITE = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::(\d{1,5}))?/?", re.ASCII)


class Mix:
    """Visits and exchanges that are drawn together; each is written once."""

    def __init__(
        self,
        visits: Visits,
        weighted: Sequence[tuple[Exchange, float]],
        line_format: LineFormat,
        seed: int,
        name: str,
    ) -> None:
        self.visits = visits
        self.exchanges = [exchange for exchange, _ in weighted]
        self._cum_weights = list(accumulate(weight for _, weight in weighted))
        self._lines = Lines(line_format, visits, self.exchanges)
        # A generator for each field: the lines do not depend on how calls divide them up.
        self._exchange_rng = generator(seed, f"exchanges{name}")
        self._visit_rng = generator(seed, f"visits{name}")

    def draw(self, count: int) -> Drawn:
        """The next `count` lines. They depend on the seed and the lines before them alone."""
        return Drawn(
            self._visit_rng.choices(range(len(self.visits)), k=count),
            self._exchange_rng.choices(range(len(self.exchanges)), cum_weights=self._cum_weights, k=count),
        )

    def write(self, drawn: Drawn, stamps_s: int | Sequence[int]) -> list[str]:
        """Lines with their ends, stamped with the UTC second `stamps_s`, or each with its own."""
        return self._lines.write(drawn, stamps_s)


class Site:
    """A site whose visitors, pages and habits follow from its seed.

    `url` is ``http://NAME[:PORT]`` or https. `sections` is the number of first path segments that are
    asked for beside ``/``; the n-th gets 1/n of the requests of the first. `log_format` is what
    `formats.line_format` takes. One seed gives the same requests in all formats.

    A `url` or `sections` outside of this raises ValueError, a `log_format` W3CError. Memory and start-up grow
    with the number of sections (about 400 exchanges each).
    """

    def __init__(self, *, url: str, sections: int, log_format: str, seed: int) -> None:
        match = _SITE.fullmatch(url)
        if match is None:
            raise ValueError(f"{url!r} is not of the form http://my.site.com")
        if sections < 1:
            raise ValueError(f"a site has at least 1 section, not {sections}")
        scheme, name, port = match.groups()
        self.line_format = line_format(log_format, Host(scheme, name, int(port or DEFAULT_PORTS[scheme])))
        self._origin = url.rstrip("/")
        self._sections = sections
        self._seed = seed
        self._mixes: dict[str, Mix] = {}

    def mix(self, name: str) -> Mix:
        """The mix of this name, one of those of `scenario`; made when it is first asked for."""
        if name not in self._mixes:
            make: dict[str, Callable[[], Mix]] = {
                USUAL: self._usual,
                FAILING: self._failing,
                CRAWLER: self._crawler,
                FLOOD: self._flood,
            }
            self._mixes[name] = make[name]()
        return self._mixes[name]

    def lines(self, epoch_s: int, count: int) -> bytes:
        """The next `count` lines of usual traffic, stamped with the UTC second `epoch_s`."""
        mix = self.mix(USUAL)
        return "".join(mix.write(mix.draw(count), epoch_s)).encode()

    def _usual(self) -> Mix:
        rng, times = generator(self._seed, "exchanges of the site"), generator(self._seed, "durations")
        weighted = list(pages.exchanges(self._sections, rng, times))
        visits = visitors.Sample(self._origin, self._sections, generator(self._seed, "visitors of the site"))
        return Mix(visits, weighted, self.line_format, self._seed, "")

    def _failing(self) -> Mix:
        """The visitors of the site, and answers of servers that are just being replaced."""
        times = generator(self._seed, "durations of failures")
        weighted = list(pages.failures(self._sections, times))
        return self._new(FAILING, self.mix(USUAL).visits, weighted)

    def _crawler(self) -> Mix:
        times = generator(self._seed, "durations of the crawler")
        weighted = list(pages.crawled(self._sections, times))
        return self._new(CRAWLER, visitors.crawler(), weighted)

    def _flood(self) -> Mix:
        rng = generator(self._seed, "flood")
        return self._new(FLOOD, visitors.flood(rng), list(pages.logins(rng)))

    def _new(self, name: str, visits: Visits, weighted: Sequence[tuple[Exchange, float]]) -> Mix:
        return Mix(visits, weighted, self.line_format, self._seed, f" of {name}")
