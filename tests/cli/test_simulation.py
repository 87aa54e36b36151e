"""w3c-simulation: the demonstration shows a block, an alert and its recovery, and ends by itself."""

from __future__ import annotations

import signal

import pytest
from harness import Commands, Script

QUICK_S = 21


def test_quick_simulation_tells_its_story_whatever_the_user_has_set(commands: Commands) -> None:
    temporary = commands.folder / "tmp"
    temporary.mkdir()
    commands.write("w3ctools.ini", "[nonsense]\n")
    settings = {"W3C_ALERT_THRESHOLD": "1000000", "W3C_GEN_RATE": "1", "W3CTOOLS_CONFIG": "absent.ini"}
    proc = commands.start("w3c-simulation", "--quick", env={**settings, "TMPDIR": str(temporary)})
    proc.read_until(b"High traffic generated an alert - hits = ", QUICK_S)
    proc.read_until(b"  section ", QUICK_S)
    proc.read_until(b"High traffic alert recovered - hits = ", QUICK_S)
    result = proc.result(QUICK_S)
    proc.leaves_nothing()
    assert (result.status, list(temporary.iterdir())) == (0, [])


@pytest.mark.parametrize(("signum", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_signal_ends_it_and_leaves_nothing(commands: Commands, signum: int, to_group: bool) -> None:
    temporary = commands.folder / "tmp"
    temporary.mkdir()
    proc = commands.start("w3c-simulation", "--quick", env={"TMPDIR": str(temporary)})
    proc.until(lambda: any("w3c-stats" in text for text in proc.descendants()), "pipe started")
    (proc.signal_group if to_group else proc.send_signal)(signum)
    assert proc.wait() == -signum
    proc.leaves_nothing()
    assert list(temporary.iterdir()) == []


def test_argument_is_usage_error(script: Script) -> None:
    result = script("w3c-simulation", "access.log")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
