"""The examples of the manual and of --help run as they stand there."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import PYTHON_COMMANDS, ROOT, SCRIPTS, Commands, log_line, tool

MAN = ROOT / "man"
PAGES = sorted(path.name for path in MAN.glob("*.[1-9]"))
ESCAPES = {r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(ti": "~", r"\(ha": "^", r"\e": "\\", r"\&": ""}
#: Examples with these words are not run here, and why.
NOT_RUN = {
    "w3c-simulation": "takes 20 seconds; tests/cli/test_simulation.py runs it",
    "w3c-spark": "needs Spark; `make test-spark` runs it",
    "kcat": "needs a broker; tests/e2e/test_kafka.py runs it",
}
#: Places of a whole system, and where they are here.
PLACES = {"/var/log/nginx/": "", "/etc/nginx/": "", "/var/www/html/": "", "w3c-tail FILE": "w3c-tail a.log"}
#: Programs of others that need not be there: here they only read.
READERS = ("duckdb", "logger", "mlr", "sqlite3")
#: What ends so may have nothing to say of this log, or says it elsewhere than on stdout.
QUIET = re.compile(r"w3c-alert [^|]*$|w3c-alert$|w3c-store [^|]*$|w3c-report [^|]*$|> [\w.]+$")
#: What follows a log without end ends at the end of the log here, and nothing waits for real time.
INSTEAD = {
    "w3c-tail": f'exec "{SCRIPTS}/w3c-tail" --lines +1 --no-follow "$@"',
    "w3c-gen": f'exec "{SCRIPTS}/w3c-gen" "$@" --fast --duration 1m',
    "ssh": 'shift; exec sh -c "$*"',
    **dict.fromkeys(READERS, "cat; echo read"),
}
LOGS = ("access.log", "access.log.1", "a.log", "b.log", "strange.log", "odd.log", "demo.log")
NGINX = """
http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                     '$request_time';
    access_log timed.log timed;
}
"""


class Example(NamedTuple):
    """A script, and the page or command that shows it."""

    where: str
    text: str

    @property
    def reason(self) -> str | None:
        """Why it is not run."""
        return next((reason for word, reason in NOT_RUN.items() if word in self.text), None)


def _shown(page: str) -> list[str]:
    """The literal blocks of a page, and the lines on their own that stand one below the other."""
    text = (MAN / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^\.Bd -literal.*\n((?s:.*?))^\.Ed$|((?:^\.Dl .+\n)+)", text, re.M)
    shown = [block or lines.replace(".Dl ", "") for block, lines in blocks]
    for escape, character in ESCAPES.items():
        shown = [one.replace(escape, character) for one in shown]
    return [one for one in shown if re.search(r"(?<![\w/])w3c-[a-z]+(?= )", one)]


def _of_help(name: str) -> str:
    """The lines below Example in the docstring, which --help shows."""
    source = (ROOT / "w3ctools" / "cli" / f"{name.removeprefix('w3c-')}.py").read_text(encoding="utf-8")
    match = re.search(r"^    Examples?:\n((?:     +.+\n)+)", source, re.M)
    assert match is not None, name
    return match[1]


def _examples() -> list[Example]:
    """Each once, though several places show it."""
    shown = [(page, text) for page in PAGES for text in _shown(page)]
    shown += [(f"{name} --help", line) for name in PYTHON_COMMANDS for line in _of_help(name).splitlines()]
    once = {" ".join(text.replace("\\\n", " ").split()): (where, text) for where, text in reversed(shown)}
    return [Example(where, text.strip()) for where, text in reversed(once.values())]


EXAMPLES = _examples()
every_page = pytest.mark.parametrize("page", [page for page in PAGES if page.endswith(".1")])
PREPARED = """
for name in access.log.2 access.log.7; do gzip -c access.log > $name.gz; done
w3c-parse access.log | w3c-stats -o json --mergeable --host web1 | tee web2.jsonl web3.jsonl > web1.jsonl
w3c-parse access.log | w3c-alert -t 0.1 --pass-through --db alerts.db | w3c-store site.db
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all that examples name, and commands that come to an end."""
    commands = Commands(tmp_path_factory.mktemp("prepared"))
    tools = commands.folder / "tools"
    tools.mkdir()
    for name, text in INSTEAD.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    shutil.copy(ROOT / "bin" / "w3c-monitor", tools)
    began_s = int(time.time()) - 600
    log = b"".join(log_line(began_s + second, f"/shop/{second}", 500) for second in range(60)) + b"junk\n"
    for name in LOGS:
        commands.write(name, log)
    commands.write("nginx.conf", NGINX)
    assert commands.bash(f"set -o pipefail; {PREPARED}").status == 0
    yield commands.folder
    commands.end()


@every_page
def test_every_page_of_a_command_shows_examples(page: str) -> None:
    assert _shown(page)


def test_what_is_not_run_is_shown() -> None:
    assert [word for word in NOT_RUN if not any(word in example.text for example in EXAMPLES)] == []


def _cases() -> Iterator[object]:
    """Of each page the first example always; a third of a second each, the others with `make test-full`."""
    seen: set[str] = set()
    for example in EXAMPLES:
        if example.reason is None:
            marks = [pytest.mark.full] if example.where in seen else []
            seen.add(example.where)
            name = " ".join(example.text.split())[:60]
            yield pytest.param(example, marks=marks, id=f"{example.where}: {name}")


@pytest.mark.parametrize("example", list(_cases()))
def test_it_runs(prepared: Path, commands: Commands, example: Example) -> None:
    tool("jq")
    shutil.copytree(prepared, commands.folder, dirs_exist_ok=True)
    commands.env["PATH"] = f"{commands.folder}/tools:{commands.env['PATH']}"
    text = example.text
    for place, here in PLACES.items():
        text = text.replace(place, here)
    result = commands.bash(f"set -o pipefail\n{text}")
    assert result.status == 0, result
    assert result.stdout or QUIET.search(text), result
    assert b"Traceback" not in result.stderr
    assert b"--help)" not in result.stderr
