"""w3c-parse --jobs: the same output as with one process, and what it does where it is not worth it."""

from __future__ import annotations

import gzip
import os
import signal
from pathlib import Path

import pytest
from harness import AT_ONCE_S, EPOCH, Commands, log_line

from w3ctools.cli._jobs import LEAST_BYTES

W3C = b"#Fields: date time c-ip cs-method cs-uri-stem sc-status\n"


def _stretch(first: int, lines: int) -> bytes:
    return b"".join(
        log_line(EPOCH + number // 50, f"/a{number % 9}/{number}") for number in range(first, first + lines)
    )


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Larger than what is parsed by one process: odd lines, two formats, an unfinished last line."""
    path = tmp_path_factory.mktemp("jobs") / "long.log"
    odd = b"no log line\n\n# a remark\n" + log_line(target="/caf\xc3\xa9")
    with path.open("wb") as file:
        number = 0
        while file.tell() <= LEAST_BYTES:
            file.write(_stretch(number, 20_000) + odd)
            number += 20_000
        file.write(W3C + b"2002-05-02 17:42:15 192.0.2.9 GET /w3c/a 200\n" * 20_000)
        file.write(_stretch(0, 20_000) + log_line()[:-1])
    return path


@pytest.mark.parametrize("jobs", ["2", "3"])
def test_the_output_is_the_same(commands: Commands, long_log: Path, jobs: str) -> None:
    alone = commands.run("w3c-parse", "--summary", long_log, long_log)
    together = commands.run("w3c-parse", "--summary", "--jobs", jobs, long_log, long_log)
    assert alone.stdout.count(b"\n") > 200_000
    assert together.stdout == alone.stdout
    assert [note for note in together.notes if "not worth it" not in note] == alone.notes
    assert together.status == alone.status == 0


def test_all_processes_take_part(commands: Commands, long_log: Path) -> None:
    parse = commands.start("w3c-parse", "--jobs", "2", long_log)
    parse.read_line()
    parse.until(lambda: len(parse.descendants()) == 2, "two more processes")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("short.log",), "bytes are parsed before processes have started"),
        (("long.log.gz",), "it is no plain file"),
        (("long.log", "--where", "status == 200"), "parsed line by line"),
        (("-",), "it is no plain file"),
    ],
)
def test_it_says_where_it_is_not_worth_it(
    commands: Commands, long_log: Path, args: tuple[str, ...], why: str
) -> None:
    commands.write("short.log", log_line())
    os.link(long_log, commands.folder / "long.log")
    commands.write("long.log.gz", gzip.compress(log_line()))
    parse = commands.start("w3c-parse", "-j", "2", *args)
    parse.feed(log_line())
    parse.close_stdin()
    assert parse.read_line()
    (note,) = (note for note in parse.read_notes("not worth it") if "not worth it" in note)
    assert why in note
    assert "--jobs 2" in note


def test_asked_to_end_it_leaves_nothing(commands: Commands, long_log: Path) -> None:
    parse = commands.start("w3c-parse", "--jobs", "2", long_log)
    parse.read_line()
    parse.signal_group(signal.SIGINT)
    result = parse.result(AT_ONCE_S)
    assert result.status == -signal.SIGINT
    assert result.stdout.endswith(b"}\n")
    parse.leaves_nothing()


def test_a_reader_that_goes_away_ends_all(commands: Commands, long_log: Path) -> None:
    parse = commands.start("w3c-parse", "--jobs", "2", long_log)
    parse.read_line()
    parse.close_stdout()
    assert parse.wait(AT_ONCE_S) == -signal.SIGPIPE
    parse.leaves_nothing()


def test_killed_it_leaves_nothing(commands: Commands, long_log: Path) -> None:
    parse = commands.start("w3c-parse", "--jobs", "2", long_log)
    parse.read_line()
    parse.send_signal(signal.SIGKILL)
    parse.leaves_nothing()


def test_processes_that_are_killed_cost_no_line(commands: Commands, long_log: Path) -> None:
    expected = commands.run("w3c-parse", long_log).stdout
    parse = commands.start("w3c-parse", "--jobs", "2", long_log)
    parse.read_line()
    parse.until(lambda: len(parse.descendants()) == 2, "two more processes")
    for described in parse.descendants():
        os.kill(int(described.split()[0]), signal.SIGKILL)
    assert parse.result().stdout == expected
    parse.leaves_nothing()


def test_processes_that_cannot_be_started_cost_no_line(commands: Commands, long_log: Path) -> None:
    expected = commands.run("w3c-parse", long_log)
    result = commands.bash('ulimit -n 14; exec w3c-parse -j 8 "$1"', long_log)
    assert result.stdout == expected.stdout
    assert any("processes cannot be started (Too many open files)" in note for note in result.notes)


def test_it_can_be_set(commands: Commands) -> None:
    commands.write("access.log", log_line())
    config = commands.write("jobs.ini", "[parse]\njobs = 3\n")
    from_config = commands.run("w3c-parse", "--config", config, "access.log")
    from_environment = commands.run("w3c-parse", "access.log", env={"W3C_PARSE_JOBS": "4"})
    assert "--jobs 3" in "".join(from_config.notes)
    assert "--jobs 4" in "".join(from_environment.notes)
