"""Records and summaries through Kafka with kcat: nothing is lost, changed or held back.

The brokers are those that librdkafka brings for tests: they speak Kafka's protocol over TCP, and keep 5 MB of
a partition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from confluent_kafka import Producer
from harness import EPOCH, ROOT, Commands, log_line, tool

HOSTS = ("web1", "web2", "web3")
TIMEOUT_S = 30


class Cluster(NamedTuple):
    """Running brokers."""

    owner: Producer
    brokers: str

    def topic(self, name: str) -> str:
        """Make a topic: a consumer that begins at its end needs one."""
        self.owner.list_topics(name, timeout=TIMEOUT_S)
        return name


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    owner = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none", "log_level": 3})
    found = owner.list_topics(timeout=TIMEOUT_S).brokers.values()
    yield Cluster(owner, ",".join(f"{broker.host}:{broker.port}" for broker in found))
    owner.flush(TIMEOUT_S)


@pytest.fixture
def recipe() -> list[str]:
    """The commands in docs: push, of summaries to Kafka and from it, of records to Kafka and from it."""
    text = (ROOT / "docs" / "many-hosts.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```bash\n# over Kafka.*?```", text, re.S)
    lines = [line for line in code.replace("|\n    ", "| ").splitlines()[1:-1] if line and line[0] != "#"]
    assert len(lines) == 5
    return lines


@pytest.fixture(autouse=True)
def _kcat(commands: Commands, cluster: Cluster) -> None:
    tool("kcat")
    commands.env["BROKERS"] = cluster.brokers


def busy_log(host: int = 0, of: int = 1) -> bytes:
    """Ten minutes of which one is a burst: what one of so many hosts has logged."""
    seconds = [second for second in range(600) for _ in range(30 if 200 <= second < 260 else 6)]
    return b"".join(
        log_line(
            EPOCH + second, f"/{'abc'[number % 3]}/{number % 7}", (200, 404, 503)[number % 5 % 3], number
        )
        for number, second in enumerate(seconds)
        if number % of == host
    )


def read_topic(commands: Commands, topic: str, *then: str) -> bytes:
    """All of a topic, through a command."""
    run = commands.bash(
        f'kcat -C -e -q -u -b "$BROKERS" -t {topic} -p 0 -o beginning | "$@"', *(then or ("cat",))
    )
    assert run.status == 0, run.stderr
    return run.stdout


def test_records_come_out_as_they_went_in(commands: Commands, recipe: list[str]) -> None:
    """Also long ones, which are longer than any pipe is."""
    long = log_line(EPOCH, "/" + "x" * 300_000)
    commands.write("access.log", log_line() + long + b"junk\n" + log_line(EPOCH + 1, "/\xe4\xf6 \\x22"))
    plain = commands.run("w3c-parse", "access.log")
    for topic, push in (("as-it-is", "cat"), ("pushed", "push")):
        sent = commands.bash(
            f'{recipe[0]}\nw3c-parse access.log | {push} | kcat -P -E -b "$BROKERS" -t {topic} -p 0'
        )
        assert sent.status == 0, sent.stderr
        assert read_topic(commands, topic) == plain.stdout


def test_alerts_from_records_are_those_without_kafka(commands: Commands) -> None:
    commands.write("access.log", busy_log())
    rule = ("w3c-alert", "-t", "10", "-w", "1m")
    sent = commands.bash('w3c-parse access.log | kcat -P -E -b "$BROKERS" -t records -p 0')
    assert sent.status == 0, sent.stderr
    alone = commands.bash('w3c-parse access.log | "$@"', *rule)
    assert alone.stdout.count(b"\n") == 2
    assert read_topic(commands, "records", *rule) == alone.stdout


def test_summaries_of_three_hosts_are_those_of_their_logs_in_one(commands: Commands) -> None:
    commands.write("all.log", busy_log())
    for number, name in enumerate(HOSTS):
        commands.write(f"{name}.log", busy_log(number, len(HOSTS)))
    sent = commands.bash(
        'for host in "$@"; do w3c-parse "$host.log" | w3c-stats -o json --mergeable --host "$host" | '
        'kcat -P -E -b "$BROKERS" -t three -p 0 & done; wait',
        *HOSTS,
    )
    assert sent.status == 0, sent.stderr
    for command in (["w3c-stats"], ["w3c-stats", "-o", "json"], ["w3c-alert", "-t", "10", "-w", "1m"]):
        once = commands.bash('w3c-parse all.log | "$@"', *command).stdout
        assert once.count(b"\n") >= 2
        merge = ["--merge"] if command[0] == "w3c-stats" else []
        assert read_topic(commands, "three", *command, *merge) == once


def follow(commands: Commands, recipe: list[str], number: int) -> None:
    """Start what docs/many-hosts.md has for a host."""
    commands.write("access.log", b"")
    env = {"W3C_TAIL_LINES": "+1", "W3C_STATS_INTERVAL": "1s"}
    commands.start_bash(f"{recipe[0]}\n{recipe[number]}", env=env)


def test_record_is_there_before_the_next_one_is_logged(
    commands: Commands, cluster: Cluster, recipe: list[str]
) -> None:
    recipe = [line.replace("-t records", f"-t {cluster.topic('one-by-one')}") for line in recipe]
    # From the beginning, as nobody can tell when it has asked where the end is.
    reader = commands.start_bash(recipe[4].partition("|")[0].replace("-o end", "-o beginning"))
    follow(commands, recipe, 3)
    for number in range(5):
        commands.append("access.log", log_line(target=f"/{number}{'x' * 500 * number}"))
        reader.read_until(b'"path":"/%d' % number)


def test_summaries_and_alerts_are_seen_live(commands: Commands, cluster: Cluster, recipe: list[str]) -> None:
    cluster.topic("summaries")
    reader = commands.start_bash(recipe[2], env={"W3C_ALERT_WINDOW": "2s"})
    follow(commands, recipe, 1)
    commands.start("w3c-gen", "--rate", "150", "--file", "access.log")
    reader.read_until(b"High traffic generated an alert")
    reader.read_until(b"  150 requests")
