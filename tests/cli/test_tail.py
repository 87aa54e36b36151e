"""w3c-tail: where it begins, what it follows, and that no line is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from harness import AT_ONCE_S, Commands, Proc, Script, unprivileged

FIVE = b"1\n2\n3\n4\n5\n"


def follow(commands: Commands, *args: str, content: bytes = b"") -> Proc:
    """Follow access.log from its beginning; what it holds at first was read already."""
    commands.write("access.log", content + b"first\n")
    proc = commands.start("w3c-tail", "-n", "+1", *args, "access.log")
    proc.read_until(b"first\n")
    return proc


class TestStart:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("0", b""),
            ("1", b"5\n"),
            ("2", b"4\n5\n"),
            ("-2", b"4\n5\n"),
            ("5", FIVE),
            ("9", FIVE),
            ("+1", FIVE),
            ("+0", FIVE),
            ("+4", b"4\n5\n"),
            ("+6", b""),
            ("+9", b""),
        ],
    )
    def test_lines_says_where_to_begin(self, commands: Commands, lines: str, expected: bytes) -> None:
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "--no-follow", f"--lines={lines}", "access.log")
        assert (result.status, result.stdout, result.stderr) == (0, expected, b"")

    def test_default_is_what_comes_from_now_on(self, commands: Commands) -> None:
        commands.write("access.log", FIVE)
        proc = commands.start("w3c-tail", "access.log").ready()
        # It listens to signals before it looks at the file, so the line may come a moment too early.
        fed = 0

        def heard() -> bool:
            nonlocal fed
            fed += 1
            commands.append("access.log", f"new {fed}\n".encode())
            return bool(proc.out)

        proc.until(heard, "new lines shown")
        assert proc.read_line().startswith(b"new ")

    @pytest.mark.parametrize("lines", ["", "x", "1.5", "--1", "1k"])
    def test_lines_that_is_no_number_is_usage_error(self, script: Script, lines: str) -> None:
        result = script("w3c-tail", f"--lines={lines}", "access.log")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_no_follow_passes_on_an_unfinished_line(self, commands: Commands) -> None:
        commands.write("access.log", FIVE + b"unfinished")
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "access.log")
        assert result.stdout == b"5\nunfinished\n"

    def test_files_come_in_their_order(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        commands.write("b.log", b"of b\n")
        result = commands.run("w3c-tail", "--no-follow", "-n", "+1", "a.log", "b.log")
        assert result.stdout == b"#Source: a.log\nof a\n#Source: b.log\nof b\n"

    def test_summary_counts_lines_and_bytes(self, commands: Commands) -> None:
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "--no-follow", "--summary", "-n", "2", "access.log")
        assert result.notes == ["w3c-tail: 2 lines out, 4 bytes"]


class TestStream:
    def test_dash_is_stdin(self, commands: Commands) -> None:
        assert commands.run("w3c-tail", "-", stdin=FIVE).stdout == FIVE

    def test_stdin_passes_whole_lines_only(self, commands: Commands) -> None:
        proc = commands.start("w3c-tail", "-")
        proc.feed(b"whole\nunfin")
        assert proc.read_line() == b"whole\n"
        proc.feed(b"ished\n")
        assert proc.read_line() == b"unfinished\n"

    def test_stdin_beside_files_is_usage_error(self, script: Script) -> None:
        result = script("w3c-tail", "-", "access.log")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_fifo_is_read_to_its_end(self, commands: Commands) -> None:
        path = commands.folder / "fifo"
        os.mkfifo(path)
        proc = commands.start("w3c-tail", path)
        with open(path, "wb", buffering=0) as fifo:
            fifo.write(FIVE)
            assert proc.read_until(b"5\n") == FIVE
        assert proc.wait() == 0

    def test_fifo_beside_files_is_usage_error(self, commands: Commands) -> None:
        os.mkfifo(commands.folder / "fifo")
        commands.write("access.log", FIVE)
        result = commands.run("w3c-tail", "fifo", "access.log")
        assert (result.status, len(result.notes)) == (2, 1)


class TestFollow:
    def test_line_is_shown_when_it_is_whole(self, commands: Commands) -> None:
        proc = follow(commands)
        commands.append("access.log", b"un")
        commands.append("access.log", b"finished\nnext")
        assert proc.read_line() == b"unfinished\n"

    def test_missing_file_is_waited_for_and_read_from_its_beginning(self, commands: Commands) -> None:
        proc = commands.start("w3c-tail", "access.log")
        assert proc.read_notes("waiting") == ["w3c-tail: access.log: waiting for it to appear"]
        commands.write("access.log", FIVE)
        assert proc.read_until(b"5\n") == FIVE
        assert proc.read_notes("appeared")[1:] == ["w3c-tail: access.log: appeared"]

    def test_renamed_file_is_read_to_its_end_before_the_new_one(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.append("access.log.1", b"last of the old\n")
        commands.write("access.log", b"first of the new\n")
        assert proc.read_line() == b"last of the old\n"
        assert proc.read_line() == b"first of the new\n"
        assert "w3c-tail: access.log: rotated, 1 line drained, 0 lost" in proc.read_notes("rotated")

    def test_writer_that_stays_in_the_renamed_file_is_heard(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").rename(commands.folder / "access.log.1")
        commands.write("access.log", b"new\n")
        assert proc.read_line() == b"new\n"
        commands.append("access.log.1", b"old\n")
        assert proc.read_line() == b"old\n"

    def test_truncated_copy_begins_again(self, commands: Commands) -> None:
        proc = follow(commands, content=FIVE)
        path = commands.folder / "access.log"
        shutil.copy(path, commands.folder / "access.log.1")
        os.truncate(path, 0)
        assert "truncated" in proc.read_notes("truncated")[0]
        commands.append("access.log", b"after\n")
        assert proc.read_line() == b"after\n"

    def test_removed_file_is_waited_for(self, commands: Commands) -> None:
        proc = follow(commands)
        (commands.folder / "access.log").unlink()
        proc.read_notes("waiting for it to appear")
        commands.write("access.log", b"again\n")
        assert proc.read_line() == b"again\n"

    def test_switched_link_is_followed(self, commands: Commands) -> None:
        commands.write("a.log", b"of a\n")
        commands.write("b.log", b"of b\n")
        link, new_link = commands.folder / "access.log", commands.folder / "new"
        link.symlink_to("a.log")
        new_link.symlink_to("b.log")
        proc = commands.start("w3c-tail", "-n", "+1", "access.log")
        assert proc.read_line() == b"of a\n"
        new_link.rename(link)
        assert proc.read_line() == b"of b\n"

    def test_several_files_are_followed_at_once(self, commands: Commands) -> None:
        commands.write("a.log", b"a\n")
        commands.write("b.log", b"b\n")
        proc = commands.start("w3c-tail", "-n", "+1", "a.log", "b.log")
        assert proc.read_until(b"b\n") == b"#Source: a.log\na\n#Source: b.log\nb\n"
        commands.append("b.log", b"to b\n")
        assert proc.read_line() == b"to b\n"
        for name in ("a.log", "b.log"):
            commands.append(name, f"to {name}\n".encode())
            assert proc.read_line() == f"#Source: {name}\n".encode()
            assert proc.read_line() == f"to {name}\n".encode()

    def test_unreadable_file_is_named_with_its_owner_and_waited_for(self, commands: Commands) -> None:
        path = commands.write("access.log", FIVE)
        path.chmod(0)
        proc = commands.start(*unprivileged(), "w3c-tail", "access.log")
        (note,) = proc.read_notes("permission denied")
        assert note.startswith("w3c-tail: access.log: permission denied (owner ")
        assert note.endswith(", mode 0000)")
        path.chmod(0o600)
        assert proc.read_until(b"5\n") == FIVE

    def test_signal_ends_it_within_a_long_backlog(self, commands: Commands) -> None:
        commands.write("access.log", FIVE * 1_000_000)
        proc = commands.start("w3c-tail", "-n", "+1", "access.log")
        proc.read_line()
        proc.send_signal(signal.SIGTERM)
        assert proc.wait(AT_ONCE_S) == -signal.SIGTERM
        assert len(proc.out) < 10_000_000
        assert proc.out.endswith(b"\n")


class TestHeader:
    HEADER = b"#Version: 1.0\n#Fields: date time cs-uri\n"

    def test_w3c_header_goes_before_the_first_line(self, commands: Commands) -> None:
        commands.write("u_ex.log", self.HEADER + FIVE)
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "u_ex.log")
        assert result.stdout == self.HEADER + b"5\n"

    def test_newest_header_is_the_one(self, commands: Commands) -> None:
        newer = self.HEADER.replace(b"cs-uri", b"cs-uri-stem")
        commands.write("u_ex.log", self.HEADER + FIVE + newer + FIVE)
        result = commands.run("w3c-tail", "--no-follow", "-n", "1", "u_ex.log")
        assert result.stdout == newer + b"5\n"

    def test_header_waits_for_the_line(self, commands: Commands) -> None:
        commands.write("u_ex.log", self.HEADER + FIVE)
        assert commands.run("w3c-tail", "--no-follow", "u_ex.log").stdout == b""
