"""w3c-spark without Spark: options, and what is missing. `make test-spark` has the rest."""

from __future__ import annotations

import sys

import pytest
from harness import Commands, Result, log_line

#: Runs the command where the module is not to be found, whatever is installed.
WITHOUT = """
import sys
sys.modules["pyspark"] = None
from w3ctools.cli.spark import main
main()
"""
INSTALL = (
    "pip install 'w3ctools[spark]', in a checkout '.[spark]', and Java: apt install openjdk-17-jre-headless"
)


@pytest.fixture
def folder(commands: Commands) -> str:
    """A folder with a log."""
    (commands.folder / "logs").mkdir()
    commands.write("logs/access.log", log_line())
    return "logs"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "no PATH to read: name one, or set paths in [spark] of w3ctools.ini"),
        (("--lateness", "1m", "logs"), "--lateness goes with --stream"),
        (("--checkpoint", "x", "logs"), "--checkpoint goes with --stream"),
        (("--split", "1KiB", "logs"), "must be 64KiB or more"),
        (("--interval", "0", "logs"), "must be longer than 0"),
        (("--stream", "logs"), "--stream needs --checkpoint and --out"),
        (("--stream", "logs", "logs"), "--stream watches one folder PATH"),
        (("--stream", "logs/access.log"), "--stream watches one folder PATH"),
        (
            ("--stream", "--checkpoint", "c", "--out", "logs/../logs", "logs"),
            "--checkpoint and --out must be other folders than PATH",
        ),
    ],
)
def test_wrong_options_are_said_in_one_line(
    commands: Commands, folder: str, args: tuple[str, ...], words: str
) -> None:
    result = commands.run("w3c-spark", *args)
    assert (result.status, result.stdout, len(result.notes)) == (2, b"", 1)
    assert words in result.notes[0]


@pytest.mark.parametrize(
    "args", [("logs",), ("--stream", "--checkpoint", "c", "--out", "o", "logs")], ids=["batch", "stream"]
)
def test_missing_spark_is_said_in_one_line(commands: Commands, folder: str, args: tuple[str, ...]) -> None:
    result = commands.run(sys.executable, "-c", WITHOUT, *args)
    assert result == Result(2, b"", f"w3c-spark: pyspark is not installed: {INSTALL}\n".encode())


def test_executable_without_spark_proposes_pip(commands: Commands, folder: str) -> None:
    result = commands.run(sys.executable, "-c", f"import sys; sys.frozen = True\n{WITHOUT}", folder)
    told = "w3c-spark: pyspark is not in this executable: install w3ctools with pip instead\n"
    assert result == Result(2, b"", told.encode())


def test_files_that_cannot_be_read_need_no_spark(commands: Commands) -> None:
    result = commands.run("w3c-spark", "no.log", "none")
    assert (result.status, result.stdout, result.notes) == (
        1,
        b"",
        ["w3c-spark: no.log: No such file or directory", "w3c-spark: none: No such file or directory"],
    )


def test_folder_without_files_needs_no_spark(commands: Commands) -> None:
    (commands.folder / "logs").mkdir()
    assert commands.run("w3c-spark", "logs") == Result(0, b"", b"")


def test_folder_of_a_stream_takes_no_batch(commands: Commands, folder: str) -> None:
    (commands.folder / "o").mkdir()
    commands.write("o/000000003.jsonl", "")
    args = (sys.executable, "-c", WITHOUT, "--out", "o", folder)
    note = b"w3c-spark: o: holds the summaries of a --stream, beside which others would count twice\n"
    assert commands.run(*args) == Result(2, b"", note)
    (commands.folder / "o/000000003.jsonl").rename(commands.folder / "o/monday.jsonl")
    assert b"pyspark is not installed" in commands.run(*args).stderr


def test_checkpoint_of_other_options_is_refused(commands: Commands, folder: str) -> None:
    args = ("--stream", "--checkpoint", "c", "--out", "o", folder)
    commands.run(sys.executable, "-c", WITHOUT, *args)
    result = commands.run("w3c-spark", "--interval", "1m", *args)
    assert (result.status, result.notes) == (
        2,
        [
            "w3c-spark: c: was begun with --interval 10s, not 60s: "
            "go on with that, or begin anew with another --checkpoint and --out"
        ],
    )


def test_folders_file_may_not_name_a_cluster(commands: Commands) -> None:
    commands.write("w3ctools.ini", "[spark]\nmaster = spark://elsewhere\n")
    result = commands.run("w3c-spark", "logs")
    assert result.status == 2
    assert "'master' names a cluster that is sent work and may not stand in ./w3ctools.ini" in result.notes[0]
