"""The single file, where there is no Python."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import PYTHON_COMMANDS, ROOT, Commands, log_line, record, tool
from packaging_kit import DEADLINE_S, built, check_pipe, check_versions, run, system_path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that the file was unpacked in."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file, links to it, and `tee`."""
    folder = tmp_path / "folder"
    folder.mkdir()
    os.link(built("w3ctools"), folder / "w3ctools")
    for name in PYTHON_COMMANDS:
        (folder / name).symlink_to("w3ctools")
    for name in ("w3c-monitor", "w3c-simulation"):
        (folder / name).symlink_to("w3ctools")
    (folder / "tee").symlink_to(tool("tee"))
    return folder


def _cached(home: Path) -> list[str]:
    """What is in the cache beside the lock."""
    return [name for name in os.listdir(home / ".cache/w3ctools") if name != "lock"]


def test_pipe_runs_with_nothing_on_path_but_links_and_tee(folder: Path, home: Path) -> None:
    check_pipe(folder, str(folder), home)


def test_every_command_runs_by_its_name(folder: Path, home: Path) -> None:
    # The two scripts need what every system has.
    check_versions(home, system_path(folder))


def test_subcommands_are_the_commands(folder: Path, home: Path) -> None:
    for name in ("tail", "monitor"):
        words = (folder / "w3ctools", name, "--version")
        assert run(*words, path="/usr/bin:/bin", cwd=home).stdout.startswith(f"w3c-{name} ")


def test_without_a_name_it_says_what_the_checkout_says(folder: Path, home: Path) -> None:
    said = [
        run(program, "none", path="/usr/bin:/bin", cwd=home, status=2)
        for program in (folder / "w3ctools", ROOT / "bin/w3ctools")
    ]
    assert said[0].stderr == said[1].stderr
    assert said[0].stderr.count("\n") == 1


