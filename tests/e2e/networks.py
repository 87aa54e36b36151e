"""Three hosts and the connections to them: real ones, or processes that stand for them.

Each host has a folder, which is where a command that comes over ssh begins.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from harness import DEADLINE_S, Commands, tool

NAMES = ("web1", "web2", "web3")
#: In namespaces of their own, these are nobody else's.
ADDRESSES = {name: f"10.213.0.1{number}" for number, name in enumerate(NAMES, 1)}

SSHD = """
ListenAddress {address}
HostKey {keys}/host
AuthorizedKeysFile {keys}/user.pub
StrictModes no
UsePAM no
PidFile none
ForceCommand cd {folder} && exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
SSH = """
Host {name}
    HostName {address}
    User {user}
    IdentityFile {keys}/user
    IdentitiesOnly yes
    BatchMode yes
    ConnectTimeout 2
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {keys}/known_hosts
"""
#: Stands for ssh where there is no network: a command that runs until it is cut off.
NO_SSH = """#!/bin/sh
while [ $# -gt 2 ]; do shift; done
cd {folder}/"$1" || exit
[ -e cut ] && exit 255
echo $$ > connected
exec sh -c "exec $2"
"""


class Network(Protocol):
    """Connections to all hosts, by an ssh that comes first in `path`."""

    path: str

    def cut(self, name: str) -> None:
        """Nothing goes to this host or comes from it."""

    def mend(self, name: str) -> None:
        """All is as before."""


@contextmanager
def network(commands: Commands, folder: Path) -> Iterator[Network]:
    """Namespaces with an sshd each; where these cannot be made, and it is no CI, processes."""
    for name in NAMES:
        (folder / name).mkdir()
    (folder / "bin").mkdir()
    if os.geteuid() != 0 or not (os.environ.get("CI") or _can_make_namespaces()):
        yield Processes(folder)
        return
    namespaces = Namespaces(commands, folder)
    try:
        namespaces.make()
        yield namespaces
    finally:
        namespaces.remove()


class Processes:
    """Hosts of one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = _script(folder / "bin" / "ssh", NO_SSH.format(folder=shlex.quote(str(folder))))

    def cut(self, name: str) -> None:
        """See `Network`."""
        (self._folder / name / "cut").touch()
        with suppress(ProcessLookupError):
            os.kill(int((self._folder / name / "connected").read_text()), signal.SIGKILL)

    def mend(self, name: str) -> None:
        """See `Network`."""
        (self._folder / name / "cut").unlink()


class Namespaces:
    """Hosts at a bridge, each with its sshd; the machine that watches them has the bridge."""

    def __init__(self, commands: Commands, folder: Path) -> None:
        self._commands = commands
        self._folder = folder
        self._ip = tool("ip")
        self._site = f"w3c-{os.getpid()}"
        config = shlex.quote(str(folder / "ssh_config"))
        text = f'#!/bin/sh\nexec {self._ip} netns exec {self._site} {tool("ssh")} -F {config} "$@"\n'
        self.path = _script(folder / "bin" / "ssh", text)

    def make(self) -> None:
        """Lay the cables, and start an sshd on each host."""
        self._run("netns", "add", self._site)
        self._run("-n", self._site, "link", "add", "bridge", "type", "bridge")
        self._run("-n", self._site, "addr", "add", "10.213.0.1/24", "dev", "bridge")
        self._run("-n", self._site, "link", "set", "bridge", "up")
        keys = self._make_keys()
        for name in NAMES:
            self._connect(name)
            self._start_sshd(name, keys)

    def remove(self) -> None:
        """The processes in them end with the test's commands."""
        for namespace in (self._site, *map(self._namespace, NAMES)):
            subprocess.run([self._ip, "netns", "del", namespace], check=False, stderr=subprocess.DEVNULL)

    def cut(self, name: str) -> None:
        """See `Network`."""
        self._run("-n", self._site, "link", "set", name, "down")

    def mend(self, name: str) -> None:
        """See `Network`."""
        self._run("-n", self._site, "link", "set", name, "up")

    def _connect(self, name: str) -> None:
        host = self._namespace(name)
        self._run("netns", "add", host)
        self._run(
            "-n", self._site, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", host
        )
        self._run("-n", self._site, "link", "set", name, "master", "bridge", "up")
        self._run("-n", host, "addr", "add", f"{ADDRESSES[name]}/24", "dev", "eth0")
        self._run("-n", host, "link", "set", "eth0", "up")

    def _make_keys(self) -> Path:
        for name in ("host", "user"):
            words = [tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)]
            subprocess.run(words, check=True)
        return self._folder

    def _start_sshd(self, name: str, keys: Path) -> None:
        words = {"name": name, "address": ADDRESSES[name], "keys": keys, "folder": self._folder / name}
        config = self._folder / f"{name}.sshd_config"
        config.write_text(SSHD.format(**words))
        with (self._folder / "ssh_config").open("a") as file:
            file.write(SSH.format(**words, user="root"))
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where Debian's sshd gives up its rights
        server = self._commands.start(
            self._ip, "netns", "exec", self._namespace(name), tool("sshd"), "-D", "-e", "-f", config
        )
        server.read_notes("Server listening", DEADLINE_S)

    def _namespace(self, name: str) -> str:
        return f"{self._site}-{name}"

    def _run(self, *words: str) -> None:
        subprocess.run([self._ip, *words], check=True)


def _can_make_namespaces() -> bool:
    probe = f"w3c-{os.getpid()}-probe"
    made = subprocess.run([tool("ip"), "netns", "add", probe], check=False, capture_output=True)
    if made.returncode == 0:
        subprocess.run([tool("ip"), "netns", "del", probe], check=True)
    return made.returncode == 0


def _script(path: Path, text: str) -> str:
    """Write a program; the folder that it is in."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path.parent)
