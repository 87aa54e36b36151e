"""Completion in the real shells: what bash, zsh and fish offer for the beginning of a line."""

from __future__ import annotations

import os
import pty
import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import PYTHON_COMMANDS, ROOT, SHELL_COMMANDS, Commands, tool

COMPLETIONS = ROOT / "completions"
ALL = sorted((*PYTHON_COMMANDS, *SHELL_COMMANDS, "w3ctools"))
FILES = {"access.log", "logs", "my file.log", "other.ini"}


class Case(NamedTuple):
    """The beginning of a line, and what is offered for its last word."""

    line: str
    offered: set[str]


#: What shells make of the answers, which are the matter of tests/cli/test_answers_to_shells.py.
CASES = (
    Case("w3c-parse --form", {"--format"}),
    Case("w3c-parse --format com", {"combined", "common"}),
    Case("w3c-parse --format=comb", {"--format=combined"}),
    Case("w3c-stats --interval ", set()),
    Case("w3c-parse --drop client,us", {"client,user", "client,user_agent"}),
    Case("w3c-tail ", FILES),
    Case(r"w3c-tail my\ f", {"my file.log"}),
    Case("w3c-tail logs/o", {"logs/old log.gz"}),
    Case("w3c-tail --config=oth", {"--config=other.ini"}),
    Case("w3c-parse --from-config ~/oth", {"~/other.ini"}),
    Case("w3c-parse < acc", {"access.log"}),
    Case("w3c-spark --out ", {"logs"}),
    Case("w3c-alert ", {"check", "history", "try"}),
    Case("w3c-alert history --d", {"--db"}),
    Case("w3c-store ", {"read", *FILES}),
    Case("w3c-store read --un", {"--until"}),
    Case("w3c-tail access.log | w3c-parse --form", {"--format"}),
    Case(f"{ROOT}/bin/w3c-tail --no-", {"--no-follow"}),
    Case("w3c-monitor --", {"--config", "--help", "--version"}),
    Case("w3c-monitor acc", {"access.log"}),
    Case("w3c-simulation --q", {"--quick"}),
    Case("w3ctools s", {"simulation", "spark", "stats", "store"}),
    Case("w3ctools --v", {"--version"}),
    Case("w3ctools parse --format com", {"combined", "common"}),
    Case(r"w3ctools tail my\ f", {"my file.log"}),
    Case("w3ctools monitor --v", {"--version"}),
    Case(f"{ROOT}/bin/w3ctools alert history --d", {"--db"}),
)
#: Lines, and what Tab makes of them.
TYPED = {
    "w3c-parse my": r"w3c-parse my\ file.log ",
    "w3c-parse 'my": "w3c-parse 'my file.log' ",
    "w3c-parse --where 'status >= 500 and pat": "w3c-parse --where 'status >= 500 and path' ",
    "w3c-parse --format=comb": "w3c-parse --format=combined ",
    "w3c-spark --out lo": "w3c-spark --out logs/",
    "w3ctools par": "w3ctools parse ",
    "w3ctools tail my": r"w3ctools tail my\ file.log ",
}
every_case = pytest.mark.parametrize("case", CASES, ids=[case.line for case in CASES])
#: Ctrl-X a puts all that is offered into the line, Ctrl-X t puts the line into a file.
BASHRC = r"""
PS1=
. "$COMPLETIONS/w3ctools.bash"
tell() { printf '%s\0' "$READLINE_LINE" >> "$TOLD"; READLINE_LINE=; }
bind -x '"\C-xt": tell'
bind '"\C-xa": insert-completions'
bind 'set enable-bracketed-paste off'
printf '\0' >> "$TOLD"
"""
ZSHRC = r"""
PS1=
fpath=($COMPLETIONS $fpath)
autoload -U compinit && compinit -u -D
tell() { print -rn -- "$BUFFER"$'\0' >> "$TOLD"; BUFFER= }
zle -N tell
zle -C all complete-word _generic
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert true
zstyle ':completion:*' menu no
bindkey '^Xt' tell
bindkey '^Xa' all
unset zle_bracketed_paste
printf '\0' >> "$TOLD"
"""
FISH = r"""
source $COMPLETIONS/w3ctools.fish
for line in $argv
    complete -C $line
    printf '\0'
end
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """A folder with some files, and settings that are all wrong."""
    commands = Commands(tmp_path_factory.mktemp("completion"))
    commands.env |= {"COMPLETIONS": str(COMPLETIONS), "W3CTOOLS_CONFIG": "other.ini", "W3C_TAIL_LINES": "x"}
    (commands.folder / "logs").mkdir()
    for name in ("access.log", "my file.log", "other.ini", "logs/old log.gz"):
        commands.write(name, "no configuration, and no log\n")
    yield commands
    commands.end()


class Terminal:
    """A shell at a terminal, whose key Ctrl-X t puts the line that stands there into a file."""

    def __init__(self, commands: Commands, told: Path, *words: str) -> None:
        self._told = told
        self._terminal, stdin = pty.openpty()
        os.set_blocking(self._terminal, False)
        env = {"TERM": "dumb", "TOLD": str(told)}
        self._proc = commands.start(*words, stdin=stdin, stdout=stdin, env=env)
        os.close(stdin)
        self._lines = 0
        self._next()  # it is ready

    def line(self, keys: str) -> str:
        """The line after these keys."""
        os.write(self._terminal, f"{keys}\x18t".encode())
        return self._next()

    def offered(self, line: str) -> set[str]:
        """What is offered for the last word."""
        whole = self.line(f"{line}\x18a")
        before = re.sub(r"(\\ |\S)*$", "", line)
        assert whole.startswith(before)
        return {word.removesuffix("/") for word in shlex.split(whole.removeprefix(before))}

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)

    def _next(self) -> str:
        self._proc.until(self._has_told, "told")
        self._lines += 1
        return self._told.read_text().split("\0")[self._lines - 1]

    def _has_told(self) -> bool:
        with suppress(BlockingIOError):
            os.read(self._terminal, 1 << 16)  # what it shows
        return self._told.exists() and self._told.read_text().count("\0") > self._lines


@pytest.fixture(scope="module")
def bash(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """bash, without anybody's settings."""
    folder = tmp_path_factory.mktemp("bash")
    (folder / "rc").write_text(BASHRC)
    words = (tool("bash"), "--noprofile", "--rcfile", str(folder / "rc"), "-i")
    terminal = Terminal(commands, folder / "told", *words)
    yield terminal
    terminal.close()


