"""A checkpoint of w3c-spark: what it was begun with holds, and one command at a time uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from w3ctools.edge.spark.checkpoint import NAME, Begun, Checkpoint, CheckpointError


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    """What a stream is begun with."""
    return Begun(10, "/logs", str(tmp_path / "out"))


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where the checkpoint is."""
    return str(tmp_path / "checkpoint")


def test_new_one_is_made_and_known_again(place: str, begun: Begun) -> None:
    Checkpoint(place, begun).close()
    assert Path(begun.out).is_dir()
    Checkpoint(place, begun).close()


def test_one_that_spark_has_used_goes_on(place: str, begun: Begun) -> None:
    Checkpoint(place, begun).close()
    Path(place, "metadata").touch()
    Path(begun.out, "000000000.jsonl").touch()
    Checkpoint(place, begun).close()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Begun(60, "/logs", "out"), "was begun with --interval 10s, not 60s"),
        (Begun(10, "/other", "out"), "was begun with PATH /logs, not /other"),
        (Begun(10, "/logs", "elsewhere"), "was begun with --out "),
    ],
    ids=["interval", "folder", "out"],
)
def test_other_options_are_refused_in_one_line(
    place: str, begun: Begun, tmp_path: Path, other: Begun, words: str
) -> None:
    Checkpoint(place, begun).close()
    with pytest.raises(CheckpointError) as raised:
        Checkpoint(place, Begun(other.interval_s, other.folder, str(tmp_path / other.out)))
    text = str(raised.value)
    assert text.startswith(f"{place}: {words}")
    assert "\n" not in text


def test_new_one_with_summaries_of_another_run_is_refused(place: str, begun: Begun) -> None:
    Path(begun.out).mkdir()
    Path(begun.out, "000000000.jsonl").touch()
    with pytest.raises(CheckpointError, match="holds the summaries of another run"):
        Checkpoint(place, begun)


def test_folder_of_something_else_is_refused(place: str, begun: Begun) -> None:
    Path(place).mkdir()
    Path(place, "offsets").mkdir()
    with pytest.raises(CheckpointError, match="no checkpoint of w3c-spark: it holds offsets"):
        Checkpoint(place, begun)


def test_damaged_one_is_refused(place: str, begun: Begun) -> None:
    Checkpoint(place, begun).close()
    Path(place, NAME).write_text("{")
    with pytest.raises(CheckpointError, match=NAME):
        Checkpoint(place, begun)


def test_it_is_used_once_at_a_time(place: str, begun: Begun) -> None:
    held = Checkpoint(place, begun)
    with pytest.raises(CheckpointError, match="in use by another w3c-spark"):
        Checkpoint(place, begun)
    held.close()
    Checkpoint(place, begun).close()
