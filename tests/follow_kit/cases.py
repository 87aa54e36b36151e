"""Faults in a row, each on one log that several followers read at the same time.

Every case begins with line 0 in the log, which all followers have shown; those that count begin with 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from follow_kit import faults
from follow_kit.followers import Follower, settle
from follow_kit.judge import Verdict, judge, numbers_on_files
from follow_kit.lines import Plain, Shape
from follow_kit.waiting import ticks, within
from follow_kit.writer import LogFile, Writer

#: Enough to fill a pipe of 64 KiB and all that stands around it.
BACKLOG_LINES = 2_000
#: For a follower that will never show what is waited for.
PATIENCE_S = 0.7


@dataclass
class Scene:
    """A log, and who follows it."""

    path: Path
    followers: Sequence[Follower]
    shape: Shape
    next_number: int = 1

    def lines(self, count: int) -> bytes:
        """The next lines."""
        first, self.next_number = self.next_number, self.next_number + count
        return b"".join(self.shape.line(number) for number in range(first, first + count))

    def append(self, count: int) -> None:
        """Add the next lines to the file that has the name now, with one write."""
        with LogFile(self.path) as log:
            log.write(self.lines(count))

    def shown(self) -> None:
        """Wait until all lines have been shown by all followers, or patience is over."""
        within(lambda: all(each.collector.lines >= self.next_number for each in self.followers), PATIENCE_S)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What happens in the block happens between two looks of the followers."""
        with ExitStack() as standing:
            for follower in self.followers:
                standing.enter_context(faults.stopped(follower.pid))
            yield

    def burst(self, rotations: int, lines: int, *, keep: int = faults.ALL, interval_s: float = 0) -> None:
        """Write and rotate again and again."""
        for _ in ticks(rotations, interval_s):
            self.append(lines)
            faults.rotate(self.path, keep)

    def writer(self, lines: int, rate_per_s: float) -> Writer:
        """Let a process write the next lines."""
        first, self.next_number = self.next_number, self.next_number + lines
        return Writer(self.path, lines, rate_per_s, first=first)


@dataclass(frozen=True)
class Case:
    """What happens to a log; `can_be_whole` where a follower can give all that is on some file at the end.

    `keeps_order` where names stand still for long enough that their order can be read.
    """

    name: str
    happen: Callable[[Scene], None]
    is_link: bool = False
    needs_permissions: bool = False
    can_be_whole: bool = True
    keeps_order: bool = True

    def run(
        self,
        folder: Path,
        commands: Mapping[str, Sequence[str]],
        *,
        patience_s: float,
        shape: Shape | None = None,
    ) -> dict[str, Verdict]:
        """Let it happen before the followers of these names; for one that shows no more it waits so long."""
        shape = shape or Plain()
        path = _make_log(folder, shape, is_link=self.is_link)
        with ExitStack() as running:
            followers = {
                name: running.enter_context(Follower([*words, path], folder))
                for name, words in commands.items()
            }
            for follower in followers.values():
                follower.shows(1)
            scene = Scene(path, list(followers.values()), shape)
            self.happen(scene)
            on_files = numbers_on_files(path.parent, shape)
            settle(scene.followers, len(on_files), patience_s)
            for follower in scene.followers:
                follower.stop()
            verdicts = {}
            for name, follower in followers.items():
                verdicts[name] = judge(range(scene.next_number), follower.output, shape, on_files=on_files)
                verdicts[name].notes += follower.notes
            return verdicts


def _make_log(folder: Path, shape: Shape, *, is_link: bool) -> Path:
    path = folder / "logs" / "access.log"
    path.parent.mkdir(parents=True)
    if is_link:
        path.symlink_to("release-1.log")
    path.write_bytes(shape.line(0))
    return path


def _truncate_and_regrow(scene: Scene) -> None:
    scene.append(40)
    scene.shown()
    with scene.unseen():
        faults.rewrite(scene.path, scene.lines(100))


def _rewrite_to_same_size(scene: Scene) -> None:
    scene.append(1)
    scene.shown()
    with scene.unseen():
        faults.rewrite(scene.path, scene.lines(2))


def _rotate_between_two_looks(scene: Scene) -> None:
    with scene.unseen():
        scene.burst(10, 20)


