"""w3c-gen: the same seed gives the same log, and a file is only ever added to."""

from __future__ import annotations

import json
import signal
import time

import pytest
from harness import EPOCH, Commands, Script, stamp

START = "2020-09-13T12:26:40Z"
FAST = ("w3c-gen", "--start", START, "--fast", "--duration")


class TestSeed:
    def test_same_seed_gives_same_bytes(self, commands: Commands) -> None:
        assert commands.run(*FAST, "20s", "--seed", "7") == commands.run(*FAST, "20s", "--seed", "7")

    def test_other_seed_gives_other_bytes(self, commands: Commands) -> None:
        assert commands.run(*FAST, "20s", "--seed", "7") != commands.run(*FAST, "20s", "--seed", "8")

    def test_real_time_gives_the_same_requests_as_fast(self, commands: Commands) -> None:
        real = commands.run("w3c-gen", "--start", START, "--duration", "1s", "--rate", "50")
        assert real == commands.run(*FAST, "1s", "--rate", "50")


class TestTime:
    def test_rate_and_duration_give_the_number_of_lines(self, commands: Commands) -> None:
        result = commands.run(*FAST, "10s", "--rate", "2.5")
        seconds = [line.decode().split("[")[1].split("]")[0] for line in result.lines]
        expected = [EPOCH + second for second in range(10) for _ in range(2 + second % 2)]
        assert seconds == [stamp(epoch) for epoch in expected]

    def test_speed_makes_log_time_faster_and_changes_no_byte(self, commands: Commands) -> None:
        began_s = time.monotonic()
        result = commands.run("w3c-gen", "--start", START, "--duration", "20s", "--speed", "20x")
        assert time.monotonic() - began_s >= 0.9
        assert result == commands.run(*FAST, "20s")

    def test_fast_with_speed_is_usage_error(self, script: Script) -> None:
        result = script(*FAST, "1s", "--speed", "10x")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)

    def test_fast_without_duration_is_usage_error(self, script: Script) -> None:
        result = script("w3c-gen", "--fast")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "--duration" in result.stderr

    def test_real_time_lines_come_one_by_one(self, commands: Commands) -> None:
        proc = commands.start("w3c-gen", "--rate", "20", "--start", START)
        proc.read_line()
        assert len(proc.out.splitlines()) < 5

    def test_start_may_be_relative(self, commands: Commands) -> None:
        result = commands.bash("w3c-gen --fast --duration 1s --rate 1 --start -2h | w3c-parse")
        age_s = time.time() - result.values[0]["epoch"]
        assert 7200 <= age_s < 7260

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--start", "yesterday"),
            ("--duration", "0"),
            ("--duration", "1w"),
            ("--rate", "-1"),
            ("--rate", "many"),
            ("--sections", "0"),
            ("--site", "nowhere"),
            ("--format", "nonsense"),
            ("--format", "%Q %>s"),
            ("--scenario", "doom"),
            ("--junk", "200%"),
            ("--late", "-1"),
            ("--speed", "0"),
            ("--rotate", "shred"),
            ("--threshold", "0"),
        ],
    )
    def test_bad_value_is_usage_error_naming_it(self, script: Script, option: str, value: str) -> None:
        result = script("w3c-gen", f"{option}={value}")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert option in result.stderr


class TestFile:
    def test_file_is_appended_to_and_stdout_stays_empty(self, commands: Commands) -> None:
        path = commands.write("access.log", b"precious\n")
        result = commands.run(*FAST, "2s", "--file", "access.log")
        expected = commands.run(*FAST, "2s").stdout
        assert (result.stdout, path.read_bytes()) == (b"", b"precious\n" + expected)

    def test_missing_file_is_made(self, commands: Commands) -> None:
        commands.run(*FAST, "2s", "--file", "access.log")
        assert (commands.folder / "access.log").read_bytes().count(b"\n") == 20

    def test_interrupted_writer_leaves_whole_lines(self, commands: Commands) -> None:
        path = commands.write("access.log", b"precious\n")
        proc = commands.start("w3c-gen", "--rate", "100", "--file", "access.log")
        proc.until(lambda: path.stat().st_size > 100, "lines in the file")
        proc.send_signal(signal.SIGTERM)
        assert proc.wait() == -signal.SIGTERM
        data = path.read_bytes()
        assert data.startswith(b"precious\n")
        assert data.endswith(b"\n")

    def test_file_that_cannot_be_opened_is_failure(self, script: Script) -> None:
        result = script(*FAST, "1s", "--file", "no/such/folder/access.log")
        assert result.returncode == 1
        assert result.stderr == "w3c-gen: no/such/folder/access.log: No such file or directory\n"

    def test_full_disk_is_failure_in_one_line(self, script: Script) -> None:
        result = script(*FAST, "1s", "--file", "/dev/full")
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1


