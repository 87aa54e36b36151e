"""Files replaced in one step: the old one or the new one is there, whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from w3ctools.edge.replacing import replacing


def test_what_was_written_in_pieces_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "summaries.jsonl"
    path.write_bytes(b"old")
    with replacing(str(path), 0o644) as fd:
        os.write(fd, b"new ")
        os.write(fd, b"one")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new one"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_after_an_exception_all_is_as_it_was(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "summaries.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(str(path), 0o644) as fd:  # noqa: PT012
        os.write(fd, b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]
