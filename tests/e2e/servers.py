"""Real web servers on loopback, each writing one access log for every format it is given."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import Commands, tool

NGINX = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
    {formats}
    {logs}
    large_client_header_buffers 4 32k;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "ok"; }}
        location /missing {{ return 404; }}
        location /broken {{ return 503; }}
    }}
}}
"""

APACHE = """
ServerRoot {folder}
ServerName my.site.com
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LimitRequestLine 32768
DocumentRoot {folder}/site
{formats}
{logs}
"""


class Server(NamedTuple):
    """A running server: its main configuration file, and the logs by the names of their formats."""

    port: int
    configuration: Path
    logs: dict[str, Path]

    def get(self, target: str, **headers: str | bytes) -> int:
        """Send a request; gives the status."""
        client = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            client.request(
                "GET", target, headers={name.replace("_", "-"): text for name, text in headers.items()}
            )
            response = client.getresponse()
            response.read()
            return response.status
        finally:
            client.close()

    def send(self, data: bytes) -> None:
        """Send bytes that are no request, and wait for what the server makes of them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass


@contextmanager
def nginx(commands: Commands, folder: Path, formats: dict[str, str]) -> Iterator[Server]:
    """A real nginx; `formats` are log_format directives' values by name."""
    configuration, logs, port = folder / "nginx.conf", _logs(folder, formats), _free_port()
    configuration.write_text(
        NGINX.format(
            folder=folder,
            port=port,
            user="user root;" if os.geteuid() == 0 else "",
            formats="\n".join(f"log_format {name} {text};" for name, text in formats.items()),
            logs="\n".join(f"access_log {path} {name};" for name, path in logs.items()),
        )
    )
    server = commands.start(tool("nginx"), "-e", folder / "error.log", "-c", configuration)
    server.until(lambda: _answers(port), "nginx listens")
    yield Server(port, configuration, logs)


@contextmanager
def apache(commands: Commands, folder: Path, formats: dict[str, str]) -> Iterator[Server]:
    """A real Apache; `formats` are LogFormat strings by nickname."""
    configuration, logs, port = folder / "apache2.conf", _logs(folder, formats), _free_port()
    site = folder / "site"
    (site / "pages").mkdir(parents=True)
    (site / "pages" / "create").write_text("ok")
    configuration.write_text(
        APACHE.format(
            folder=folder,
            port=port,
            modules="/usr/lib/apache2/modules",
            formats="\n".join(f'LogFormat "{_escaped(text)}" {name}' for name, text in formats.items()),
            logs="\n".join(f"CustomLog {path} {name}" for name, path in logs.items()),
        )
    )
    server = commands.start(tool("apache2"), "-X", "-f", configuration)
    server.until(lambda: _answers(port), "Apache listens")
    yield Server(port, configuration, logs)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _logs(folder: Path, formats: dict[str, str]) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    return {name: folder / f"{name}.log" for name in formats}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
