"""A real browser over a pipe of the DevTools protocol (``--remote-debugging-pipe``): no port and no driver.

Messages are JSON, each ended by NUL; commands have a number, and so have their answers.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harness import tool

#: A browser on a loaded machine takes its time to start.
DEADLINE_S = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


class Browser:
    """A browser with one page. Every wait has a deadline."""

    def __init__(self, folder: Path) -> None:
        chromium = tool("chromium")
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # The browser reads commands from descriptor 3 and writes to descriptor 4.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out} </dev/null >/dev/null 2>&1'
        self._process = subprocess.Popen(
            [
                tool("bash"),
                "-c",
                script,
                "bash",
                chromium,
                *FLAGS,
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._held = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        #: What the page told: ``(method, params)``, in order.
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        self._read_until(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            pytest.fail(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, path: Path) -> None:
        """Load a file, and wait until it has been loaded."""
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self._read_until(lambda: bool(self.told("Page.loadEventFired")), f"{path} loaded")

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript in the page; a promise's, once it is kept."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            pytest.fail(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of a kind since the page was opened."""
        return [params for name, params in self.events if name == method]

    def resize(self, width: int, height: int) -> None:
        """Give the page the size of a screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Let the reader prefer ``light`` or ``dark``."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """All of the page as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def close(self) -> None:
        """End it and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def _read_until(self, done: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not done():
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([self._from], [], [], left_s)[0]:
                pytest.fail(f"browser: no {what} within {DEADLINE_S:g} s")
            data = os.read(self._from, 1 << 20)
            if not data:
                pytest.fail(f"browser ended before {what}")
            *messages, self._held = (self._held + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]] = message
                else:
                    self.events.append((message["method"], message["params"]))
