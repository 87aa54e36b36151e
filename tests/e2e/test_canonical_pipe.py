"""``w3c-tail | w3c-parse | tee >(w3c-alert) | w3c-stats``, in the bash that users have."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from harness import Commands, Result

from w3ctools.core.synth.site import Site

CYCLES = 500
#: Requests in each second of a cycle: with a window of 2 s and a threshold of 100/s, every change of the
#: rate raises an alert or ends one.
CYCLE = (195,) * 4 + (5,) * 4
RULE = "-t 100 -w 2"
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def flapping_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 400,000 lines in which 1,000 alerts are raised or recover."""
    path = tmp_path_factory.mktemp("flapping") / "access.log"
    site = Site(url="http://my.site.com", sections=20, log_format="combined", seed=1)
    with path.open("wb") as file:
        for second, rate in enumerate(CYCLE * CYCLES, 1_764_000_000):
            file.write(site.lines(second, rate))
    return path


def messages(run: Result) -> list[str]:
    return [value["message"] for value in run.values if value["event"] == "alert"]


def test_a_thousand_alerts_at_full_speed_lose_no_record_and_no_message(
    commands: Commands, flapping_log: Path
) -> None:
    alone = commands.bash(f'w3c-parse "$1" | w3c-alert {RULE}', flapping_log, deadline_s=DEADLINE_S)
    run = commands.bash(
        f'w3c-parse "$1" | tee >(w3c-alert {RULE}) | w3c-stats --total -o json',
        flapping_log,
        deadline_s=DEADLINE_S,
    )
    assert messages(run) == alone.stdout.decode().splitlines()
    assert len(messages(run)) == 2 * CYCLES
    assert run.values[-1]["requests"] == sum(CYCLE) * CYCLES


def test_pass_through_in_plain_sh_gives_the_same_total_and_messages(
    commands: Commands, flapping_log: Path
) -> None:
    tee = commands.bash(
        f'w3c-parse "$1" | tee >(w3c-alert {RULE}) | w3c-stats --total -o json',
        flapping_log,
        deadline_s=DEADLINE_S,
    )
    inline = commands.bash(
        f'w3c-parse "$1" | w3c-alert {RULE} --pass-through | w3c-stats --total -o json',
        flapping_log,
        deadline_s=DEADLINE_S,
    )
    assert (messages(inline), inline.values[-1]) == (messages(tee), tee.values[-1])


def test_a_replay_gives_the_same_bytes_every_time(commands: Commands, flapping_log: Path) -> None:
    replay = f'cat "$1" | w3c-parse | w3c-alert {RULE} --pass-through | w3c-stats'
    first, second = (commands.bash(replay, flapping_log, deadline_s=DEADLINE_S) for _ in range(2))
    assert b"generated an alert" in first.stdout
    assert first.stdout == second.stdout


def test_a_log_followed_while_it_grows_gives_the_messages_of_its_replay(
    commands: Commands, flapping_log: Path
) -> None:
    log = commands.write("access.log", b"")
    live = commands.start_bash(f'w3c-tail -n +1 "$1" | w3c-parse | w3c-alert {RULE}', log)
    lines = flapping_log.read_bytes()[:2_000_000]
    lines = lines[: lines.rfind(b"\n") + 1]
    for begin in range(0, len(lines), 70_001):  # cut anywhere, also in mid-line
        commands.append("access.log", lines[begin : begin + 70_001])
    replay = commands.bash(f"w3c-parse | w3c-alert {RULE}", stdin=lines)
    *before_the_end, _ = replay.lines  # the last seconds are judged when the input ends
    for expected in before_the_end:
        assert live.read_line() == expected + b"\n"
    live.signal_group(signal.SIGINT)
    assert live.result().lines == replay.lines


def test_ctrl_c_shows_the_last_block_and_leaves_no_process(commands: Commands) -> None:
    log = commands.write("access.log", b"")
    pipe = commands.start_bash('w3c-tail -n +1 "$1" | w3c-parse | tee -i >(w3c-alert) | w3c-stats', log)
    site = Site(url="http://my.site.com", sections=5, log_format="combined", seed=1)
    commands.append(
        "access.log", b"".join(site.lines(second, 20) for second in range(1_764_000_000, 1_764_000_015))
    )
    pipe.read_until(b"to 16:00:10Z")
    pipe.signal_group(signal.SIGINT)
    run = pipe.result()
    assert b"2025-11-24T16:00:10Z to 16:00:15Z  partial\n  100 requests" in run.stdout
    assert [note for note in run.notes if "reading as" not in note] == []
    pipe.until(lambda: not pipe.descendants(), "every process ended")


def test_a_reader_that_leaves_ends_the_whole_pipe_quietly(commands: Commands) -> None:
    site = Site(url="http://my.site.com", sections=5, log_format="combined", seed=1)
    log = commands.write("access.log", b"".join(site.lines(second, 20) for second in range(100)))
    pipe = commands.start_bash(
        'w3c-tail -n +1 "$1" | w3c-parse 2>/dev/null | w3c-alert --pass-through | w3c-stats | head -1', log
    )
    run = pipe.result()
    assert (run.stdout, run.stderr) == (b"\n", b"")
    pipe.until(lambda: not pipe.descendants(), "every process ended")