def test_commands_that_start_at_once_unpack_it_once(folder: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/nonexistent", "HOME": str(tmp_path)}
    starts = [
        subprocess.Popen([folder / name, "--version"], env=environment, stdout=subprocess.DEVNULL)
        for name in PYTHON_COMMANDS
    ]
    assert [start.wait(DEADLINE_S) for start in starts] == [0] * len(PYTHON_COMMANDS)
    assert len(_cached(tmp_path)) == 1


def test_other_versions_go_when_one_is_unpacked_unless_they_run(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / ".cache/w3ctools"
    for name in ("0.0.1-of-old", "0.0.2-in-use", "0.0.3-broken-off.new"):
        (cache / name).mkdir(parents=True)
    in_use = cache / "0.0.2-in-use/w3ctools"
    in_use.write_bytes(Path(tool("sleep")).read_bytes())
    in_use.chmod(0o755)
    with ExitStack() as ending:
        running = subprocess.Popen([in_use, "1000"])
        ending.callback(running.wait)
        ending.callback(running.kill)
        run(folder / "w3c-tail", "--version", path="/nonexistent", cwd=tmp_path)
        left = _cached(tmp_path)
    assert len(left) == 2
    assert "0.0.2-in-use" in left


def test_what_is_cut_off_is_not_run(folder: Path, tmp_path: Path) -> None:
    whole = built("w3ctools").read_bytes()
    cut = tmp_path / "w3c-tail"
    cut.write_bytes(whole[: len(whole) // 2])
    cut.chmod(0o755)
    result = run(cut, "--version", path="/nonexistent", cwd=tmp_path, status=1)
    assert result.stderr.count("\n") == 1
    assert "cannot unpack" in result.stderr
    assert _cached(tmp_path) == []


def test_where_nothing_can_be_written_it_says_which_variable_helps(folder: Path, tmp_path: Path) -> None:
    result = run(folder / "w3c-tail", path="/nonexistent", cwd=tmp_path, status=1, home=Path("/dev/null"))
    assert result.stderr.startswith("w3c-tail: cannot unpack into /dev/null/.cache/w3ctools/")
    assert result.stderr.endswith("Not a directory: XDG_CACHE_HOME names another place\n")


@pytest.fixture
def following(folder: Path, home: Path, commands: Commands) -> tuple[Commands, Path]:
    """A place for commands to run in, with a folder of its own for temporary files."""
    run(folder / "w3c-tail", "--version", path="/nonexistent", cwd=home)
    temporary = commands.folder / "tmp"
    temporary.mkdir()
    commands.env |= {"PATH": system_path(folder), "HOME": str(home), "TMPDIR": str(temporary)}
    return commands, temporary


def test_kill_leaves_no_process_and_no_file(
    following: tuple[Commands, Path], folder: Path, home: Path
) -> None:
    commands, temporary = following
    unpacked = sorted(path for path in home.rglob("*"))
    commands.write("access.log", b"")
    follower = commands.start(folder / "w3c-tail", "-n", "+1", "access.log")
    commands.append("access.log", log_line())
    assert follower.read_line() == log_line()
    assert follower.descendants() == []  # one process a command
    follower.send_signal(signal.SIGKILL)
    assert follower.wait() == -signal.SIGKILL
    follower.leaves_nothing()
    assert list(temporary.iterdir()) == []
    assert sorted(path for path in home.rglob("*")) == unpacked


def test_what_a_command_starts_has_the_users_environment(
    following: tuple[Commands, Path], folder: Path
) -> None:
    commands, _ = following
    commands.env |= {"LD_LIBRARY_PATH": "/opt/of-the-user"}
    told = commands.folder / "told"
    script = commands.write("tell", f"#!/bin/sh\nenv >{told}\n")
    script.chmod(0o755)
    events = b"".join(record(1_600_000_000 + second) * 150 for second in range(12))
    assert commands.run(folder / "w3c-alert", "--exec", script, stdin=events).status == 0
    variables = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert variables["LD_LIBRARY_PATH"] == "/opt/of-the-user"
    assert variables["PATH"] == commands.env["PATH"]
    assert [name for name in variables if name.startswith("_PYI")] == []


def test_libraries_that_are_seldom_used_are_in_it(following: tuple[Commands, Path], folder: Path) -> None:
    """Sketches, prometheus_client, apprise and zstd, all of them imported late."""
    commands, _ = following
    many = b"".join(record(path=f"/{number}", client=f"10.0.{number}.1") for number in range(11_000))
    assert b"  about 10," in commands.run(folder / "w3c-stats", "--total", stdin=many).stdout
    assert b"w3c_" in _metrics(commands, folder)
    told = commands.run(folder / "w3c-alert", "--notify", "json://127.0.0.1:1/", stdin=record())
    assert (told.status, told.notes) == (0, [])
    told = commands.run(folder / "w3c-alert", "--notify", "none://127.0.0.1:1/")
    assert told.notes == ["w3c-alert: notify 1: not a notification URL that apprise knows (scheme 'none')"]
    log = commands.write("access.log", log_line())
    subprocess.run([tool("zstd"), "-q", log], check=True)
    commands.env |= {"PATH": "/nonexistent"}
    assert commands.run(folder / "w3c-parse", "access.log.zst").values[0]["path"] == "/pages/create"


def _metrics(commands: Commands, folder: Path) -> bytes:
    path = commands.folder / "w3c.prom"
    words = (folder / "w3c-stats", "-o", "prometheus", "--file", path)
    assert commands.run(*words, stdin=record()).status == 0
    return path.read_bytes()


def test_spark_is_not_in_it_and_it_says_so(folder: Path, home: Path) -> None:
    result = run(folder / "w3c-spark", "/dev/null", path="/usr/bin:/bin", cwd=home, status=2)
    said = "w3c-spark: pyspark is not in this executable: install w3ctools with pip instead\n"
    assert result.stderr == said
