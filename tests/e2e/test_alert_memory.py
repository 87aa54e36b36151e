"""w3c-alert with ``--by client`` holds no more than so much, however many clients there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import EPOCH, Commands, Proc

HEAVY = "192.0.2.1"
HEAVY_PER_S = 25
THRESHOLD_PER_S = 10
#: What a client that is watched takes is some 500 bytes. Memory may grow by so much for each that comes in
#: the second half of the input: all that is held was held by the middle, and what is still added is room that
#: the allocator cannot use again, where short-lived objects lay between long-lived ones.
MOST_GROWTH_BYTES = 100
#: For what takes a machine that is busy a second.
DEADLINE_S = 60.0


class Crowd(NamedTuple):
    """Clients that come once each, so many a second, beside the heavy one."""

    clients: int
    clients_per_s: int
    window_s: int

    @property
    def seconds(self) -> int:
        """How long the log is."""
        return self.clients // self.clients_per_s


#: A window that is over soon: by the middle, as many clients leave it as come.
SMALL = Crowd(clients=60_000, clients_per_s=1_000, window_s=10)
#: More clients in the window than are watched: by the middle, some were forgotten more than once.
FULL = Crowd(clients=1_000_000, clients_per_s=5_000, window_s=120)


def _log(crowd: Crowd) -> Iterator[bytes]:
    """The records of each second; the heavy client's stand between the others."""
    every = crowd.clients_per_s // HEAVY_PER_S
    for second in range(crowd.seconds):
        epoch = EPOCH + second
        lines = []
        for number in range(second * crowd.clients_per_s, (second + 1) * crowd.clients_per_s):
            client = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            lines.append(f'{{"epoch":{epoch},"client":"{client}"}}\n')
            if number % every == 0:
                lines.append(f'{{"epoch":{epoch},"client":"{HEAVY}"}}\n')
        yield "".join(lines).encode()


def _peak_bytes(alert: Proc) -> int:
    """The most that was resident at any time."""
    status = Path(f"/proc/{alert.pid}/status").read_text()
    words = next(line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(words[1]) << 10


@pytest.mark.parametrize(
    "crowd",
    [SMALL, pytest.param(FULL, marks=pytest.mark.full)],
    ids=lambda crowd: f"{crowd.clients} clients",
)
def test_memory_is_flat_and_the_heavy_client_is_seen(commands: Commands, crowd: Crowd) -> None:
    words = ("--by", "client", "-t", str(THRESHOLD_PER_S), "-w", f"{crowd.window_s}s", "-o", "json")
    alert = commands.start("w3c-alert", *words)
    peaks_bytes = []
    for lines in _log(crowd):
        alert.feed(lines, DEADLINE_S)
        peaks_bytes.append(_peak_bytes(alert))
    result = alert.finish(deadline_s=DEADLINE_S)
    middle_bytes, end_bytes = peaks_bytes[crowd.seconds // 2], peaks_bytes[-1]
    assert end_bytes - middle_bytes < MOST_GROWTH_BYTES * crowd.clients // 2

    (event,) = result.values
    # The first second at which 25 for each of them are more than 10 for each of the window's.
    second = crowd.window_s * THRESHOLD_PER_S // HEAVY_PER_S
    assert (event["state"], event["key"], event["epoch"]) == ("raised", HEAVY, EPOCH + second)
    assert event["hits"] == HEAVY_PER_S * (second + 1)
    assert result.status == 0


@pytest.mark.full
def test_state_of_all_that_is_held_can_be_read_again(commands: Commands) -> None:
    """Clients with names as long as they are kept, of characters that JSON writes as two."""
    long = "\\" * 190
    lines = [json.dumps({"epoch": EPOCH, "client": f"{long}{number}"}) for number in range(190_000)]
    words = ("w3c-alert", "--by", "client", "--state", "state")
    first = commands.start(*words).finish("\n".join(lines).encode(), DEADLINE_S)
    assert (first.status, first.notes) == (0, [])
    second = commands.start(*words).finish(b"", DEADLINE_S)
    assert (second.status, second.notes) == (0, [])
