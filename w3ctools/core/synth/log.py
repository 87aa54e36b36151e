"""A made-up log, second after second: the lines of its scenario, with odd and late ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import compress
from typing import NamedTuple

from w3ctools.core.synth.chance import generator
from w3ctools.core.synth.columns import Drawn
from w3ctools.core.synth.junk import Junk, Odd
from w3ctools.core.synth.scenario import SCENARIOS, Pace, interleaved
from w3ctools.core.synth.site import Mix, Site
from w3ctools.core.synth.truth import Truth

#: A late line is written so long after its stamp, at most.
MOST_LATE_S = 5


class Disorder(NamedTuple):
    """The shares of lines, from 0 to 1, that are odd, and that are written late."""

    junk: Fraction
    late: Fraction


class Log:
    """The log of a site under a scenario at a base rate of requests per second.

    `truth` is fed with what is written. The bytes depend on the seed, the stamps and the order of lines: not
    on how calls divide them up.
    """

    def __init__(
        self,
        site: Site,
        scenario: str,
        rate_per_s: Fraction,
        disorder: Disorder,
        truth: Truth | None,
        seed: int,
    ) -> None:
        self._site = site
        self._rates = SCENARIOS[scenario]
        self._rate_per_s = rate_per_s
        self._junk_share, self._late_share = (float(share) for share in disorder)
        self._junk = Junk(site.line_format, generator(seed, "junk"))
        # A generator for each: what one of them draws changes nothing for the others.
        self._which_junk, self._which_late = generator(seed, "odd lines"), generator(seed, "late lines")
        self._truth = truth
        self._paces: dict[str, Pace] = {}

    def plan(self, second: int, epoch_s: int) -> tuple[str, ...]:
        """The mix of each line of a second, `second` after the start. To be asked for once a second."""
        rates = self._rates(second, epoch_s, self._rate_per_s)
        return interleaved(
            tuple((mix, self._paces.setdefault(mix, Pace()).next_lines(rate)) for mix, rate in rates.items())
        )

    def write(self, mixes: tuple[str, ...], epoch_s: int) -> bytes:
        """The lines of a part of a plan, stamped with the UTC second `epoch_s` if they are not late."""
        stamps_s = self._stamps_s(len(mixes), epoch_s) if self._late_share else epoch_s
        odd = self._odd(len(mixes), stamps_s) if self._junk_share else {}
        lines = [""] * len(mixes)
        names = set(mixes)
        for name in names:
            places = [place for place, mix in enumerate(mixes) if mix == name] if len(names) > 1 else None
            self._fill(lines, self._site.mix(name), places, stamps_s, odd)
        for place, line in odd.items():
            lines[place] = f"{line.line}\n"
        if self._truth is not None:
            self._tell_times(len(mixes), epoch_s, stamps_s, odd)
        return "".join(lines).encode()

    def _fill(
        self,
        lines: list[str],
        mix: Mix,
        places: list[int] | None,
        stamps_s: int | list[int],
        odd: dict[int, Odd],
    ) -> None:
        """Put lines of a mix at these places, or at all."""
        drawn = mix.draw(len(lines) if places is None else len(places))
        if places is None:
            lines[:] = mix.write(drawn, stamps_s)
        else:
            own_s = stamps_s if isinstance(stamps_s, int) else [stamps_s[place] for place in places]
            for place, line in zip(places, mix.write(drawn, own_s), strict=True):
                lines[place] = line
        if self._truth is not None:
            self._truth.add(mix, _without(drawn, places or range(len(lines)), odd) if odd else drawn)

    def _stamps_s(self, count: int, epoch_s: int) -> list[int]:
        draw = self._which_late.random
        # One number decides both whether and how long: below the share, its place there is the time.
        return [
            epoch_s - (1 + int(number / self._late_share * MOST_LATE_S) if number < self._late_share else 0)
            for number in (draw() for _ in range(count))
        ]

    def _odd(self, count: int, stamps_s: int | list[int]) -> dict[int, Odd]:
        draw = self._which_junk.random
        return {
            place: self._junk.next(stamps_s if isinstance(stamps_s, int) else stamps_s[place])
            for place in range(count)
            if draw() < self._junk_share
        }

    def _tell_times(self, count: int, epoch_s: int, stamps_s: int | list[int], odd: dict[int, Odd]) -> None:
        truth = self._truth
        assert truth is not None
        if isinstance(stamps_s, int) and not odd:
            truth.add_hits(stamps_s, count)
            return
        for place in range(count):
            stamp_s = stamps_s if isinstance(stamps_s, int) else stamps_s[place]
            line = odd.get(place)
            if line is not None:
                truth.add_odd(line)
                if not line.has_stamp:
                    truth.add_hits(None, 1)
                    continue
            truth.add_hits(stamp_s, 1)
            if stamp_s < epoch_s:
                truth.add_late(epoch_s - stamp_s)


def _without(drawn: Drawn, places: Sequence[int], odd: dict[int, Odd]) -> Drawn:
    """Without what odd lines took the place of."""
    kept = [place not in odd for place in places]
    return Drawn(list(compress(drawn.visits, kept)), list(compress(drawn.exchanges, kept)))