class TestRotation:
    ROTATING = (*FAST, "5s", "--file", "access.log", "--rotate-every", "2s", "--rotate")

    @pytest.mark.parametrize("way", ["rename", "copytruncate"])
    def test_generations_in_order_are_the_log(self, commands: Commands, way: str) -> None:
        commands.run(*self.ROTATING, way)
        names = [f"access.log-20200913-{EPOCH + 2}", f"access.log-20200913-{EPOCH + 4}", "access.log"]
        assert sorted(path.name for path in commands.folder.iterdir()) == sorted(names)
        parts = [(commands.folder / name).read_bytes() for name in names]
        assert [part.count(b"\n") for part in parts] == [20, 20, 10]
        assert b"".join(parts) == commands.run(*FAST, "5s").stdout

    @pytest.mark.parametrize(("way", "stays"), [("rename", False), ("copytruncate", True)])
    def test_the_file_stays_the_same_only_where_it_is_copied(
        self, commands: Commands, way: str, stays: bool
    ) -> None:
        before = commands.write("access.log", b"precious\n").stat().st_ino
        commands.run(*self.ROTATING, way)
        old = commands.folder / f"access.log-20200913-{EPOCH + 2}"
        assert ((commands.folder / "access.log").stat().st_ino == before) == stays
        assert (old.stat().st_ino == before) != stays
        assert old.read_bytes().startswith(b"precious\n")

    @pytest.mark.parametrize("way", ["rename", "copytruncate"])
    def test_nothing_is_overwritten(self, script: Script, commands: Commands, way: str) -> None:
        name = f"access.log-20200913-{EPOCH + 2}"
        commands.write(name, b"precious\n")
        result = script(*self.ROTATING, way)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert name in result.stderr
        assert (commands.folder / name).read_bytes() == b"precious\n"
        assert (commands.folder / "access.log").read_bytes().count(b"\n") == 20

    def test_storm_rotates_every_second(self, commands: Commands) -> None:
        commands.run(*FAST, "4s", "--scenario", "rotation-storm", "--file", "access.log")
        assert len(list(commands.folder.iterdir())) == 4

    def test_every_file_begins_with_the_header_once(self, commands: Commands) -> None:
        commands.run(*self.ROTATING, "rename", "--format", "w3c")
        commands.run(*FAST, "1s", "--file", "access.log", "--format", "w3c")
        for path in commands.folder.iterdir():
            data = path.read_bytes()
            assert data.startswith(b"#")
            assert data.count(b"#Fields:") == 1

    @pytest.mark.parametrize(
        "options",
        [
            ("--rotate", "rename"),
            ("--scenario", "rotation-storm"),
            ("--rotate-every", "2s", "--file", "a.log"),
        ],
    )
    def test_rotation_that_cannot_be_is_usage_error(
        self, script: Script, commands: Commands, options: tuple[str, ...]
    ) -> None:
        result = script(*FAST, "1s", *options)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert not list(commands.folder.iterdir())


class TestTruth:
    def test_truth_is_one_object_in_whole(self, commands: Commands) -> None:
        lines = commands.run(*FAST, "10s", "--truth", "truth.json").lines
        truth = json.loads((commands.folder / "truth.json").read_bytes())
        assert [path.name for path in commands.folder.iterdir()] == ["truth.json"]
        assert (truth["lines"], truth["from"], truth["to"]) == (len(lines), START, "2020-09-13T12:26:50Z")

    def test_truth_is_told_by_a_writer_that_was_stopped(self, commands: Commands) -> None:
        proc = commands.start("w3c-gen", "--rate", "100", "--truth", "truth.json")
        proc.read_line()
        proc.send_signal(signal.SIGTERM)
        assert proc.wait() == -signal.SIGTERM
        truth = json.loads((commands.folder / "truth.json").read_bytes())
        assert truth["lines"] == proc.out.count(b"\n")

    def test_truth_that_cannot_be_written_is_failure(self, script: Script) -> None:
        result = script(*FAST, "1s", "--truth", "no/such/folder/truth.json")
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)

    def test_threshold_and_window_choose_the_alert(self, commands: Commands) -> None:
        commands.run(*FAST, "10s", "--truth", "truth.json", "-t", "4", "-w", "5")
        alert = json.loads((commands.folder / "truth.json").read_bytes())["alert"]
        assert (alert["threshold_per_s"], alert["window_s"]) == (4, 5)
        assert [(event["epoch"], event["hits"]) for event in alert["events"]] == [(EPOCH + 2, 30)]


class TestSwitch:
    def test_if_enabled_does_nothing_by_default(self, script: Script) -> None:
        result = script(*FAST, "1s", "--if-enabled", "--file", "access.log")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_if_enabled_creates_no_file_by_default(self, commands: Commands) -> None:
        commands.run(*FAST, "1s", "--if-enabled", "--file", "access.log")
        assert not (commands.folder / "access.log").exists()

    def test_if_enabled_writes_where_the_file_says_so(self, commands: Commands) -> None:
        commands.write("w3ctools.ini", "[gen]\nenabled = yes\n")
        assert len(commands.run(*FAST, "1s", "--if-enabled").lines) == 10


class TestContent:
    @pytest.mark.parametrize(
        ("log_format", "quotes", "first"),
        [("common", 2, b"198.18."), ("combined", 6, b"198.18."), ("vhost_combined", 6, b"my.site.com:80 ")],
    )
    def test_format_decides_the_fields(
        self, commands: Commands, log_format: str, quotes: int, first: bytes
    ) -> None:
        lines = commands.run(*FAST, "5s", "--format", log_format).lines
        assert {line.count(b'"') for line in lines} == {quotes}
        assert any(line.startswith(first) for line in lines)

    def test_sections_is_their_number(self, commands: Commands) -> None:
        result = commands.bash('"$@" | w3c-parse', *FAST, "100s", "--sections", "3")
        assert {value["section"] for value in result.values} == {"/", "/api", "/images", "/pages"}

    def test_site_is_in_referers_and_vhost(self, commands: Commands) -> None:
        script = '"$@" --format vhost_combined --site https://shop.example | w3c-parse'
        result = commands.bash(script, *FAST, "20s")
        assert {(value["vhost"], value["vhost_port"]) for value in result.values} == {("shop.example", 443)}
        referers = {str(value["referer"]) for value in result.values}
        assert any(referer.startswith("https://shop.example/") for referer in referers)
