"""Rotation by those who do it: logrotate in its modes, and nginx with SIGUSR1.

Every line that is on any file at the end must arrive once, whole and in order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from follow_kit.cases import CASES, Case, named
from follow_kit.followers import W3C_TAIL, Follower
from follow_kit.http_load import ask
from follow_kit.judge import judge, numbers_on_files
from follow_kit.lines import Combined, Plain
from follow_kit.waiting import ticks, until
from follow_kit.writer import Writer
from harness import Commands, unprivileged
from rotators import Logrotate, hang_up
from servers import nginx

NGINX_FORMAT = (
    "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '"
    ' \'"$http_referer" "$http_user_agent"\''
)


class Load(NamedTuple):
    """How much is written, and how often it is rotated meanwhile."""

    rotations: int
    interval_s: float
    lines_per_s: int

    @property
    def lines(self) -> int:
        """Enough for the rotations, and a little more."""
        return int((self.rotations + 1) * self.interval_s * self.lines_per_s)


def _loads(small: Load, full: Load) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "load", [small, pytest.param(full, marks=pytest.mark.full)], ids=["small", "full"]
    )


SMALL, FULL = Load(5, 0.15, 2_000), Load(100, 0.25, 5_000)
#: Names with a date in seconds allow one rotation a second.
SMALL_DATED, FULL_DATED = Load(2, 1.1, 1_000), Load(100, 1.1, 5_000)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log in a folder of its own that nobody else may write to, as logrotate wants it."""
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o755)
    return folder / "access.log"


@pytest.fixture
def follower(log: Path, tmp_path: Path) -> Iterator[Follower]:
    with Follower([*W3C_TAIL, log], tmp_path) as running:
        yield running


def _judge_rotation(follower: Follower, log: Path, rotate: Logrotate, load: Load, writer: Writer) -> None:
    for _ in ticks(load.rotations, load.interval_s):
        follower.shows(follower.collector.lines + 1)  # else there is nothing to rotate
        rotate()
    numbers = writer.written()
    on_files = numbers_on_files(log.parent, Plain())
    assert len(on_files) > 0.9 * len(numbers)
    follower.settle(len(on_files), patience_s=3)
    assert follower.stop() == -signal.SIGTERM
    verdict = judge(numbers, follower.output, Plain(), on_files=on_files)
    assert verdict.faults() == [], follower.notes


class TestLogrotate:
    @_loads(SMALL, FULL)
    @pytest.mark.parametrize(
        "mode", [["nocompress"], ["compress"], ["compress", "delaycompress"]], ids=["plain", "gz", "later gz"]
    )
    def test_create(
        self, commands: Commands, log: Path, follower: Follower, mode: list[str], load: Load
    ) -> None:
        with Writer(log, load.lines, load.lines_per_s) as writer:
            rotate = Logrotate(commands, log, "create 0644", hang_up(writer.pid), *mode)
            _judge_rotation(follower, log, rotate, load, writer)

    @_loads(SMALL_DATED, FULL_DATED)
    @pytest.mark.parametrize("mode", [["nocompress"], ["compress"]], ids=["plain", "gz"])
    def test_names_with_dates(
        self, commands: Commands, log: Path, follower: Follower, mode: list[str], load: Load
    ) -> None:
        with Writer(log, load.lines, load.lines_per_s) as writer:
            dated = ["dateext", "dateformat -%Y%m%d-%s"]
            rotate = Logrotate(commands, log, "create 0644", hang_up(writer.pid), *dated, *mode)
            _judge_rotation(follower, log, rotate, load, writer)

    @_loads(SMALL, FULL)
    @pytest.mark.parametrize(
        "mode", [["nocompress"], ["compress"], ["compress", "delaycompress"]], ids=["plain", "gz", "later gz"]
    )
    def test_copytruncate(
        self, commands: Commands, log: Path, follower: Follower, mode: list[str], load: Load
    ) -> None:
        with Writer(log, load.lines, load.lines_per_s) as writer:
            rotate = Logrotate(commands, log, "copytruncate", *mode)
            _judge_rotation(follower, log, rotate, load, writer)

    def test_writer_that_opens_the_log_for_every_line(
        self, commands: Commands, log: Path, follower: Follower
    ) -> None:
        with Writer(log, SMALL.lines, SMALL.lines_per_s, reopen="line") as writer:
            rotate = Logrotate(commands, log, "create 0644", "compress", "delaycompress")
            _judge_rotation(follower, log, rotate, SMALL, writer)


@_loads(SMALL, FULL)
def test_nginx_reopens_at_sigusr1(commands: Commands, tmp_path: Path, load: Load) -> None:
    """It writes on in the renamed file until it comes to the signal."""
    shape = Combined()
    folder = tmp_path / "nginx"
    with nginx(commands, folder, {"usual": NGINX_FORMAT}) as server, ThreadPoolExecutor(1) as visitor:
        log = server.logs["usual"]
        with Follower([*W3C_TAIL, log], tmp_path) as follower:
            visit = visitor.submit(ask, server.port, load.lines, load.lines_per_s, shape)
            for tick in ticks(load.rotations, load.interval_s):
                follower.shows(follower.collector.lines + 1)
                log.rename(log.with_name(f"{log.name}.{load.rotations - tick}"))
                os.kill(int((folder / "nginx.pid").read_text()), signal.SIGUSR1)
                until(log.exists, "the log made anew")
            numbers = visit.result()
            # nginx answers before it writes to its log.
            until(lambda: numbers_on_files(log.parent, shape) == set(numbers), "all requests logged")
            follower.settle(len(numbers), patience_s=3)
            verdict = judge(numbers, follower.output, shape)
            assert verdict.faults() == [], follower.notes


class TestFaults:
    """What the benchmark shows beside GNU tail."""

    @pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in named(CASES)])
    def test_nothing_that_is_on_a_file_is_lost(self, tmp_path: Path, case: Case) -> None:
        prefix = unprivileged() if case.needs_permissions else ()
        verdict = case.run(tmp_path / "case", {"w3c-tail": [*prefix, *W3C_TAIL]}, patience_s=3)["w3c-tail"]
        if not case.can_be_whole:
            verdict.lost.clear()
        if not case.keeps_order:
            verdict.out_of_order.clear()
        assert verdict.faults() == [], verdict.notes


class TestPermissions:
    @pytest.fixture
    def unprivileged_follower(self, log: Path, tmp_path: Path) -> Iterator[Follower]:
        log.write_bytes(Plain().line(0))
        log.chmod(0)
        with Follower([*unprivileged(), *W3C_TAIL, log], tmp_path) as running:
            yield running

    def test_file_that_may_not_be_read_is_waited_for(
        self, log: Path, unprivileged_follower: Follower
    ) -> None:
        until(lambda: bool(unprivileged_follower.notes), "a note")
        assert unprivileged_follower.output == b""
        log.chmod(0o644)
        unprivileged_follower.shows(1)
        assert str(log) in unprivileged_follower.notes[0]