@pytest.fixture(scope="module")
def zsh(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """zsh, in the same way."""
    folder = tmp_path_factory.mktemp("zsh")
    (folder / ".zshrc").write_text(ZSHRC)
    words = ("/usr/bin/env", f"ZDOTDIR={folder}", tool("zsh"), "-o", "noglobalrcs", "-i")
    terminal = Terminal(commands, folder / "told", *words)
    yield terminal
    terminal.close()


@pytest.fixture(scope="module")
def fish(commands: Commands) -> dict[str, set[str]]:
    """By line, what fish offers: it can be asked."""
    result = commands.run(tool("fish"), "--no-config", "-c", FISH, *(case.line for case in CASES))
    assert result.stderr == b""
    answers = result.stdout.decode().split("\0")[:-1]
    words = [
        {line.partition("\t")[0].removesuffix("/") for line in answer.splitlines()} for answer in answers
    ]
    return dict(zip((case.line for case in CASES), words, strict=True))


@every_case
def test_bash_offers(bash: Terminal, case: Case) -> None:
    assert bash.offered(case.line) == case.offered


@every_case
def test_zsh_offers(zsh: Terminal, case: Case) -> None:
    assert zsh.offered(case.line) == case.offered


@every_case
def test_fish_offers(fish: dict[str, set[str]], case: Case) -> None:
    assert fish[case.line] == case.offered


@pytest.mark.parametrize("line", TYPED)
def test_tab_in_bash(bash: Terminal, line: str) -> None:
    assert bash.line(f"{line}\t") == TYPED[line]


@pytest.mark.parametrize("line", TYPED)
def test_tab_in_zsh(zsh: Terminal, line: str) -> None:
    assert zsh.line(f"{line}\t") == TYPED[line]


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_completion_in_each_shell(name: str) -> None:
    texts = [(COMPLETIONS / file).read_text() for file in ("w3ctools.bash", "_w3ctools", "w3ctools.fish")]
    assert [bool(re.search(rf"^(#compdef|complete|for|   ) .*{name}\b", text, re.M)) for text in texts] == [
        True,
        True,
        True,
    ]


def test_shells_find_a_file_of_the_name_of_each_command() -> None:
    for folder, ending, target in (("bash", "", "w3ctools.bash"), ("fish", ".fish", "w3ctools.fish")):
        links = {path.name: os.readlink(path) for path in (COMPLETIONS / folder).iterdir()}
        assert links == {f"{name}{ending}": f"../{target}" for name in ALL}


def test_all_are_installed() -> None:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    files = setup["options.data_files"]
    assert files["share/bash-completion/completions"].split() == ["completions/bash/*"]
    assert files["share/zsh/site-functions"].split() == ["completions/_w3ctools"]
    assert files["share/fish/vendor_completions.d"].split() == ["completions/fish/*"]
