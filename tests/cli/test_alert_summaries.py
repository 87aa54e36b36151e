"""w3c-alert on summaries of several hosts: the messages of their records together, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from harness import EPOCH, Commands, Result, log_line, record, records, utc

RULE = ("w3c-alert", "-t", "1", "-w", "10s")
#: Each host alone is calm.
HOSTS = {
    "web1": [*range(0, 8), 40, 41],
    "web2": [*range(3, 9), *range(5, 9), 42],
    "web3": [0, 4, 12, 21, 22, 39],
}


def summaries(commands: Commands, name: str, seconds: Iterable[int] | None = None, *args: str) -> bytes:
    """What one host tells."""
    data = records(EPOCH + second for second in sorted(HOSTS[name] if seconds is None else seconds))
    run = commands.run("w3c-stats", "-o", "json", "--mergeable", "--host", name, *args, stdin=data)
    assert run.status == 0, run.stderr
    return run.stdout


def once(*names: str) -> bytes:
    return records(EPOCH + second for second in sorted(second for name in names for second in HOSTS[name]))


@pytest.fixture
def told(commands: Commands) -> bytes:
    return b"".join(summaries(commands, name) for name in HOSTS)


class TestMessages:
    @pytest.mark.parametrize("output", ["text", "json"])
    def test_three_hosts_give_the_messages_of_their_records_together(
        self, commands: Commands, told: bytes, output: str
    ) -> None:
        together = commands.run(*RULE, "-o", output, stdin=once(*HOSTS))
        assert together.stdout.count(b"\n") == 2
        assert commands.run(*RULE, "-o", output, stdin=told).stdout == together.stdout

    def test_no_host_alone_gives_one(self, commands: Commands) -> None:
        assert [commands.run(*RULE, stdin=once(name)).stdout for name in HOSTS] == [b""] * 3

    def test_hosts_may_come_in_any_order(self, commands: Commands, told: bytes) -> None:
        mixed = b"".join(reversed(told.splitlines(keepends=True)))
        assert commands.run(*RULE, stdin=mixed).stdout == commands.run(*RULE, stdin=told).stdout != b""

    def test_unparsed_lines_count(self, commands: Commands) -> None:
        commands.write(
            "access.log", b"".join(log_line(EPOCH + second) for second in range(5)) + b"junk\n" * 7
        )
        told = commands.bash("w3c-parse access.log | w3c-stats -o json --mergeable").stdout
        run = commands.run(*RULE, stdin=told)
        assert (
            run.stdout
            == f"High traffic generated an alert - hits = 12, triggered at {utc(EPOCH + 4)}\n".encode()
        )

    def test_files_that_w3c_tail_follows_are_one_input(self, commands: Commands, told: bytes) -> None:
        for name in HOSTS:
            commands.write(f"{name}.jsonl", summaries(commands, name))
        run = commands.bash('w3c-tail --no-follow -n +1 web?.jsonl | "$@"', *RULE)
        assert (run.status, run.notes) == (0, [])
        assert run.stdout == commands.run(*RULE, stdin=told).stdout != b""

    def test_alert_beside_the_merged_statistics_is_shown_in_them(
        self, commands: Commands, told: bytes
    ) -> None:
        commands.write("all.jsonl", told)
        alone = commands.run(*RULE, stdin=told).stdout.decode().splitlines()
        run = commands.bash(f"cat all.jsonl | tee >({' '.join(RULE)}) | w3c-stats --merge -o json")
        events = run.values
        assert [event["message"] for event in events if event["event"] == "alert"] == alone
        assert sum(event.get("requests", 0) for event in events) == sum(map(len, HOSTS.values()))

    def test_summaries_go_on_with_pass_through(self, commands: Commands, told: bytes) -> None:
        run = commands.run(*RULE, "--pass-through", stdin=told)
        lines = run.stdout.splitlines(keepends=True)
        assert b"".join(line for line in lines if b'"event":"alert"' not in line) == told
        assert len(lines) == told.count(b"\n") + 2


class TestRefused:
    def refused(self, result: Result) -> str:
        """The one line of a run that was refused."""
        assert (result.status, result.stdout) == (2, b""), result
        (note,) = result.notes
        return note

    @pytest.mark.parametrize(
        ("rule", "name"),
        [
            (("--metric", "errors", "-t", "1"), "errors"),
            (("--metric", "p95", "-t", "1"), "p95"),
            (("-t", "1", "--by", "section"), "traffic"),
        ],
        ids=["errors", "p95", "by"],
    )
    def test_rule_that_needs_records(
        self, commands: Commands, told: bytes, rule: tuple[str, ...], name: str
    ) -> None:
        note = self.refused(commands.run("w3c-alert", *rule, stdin=told))
        assert note.startswith(f"w3c-alert: rule {name}: from summaries")

    def test_rule_that_needs_records_among_others(self, commands: Commands, told: bytes) -> None:
        commands.write("w3ctools.ini", "[alert:slow]\nmetric = p95\nthreshold = 1\n")
        assert "rule slow: " in self.refused(commands.run("w3c-alert", stdin=told))

    def test_state(self, commands: Commands, told: bytes) -> None:
        assert "--state" in self.refused(commands.run(*RULE, "--state", "a.state", stdin=told))

    @pytest.mark.parametrize("records_first", [True, False])
    def test_records_and_summaries_together(
        self, commands: Commands, told: bytes, records_first: bool
    ) -> None:
        data = record() + told if records_first else told + record()
        assert "would count twice" in self.refused(commands.run(*RULE, stdin=data))

    def test_total(self, commands: Commands) -> None:
        note = self.refused(commands.run(*RULE, stdin=summaries(commands, "web1", None, "--total")))
        assert note.startswith("w3c-alert: summary of web1: does not tell of its seconds")

    @pytest.mark.parametrize(
        "keys", [{"seconds": [1]}, {"seconds": [-1] * 10}, {"to": "soon"}, {"to": utc(0)}]
    )
    def test_damaged(self, commands: Commands, keys: dict[str, object]) -> None:
        value = json.loads(summaries(commands, "web1").splitlines()[0])
        note = self.refused(commands.run(*RULE, stdin=json.dumps({**value, **keys}).encode() + b"\n"))
        assert note.startswith("w3c-alert: summary of web1: is damaged")

    def test_name_of_a_host_cannot_act_on_the_terminal(self, commands: Commands) -> None:
        data = summaries(commands, "web1", None, "--total").replace(b'"host":"web1"', b'"host":"\\u001b[2J"')
        assert "summary of \\x1b[2J: " in self.refused(commands.run(*RULE, stdin=data))


def test_somebodys_statistics_between_the_records_are_passed_over(commands: Commands) -> None:
    statistics = commands.run("w3c-stats", "-o", "json", stdin=once("web1")).stdout
    run = commands.run(*RULE, stdin=once(*HOSTS) + statistics)
    assert (run.status, run.stdout) == (0, commands.run(*RULE, stdin=once(*HOSTS)).stdout)
