"""README.md and what stands in docs: every block that can run is run, output, settings and links are right.

A block is run statement by statement, in a folder that has what the recipes name: logs of ten minutes
with a burst, a store, rules. What follows a log for ever runs until it has written.
"""

from __future__ import annotations

import gzip
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import DEADLINE_S, ROOT, Commands, Proc, tool
from rule_kit import parse_message

PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
SHELLS = ("sh", "bash")
#: A block of another kind is shown, not run: settings and output. Those below have tests of their own.
SHOWN = ("text", "ini", "console")
PROGRAMS = ("jq", "mlr", "sqlite3")
#: Blocks that a test elsewhere runs, by their first line.
RUN_ELSEWHERE = {
    "# over ssh": "test_many_hosts.py",
    "# over Kafka": "test_kafka.py",
}
#: Words of statements that are not run, and why.
NOT_RUN = {
    "make demo": "sets up an environment from the network, then runs w3c-simulation: cli/test_simulation.py",
    "make setup": "sets up an environment from the network",
    "pip install": "takes packages from the network",
    "pipx install": "takes packages from the network",
    "dist/w3ctools": "needs what make standalone and make deb build: packaging/",
    "w3c-$name": "makes links to it",
    "man w3ctools": "needs the package to be installed: packaging/test_deb.py",
    "apt purge": "needs the package to be installed: packaging/test_deb.py",
    "docker ": "needs docker or podman",
    "ssh ": "needs hosts",
    "w3c-spark": "needs Spark and Java: make test-spark",
    "/shared/": "needs what w3c-spark wrote",
    "duckdb": "is no package of Debian",
    "datasette": "is no package of Debian",
    "tmux": "needs a person at a terminal, and runs on",
}
FOLLOWS = re.compile(r"w3c-tail (?!.*--no-follow)|w3c-monitor")
DEFINES = re.compile(r"export |\w+\(\) ")
TIMED = '%h %l %u %t "%r" %>s %b %D'
#: Statements that write nothing.
SILENT = re.compile(rf"{DEFINES.pattern}|.*\| diff ", re.S)
#: The files that a statement names to write to, unless it reads them.
WRITES = re.compile(
    r"--(?:log|db|file|state|rejects|truth) (\S+)|(?<= )>>? ?([\w./-]+)|w3c-store (?:--keep \S+ )?(\w+\.db)"
)
READS = re.compile("w3c-alert history|w3c-store read .*w3c-stats")


class Block(NamedTuple):
    """Fenced code: where it stands, what its tag is, what is in it."""

    page: str
    line: int
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    """All fenced code of all pages."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])


BLOCKS = [*blocks()]
HERE = [block for block in BLOCKS if block.tag in SHELLS and not block.text.startswith((*RUN_ELSEWHERE,))]


@cache
def statements(block: Block) -> list[str]:
    """The commands of a block, each whole: bash says where one ends."""
    found, lines = [], ""
    for line in block.text.splitlines(keepends=True):
        if not lines and (line.startswith("#") or not line.strip()):
            continue
        lines += line
        check = subprocess.run([tool("bash"), "-n"], input=lines.encode(), capture_output=True, check=False)
        if check.returncode == 0 and not check.stderr and not lines.endswith("\\\n"):
            found.append(lines)
            lines = ""
    assert lines == "", f"{block} has no end"
    return found


def to_run(block: Block) -> list[str]:
    """Its statements without those that are not run."""
    return [each for each in statements(block) if not any(words in each for words in NOT_RUN)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person has who reads the recipes."""
    folder = tmp_path_factory.mktemp("site")
    home = tmp_path_factory.mktemp("home")
    commands = Commands(home)
    simulated = ("w3c-gen", "--scenario", "burst", "--rate", "10", "--fast")
    with_errors = ("--scenario", "deploy-500")
    together = ("--scenario", "steady", "--rate", "6", "--start", "-1h", "--duration", "4m")

    def simulate(*options: str) -> bytes:
        run = commands.run(*simulated, *options)
        assert (run.status, run.stdout[-1:]) == (0, b"\n"), run.stderr
        return run.stdout

    try:
        now = simulate("--start", "-50m", "--duration", "10m") + b"odd\n"
        before = simulate("--start", "-26h", "--duration", "10m", *with_errors)
        (folder / "access.log").write_bytes(now)
        (folder / "access.log.1").write_bytes(before)
        (folder / "access.log.2.gz").write_bytes(gzip.compress(before, 1))
        (folder / "access.log.7.gz").write_bytes(gzip.compress(now, 1))
        (folder / "strange.log").write_bytes(simulate("--format", "haproxy", "--duration", "1m"))
        for seed, name in enumerate(("a.log", "b.log")):
            (folder / name).write_bytes(simulate(*together, "--seed", str(seed)))
        timed = simulate("--format", TIMED, "--duration", "1m")
        (folder / "timed.log").write_bytes(timed)
        nginx = """http {
            log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status '
                             '$body_bytes_sent "$http_referer" "$http_user_agent"';
            access_log /var/log/nginx/access.log timed;
        }
        """
        texts = {
            "etc/nginx/nginx.conf": nginx,
            "w3ctools.ini": "[alert]\nwindow = 2m\n",
            "usr/local/bin/on-alert": "#!/bin/sh\ncat >/dev/null\n",
            "var/lib/node_exporter/other.prom": "",
        }
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / "usr/local/bin/on-alert").chmod(0o755)
        (folder / "var/log/nginx").mkdir(parents=True)
        (folder / "var/log/nginx/access.log").write_bytes(now)
        alerts = commands.run("w3c-parse", stdin=now).stdout
        alerts = commands.run(
            "w3c-alert", "--pass-through", "--db", folder / "alerts.db", stdin=alerts
        ).stdout
        assert commands.run("w3c-store", folder / "site.db", stdin=alerts).status == 0
    finally:
        commands.end()
    return folder


