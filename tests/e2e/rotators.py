"""logrotate, run as it is by cron, on one log."""

from __future__ import annotations

from pathlib import Path

from harness import Commands, tool

#: All generations stay, so that lines can be looked for on them.
ALWAYS = ("rotate 1000", "nomail")


class Logrotate:
    """Rotates one log with its own configuration and state.

    It refuses a folder that others than the owner may write to.
    """

    def __init__(self, commands: Commands, log: Path, *directives: str) -> None:
        self._commands = commands
        self._configuration = commands.folder / "logrotate.conf"
        self._state = commands.folder / "logrotate.state"
        inside = "\n".join(f"    {directive}" for directive in (*ALWAYS, *directives))
        self._configuration.write_text(f"{log} {{\n{inside}\n}}\n")
        self._configuration.chmod(0o644)

    def __call__(self) -> None:
        """Rotate now."""
        result = self._commands.run(tool("logrotate"), "-f", "-s", self._state, self._configuration)
        assert (result.status, result.notes) == (0, [])


def hang_up(pid: int) -> str:
    """The directive that tells the writer to open its log again."""
    return f"postrotate\n        kill -HUP {pid}\n    endscript"
