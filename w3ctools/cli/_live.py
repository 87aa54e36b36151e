"""`w3c-stats --live`: a screen that is painted every second, until the input ends or a person leaves.

Imported only where it is asked for: what paints takes time to load.
"""

from __future__ import annotations

import os
import time

import click

from w3ctools.cli._reading import Batch, ClockMode, Records
from w3ctools.core.live import Controls, Live, View, closing_alerts
from w3ctools.core.render import Style, TextRenderer
from w3ctools.core.summary import Spec, StatsRow, stats_row_type
from w3ctools.edge.clock import now
from w3ctools.edge.keys import Keys
from w3ctools.edge.live_screen import Screen, look, why_not
from w3ctools.edge.streams import Output
from w3ctools.edge.terminal import width

PAINT_EVERY_S = 1.0
_ENDING = "ending: reading what is under way; Ctrl-C again ends at once"


def watch(spec: Spec, lateness_s: int, mode: ClockMode, top: int, colour: bool) -> Records[StatsRow]:
    """Show stdin to its end, or until q is pressed; then a summary and the alerts stay on the terminal.

    Raises UsageError where there is no terminal to paint on, and what reading and writing raise: whatever
    happens, the terminal is as it was.
    """
    reason = why_not(os.environ)
    if reason is not None:
        raise click.UsageError(f"--live: {reason}")
    output, keys, live = Output(), Keys(), Live(lateness_s, spec)
    records = Records(stats_row_type(spec), live.clock, mode, output, lambda: records.report())
    with Screen(output, keys, look(os.environ, colour)) as screen:
        records.signals.last_act = screen.leave
        if keys.wake_fd is not None:
            records.wake_by(keys.wake_fd)
        _show(records, live, screen, keys)
    live.flush()
    output.write(_closing(live, top, colour).encode("utf-8", "replace"))
    return records


def _closing(live: Live, top: int, colour: bool) -> str:
    """What stays in the scrollback; the summary last, where the eye is."""
    total = live.total()
    summary = "" if total is None else TextRenderer(top).render(total, Style(width(), colour))
    return "".join(f"{line}\n" for line in closing_alerts(live)) + summary


def _show(records: Records[StatsRow], live: Live, screen: Screen, keys: Keys) -> None:
    """Paint every second, and at once what a key or the terminal asks for."""
    controls = Controls()
    frozen: View | None = None
    next_s = 0.0
    for item in records:
        for key in keys.read():
            screen.must_paint |= controls.press(key)
        if controls.ended:
            return
        # Before this item is fed: of those before it, `records` knows by now whether they are of a live log.
        if screen.must_paint or time.monotonic() >= next_s:
            screen.must_paint = False
            next_s = time.monotonic() + PAINT_EVERY_S
            view = frozen or live.view(now().wall_s if records.live else None)
            frozen = view if controls.frozen else None
            screen.paint(view, controls, _footer(records, keys))
        if isinstance(item, Batch):
            live.feed(item.read, item.wall_s)
        elif item.elapsed_s is not None:
            live.tick(item.elapsed_s)


def _footer(records: Records[StatsRow], keys: Keys) -> str | None:
    """What takes the place of the words about keys, if anything."""
    if records.signals.received is not None:
        return _ENDING
    return "" if keys.wake_fd is None else None