@pytest.mark.parametrize("block", [block for block in HERE if to_run(block)], ids=str)
def test_block_runs(commands: Commands, site: Path, block: Block) -> None:
    chosen = to_run(block)
    for program in PROGRAMS:
        if any(re.search(rf"\b{program}\b", statement) for statement in chosen):
            tool(program)
    shutil.copytree(site, commands.folder, dirs_exist_ok=True)
    commands.env |= {"W3C_TAIL_LINES": "+1", "TERM": "xterm-256color", "TZ": "UTC"}
    definitions = ""
    following = []
    for each in chosen:
        statement = on_this_machine(each, commands.folder)
        run = start(commands, block.tag, definitions, statement)
        if DEFINES.match(statement):
            definitions += statement
        if FOLLOWS.search(statement):
            following.append(run)
        else:
            assert run.proc.finish().status == 0, str(run.proc)
            assert run.has_written() or SILENT.match(statement), str(run.proc)
    for run in following:
        run.proc.until(run.has_written, f"written: {run.files or run.url or 'stdout'}")


def on_this_machine(statement: str, folder: Path) -> str:
    """With the paths of a server below the folder, and a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    moved = re.sub(r"(?<![\w./])/(etc|var|usr)/", rf"{folder}/\1/", statement)
    return moved.replace(":9107", f":{port}")


class Run(NamedTuple):
    """A statement that runs, and where it writes: to files, at a URL, else to stdout."""

    proc: Proc
    files: list[Path]
    url: str | None

    def has_written(self) -> bool:
        """Whether there is something at each place."""
        if self.files:
            return all(path.exists() and path.stat().st_size for path in self.files)
        if self.url is None:
            return bool(self.proc.out)
        with suppress(OSError), urllib.request.urlopen(self.url, timeout=DEADLINE_S) as answer:
            return bool(answer.read())
        return False


def start(commands: Commands, shell: str, definitions: str, statement: str) -> Run:
    """Start a statement in its shell, on a terminal if it wants one."""
    named = [name for names in WRITES.findall(statement) for name in names if name]
    files = [] if READS.search(statement) else [commands.folder / name for name in named]
    url = re.search(r"--listen (\S+)", statement)
    words = [tool(shell), "-c", definitions + statement]
    if "--live" in statement:
        words = [tool("script"), "-qefc", definitions + statement, "/dev/null"]
    return Run(commands.start(*words), files, f"http://{url[1]}/metrics" if url else None)


def test_blocks_are_found_and_each_is_run_or_said_why_not() -> None:
    assert len([block for block in HERE if to_run(block)]) >= 15
    assert {block.page for block in BLOCKS} >= {"README.md", "docs/commands.md", "docs/many-hosts.md"}
    assert {block.tag for block in BLOCKS} == {*SHELLS, *SHOWN}
    elsewhere = [block for block in BLOCKS if block.tag in SHELLS and block not in HERE]
    assert len(elsewhere) == len(RUN_ELSEWHERE)
    for first_line, test in RUN_ELSEWHERE.items():
        assert first_line in (ROOT / "tests" / "e2e" / test).read_text(encoding="utf-8")
    every = [statement for block in HERE for statement in statements(block)]
    assert len(every) >= 50
    used = {words for words in NOT_RUN for statement in every if words in statement}
    assert used == set(NOT_RUN)
    assert sum(len(to_run(block)) for block in HERE) >= 40


def test_output_that_is_shown_is_what_comes(commands: Commands) -> None:
    shown = [block for block in BLOCKS if block.tag == "console"]
    assert shown
    for block in shown:
        command, _, output = block.text.removeprefix("$ ").partition("\n")
        if re.search(r"\bjq\b", command):
            tool("jq")
        assert commands.bash(command).stdout.decode() == output, str(block)


def test_settings_that_are_shown_are_settings(commands: Commands) -> None:
    shown = [block for block in BLOCKS if block.tag == "ini"]
    assert len(shown) >= 2
    for block in shown:
        commands.write("shown.ini", block.text)
        run = commands.run("w3c-alert", "check", "shown.ini")
        assert run.status == 0, (str(block), run.stderr)


def test_messages_that_are_shown_are_messages() -> None:
    lines = [line for block in BLOCKS if block.tag == "text" for line in block.text.splitlines()]
    messages = [line for line in lines if line.startswith(("High ", "Low "))]
    assert len(messages) >= 5
    assert [line for line in messages if parse_message(line.encode()) is None] == []


def test_links_lead_somewhere() -> None:
    links = [
        (ROOT / page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len(links) >= 20
    for page, link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), (page, link)
        assert not anchor or anchor in anchors(target), (page, link)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings: lower case, blanks as dashes, no other signs."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
