"""w3c-monitor: the whole pipe in one command, and that it takes all of it along when it ends."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from harness import AT_ONCE_S, Commands, Proc, Script, log_line

INI = "[stats]\ninterval = 1s\n[tail]\nlines = +1\n"


class Monitor:
    """w3c-monitor on a log of its own, with a folder for temporary files that can be looked into."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.temporary = commands.folder / "tmp"
        self.temporary.mkdir()

    def start(self, *args: str | Path, ini: str = INI, content: bytes = b"") -> Proc:
        """Start it with settings; the log access.log holds `content` then."""
        self._commands.write("my.ini", ini)
        self._commands.write("access.log", content)
        env = {"TMPDIR": str(self.temporary)}
        return self._commands.start("w3c-monitor", "--config", "my.ini", *args, env=env)

    def leftovers(self) -> list[Path]:
        """What is in the folder for temporary files."""
        return list(self.temporary.iterdir())


@pytest.fixture
def monitor(commands: Commands) -> Monitor:
    return Monitor(commands)


def recent(ago_s: int, target: str = "/pages/create") -> bytes:
    """A line that a live log would have held so many seconds ago."""
    return log_line(int(time.time()) - ago_s, target)


class TestFollowing:
    def test_traffic_is_shown(self, monitor: Monitor) -> None:
        proc = monitor.start("access.log", content=recent(20, "/shop/a") + recent(10))
        assert b"  /shop " in proc.read_until(b"top clients")

    def test_file_is_followed(self, monitor: Monitor, commands: Commands) -> None:
        proc = monitor.start("access.log", content=recent(20) + recent(10))
        proc.read_until(b"top clients")
        commands.append("access.log", recent(8, "/added/a") + recent(3))
        assert proc.read_until(b"  /added ")

    def test_files_come_from_the_configuration(self, monitor: Monitor) -> None:
        proc = monitor.start(ini=INI + "files = access.log\n", content=recent(20) + recent(10))
        assert proc.read_until(b"  /pages ")

    def test_alert_is_shown(self, monitor: Monitor) -> None:
        proc = monitor.start(
            "access.log",
            ini=INI + "[alert]\nthreshold = 1\nwindow = 2s\n",
            content=recent(20) * 3 + recent(10),
        )
        assert proc.read_until(b"High traffic generated an alert - hits = 3, triggered at ")

    def test_simulator_runs_only_where_enabled(self, monitor: Monitor) -> None:
        ini = INI + "files = access.log\n[gen]\nenabled = yes\nrate = 50\nfile = access.log\n"
        proc = monitor.start(ini=ini)
        assert proc.read_until(b" requests ")
        assert any("w3c-gen" in process for process in proc.descendants())

    def test_simulator_ends_at_once_by_default(self, monitor: Monitor, commands: Commands) -> None:
        proc = monitor.start("access.log", content=recent(20) + recent(10))
        proc.read_until(b"top clients")
        proc.until(lambda: not any("w3c-gen" in text for text in proc.descendants()), "simulator ended")


class TestEnd:
    @pytest.mark.parametrize(
        ("signum", "to_group"),
        [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGHUP, True), (signal.SIGTERM, True)],
    )
    @pytest.mark.parametrize("simulated", [False, True])
    def test_signal_shows_the_last_block_and_leaves_nothing(
        self, monitor: Monitor, signum: int, to_group: bool, simulated: bool
    ) -> None:
        switch = f"[gen]\nenabled = {'yes' if simulated else 'no'}\nfile = simulated.log\n"
        proc = monitor.start("access.log", ini=INI + switch, content=recent(20) + recent(10, "/last/a"))
        proc.read_until(b"top clients")
        (proc.signal_group if to_group else proc.send_signal)(signum)
        assert proc.read_until(b"  /last ")
        assert proc.wait() == -signum
        proc.leaves_nothing()
        assert monitor.leftovers() == []

    def test_reader_gone_ends_all(self, monitor: Monitor, commands: Commands) -> None:
        proc = monitor.start("access.log", content=recent(20) + recent(10))
        proc.read_until(b"top clients")
        proc.close_stdout()
        commands.append("access.log", recent(8) + recent(3))
        proc.wait()
        proc.leaves_nothing()
        assert monitor.leftovers() == []

    def test_no_file_at_all_is_usage_error_of_tail(self, monitor: Monitor) -> None:
        proc = monitor.start()
        assert proc.wait() == 2
        assert b"w3c-tail: no FILE to follow" in proc.err
        proc.leaves_nothing()
        assert monitor.leftovers() == []

    def test_two_signals_end_it_at_once(self, monitor: Monitor) -> None:
        proc = monitor.start("access.log", content=recent(20) + recent(10))
        proc.read_until(b"top clients")
        proc.send_signal(signal.SIGTERM)
        proc.send_signal(signal.SIGTERM)
        proc.wait(4 * AT_ONCE_S)
        proc.leaves_nothing()
        assert monitor.leftovers() == []


class TestUsage:
    @pytest.mark.parametrize("args", [("--config",), ("-x",), ("--configuration", "my.ini")])
    def test_unknown_option_is_usage_error(self, script: Script, args: tuple[str, ...]) -> None:
        result = script("w3c-monitor", *args)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_unusable_configuration_is_told_and_ends_it(self, monitor: Monitor) -> None:
        proc = monitor.start("access.log", ini="[nonsense]\n")
        assert proc.wait() == 2
        assert b"my.ini:1:1: no section [nonsense]" in proc.err
        proc.leaves_nothing()
        assert monitor.leftovers() == []
