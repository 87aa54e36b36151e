"""What happens to logs and to those who read them, each a function.

Rotated files are named as logrotate does: FILE.1 is the newest.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from follow_kit.waiting import until

#: Keep all rotated files.
ALL = sys.maxsize


def rotate(path: Path, keep: int = ALL) -> None:
    """Rename and create: FILE becomes FILE.1, that FILE.2, and those past `keep` go."""
    _make_room(path, keep)
    path.rename(_rotated(path, 1))
    path.touch()


def copy_and_truncate(path: Path, keep: int = ALL) -> None:
    """Rotate without a new file: what is written between copy and truncation is lost by this itself."""
    _make_room(path, keep)
    shutil.copyfile(path, _rotated(path, 1))
    truncate(path)


def truncate(path: Path) -> None:
    """Cut the file to nothing."""
    os.truncate(path, 0)


def rewrite(path: Path, data: bytes) -> None:
    """Truncate, then write other bytes, so quickly that nobody looks in between."""
    path.write_bytes(data)


def delete_and_recreate(path: Path) -> None:
    """The name means a new file, the old one has no name any more."""
    path.unlink()
    path.touch()


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Nobody may open the file while the block runs; root still may."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


def switch_link(link: Path, target: str) -> None:
    """Let the symbolic link mean another file, with no moment at which it means none."""
    following = link.with_name(f"{link.name}.switching")
    following.symlink_to(target)
    following.rename(link)


def remove_folder(folder: Path) -> None:
    """Remove the folder and all in it."""
    shutil.rmtree(folder)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: _state(pid) == "T", f"process {pid} stopped")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill(pid: int) -> None:
    """End the process without a chance to say or save anything."""
    os.kill(pid, signal.SIGKILL)


def _rotated(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}.{generation}")


def _make_room(path: Path, keep: int) -> None:
    """FILE.1 becomes free: each rotated file moves on by one."""
    oldest = 0
    while _rotated(path, oldest + 1).exists():
        oldest += 1
    for generation in range(oldest, 0, -1):
        if generation >= keep:
            _rotated(path, generation).unlink()
        else:
            _rotated(path, generation).rename(_rotated(path, generation + 1))


def _state(pid: int) -> str:
    """The letter that stands behind the name in parentheses (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