def _keep_old_descriptor(scene: Scene) -> None:
    with LogFile(scene.path) as old:
        old.write(scene.lines(1))
        scene.shown()
        faults.rotate(scene.path)
        for _ in ticks(4, 0.5):
            old.write(scene.lines(1))
        scene.shown()
    scene.append(1)


def _write_unfinished_line(scene: Scene) -> None:
    line = scene.lines(1)
    with LogFile(scene.path) as old:
        old.write(line[:50])
        for tick in ticks(3, 0.3):
            if tick == 1:
                faults.rotate(scene.path)
        old.write(line[50:])
    scene.append(1)


def _delete_and_recreate(scene: Scene) -> None:
    scene.append(1)
    scene.shown()
    faults.delete_and_recreate(scene.path)
    scene.append(2)


def _copy_and_truncate(scene: Scene) -> None:
    with scene.writer(20_000, 10_000) as writer:
        for tick in ticks(10, 0.2):
            if tick:
                faults.copy_and_truncate(scene.path)
        writer.written()


def _truncate_without_copy(scene: Scene) -> None:
    with scene.writer(1_501, 1_000) as writer:
        for _ in ticks(150, 0.01):
            faults.truncate(scene.path)
        writer.written()


def _rotate_before_a_still_reader(*, keep: int, interval_s: float) -> Callable[[Scene], None]:
    def happen(scene: Scene) -> None:
        for follower in scene.followers:
            follower.collector.pause()
        scene.append(BACKLOG_LINES)
        scene.burst(10, 50, keep=keep, interval_s=interval_s)
        for follower in scene.followers:
            follower.collector.resume()

    return happen


def _switch_link(scene: Scene) -> None:
    scene.append(10)
    scene.shown()
    faults.switch_link(scene.path, "release-2.log")
    scene.append(10)
    scene.shown()
    for _ in ticks(2, 0.3):
        faults.switch_link(scene.path, "release-3.log")
    scene.append(10)


def _lose_permission(scene: Scene) -> None:
    with LogFile(scene.path) as log:
        log.write(scene.lines(10))
        scene.shown()
        with faults.unreadable(scene.path):
            for _ in ticks(11, 0.1):
                log.write(scene.lines(1))
        log.write(scene.lines(10))


def _remake_folder(scene: Scene) -> None:
    scene.append(1)
    scene.shown()
    faults.remove_folder(scene.path.parent)
    for tick in ticks(2, 0.3):
        if tick:
            scene.path.parent.mkdir()
            scene.append(2)


CASES = (
    Case("truncate + regrow past the offset (100)", _truncate_and_regrow),
    Case("rewrite to the same size (2)", _rewrite_to_same_size),
    Case("writer keeps the old file for 2 s (6)", _keep_old_descriptor),
    Case("50 rotations in a burst (1,000)", lambda scene: scene.burst(50, 20), keeps_order=False),
    Case("the same, 5 names kept (1,000)", lambda scene: scene.burst(50, 20, keep=5), keeps_order=False),
    Case("10 rotations between two looks (200)", _rotate_between_two_looks),
    Case("unfinished line across a rotation (2)", _write_unfinished_line),
    Case("delete + recreate (3)", _delete_and_recreate),
    Case("copy + truncate 9 times (20,000)", _copy_and_truncate),
    Case("truncate every 10 ms, no copy (1,501)", _truncate_without_copy, can_be_whole=False),
    Case(
        "10 rotations, reader stands still (2,500)",
        _rotate_before_a_still_reader(keep=faults.ALL, interval_s=0),
    ),
    Case(
        "the same, 100 ms apart, 2 names kept (2,500)",
        _rotate_before_a_still_reader(keep=2, interval_s=0.1),
    ),
    Case("symbolic link switched twice (30)", _switch_link, is_link=True),
    Case("permission lost for 1 s (31)", _lose_permission, needs_permissions=True),
    Case("folder removed and made again (3)", _remake_folder),
)


def named(cases: Sequence[Case] = CASES) -> Iterator[tuple[str, Case]]:
    """Each case with a short name of letters."""
    for case in cases:
        yield case.name.partition(" (")[0].replace(",", "").replace("+", "and").replace(" ", "-"), case
