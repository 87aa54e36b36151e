"""Reading a server's configuration and its includes from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from w3ctools.core.errors import ConfigError
from w3ctools.edge.serverconfig import read_server_config


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _names(folder: Path, main: str) -> tuple[list[str], list[str]]:
    config = read_server_config(str(folder / main))
    return (
        [str(Path(path).relative_to(folder)) for path, _ in config.texts],
        [str(Path(path).relative_to(folder)) for path in config.unread],
    )


def test_nginx_includes_are_relative_to_the_main_file(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "nginx.conf": "http { include conf.d/*.conf; include gone.conf; include none/*; }",
            "conf.d/b.conf": "include nested/c;",
            "conf.d/a.conf": "include nginx.conf; include conf.d/a.conf;",
            "nested/c": "",
        },
    )
    assert _names(tmp_path, "nginx.conf") == (
        ["nginx.conf", "conf.d/a.conf", "conf.d/b.conf", "nested/c"],
        ["gone.conf"],
    )


def test_apache_includes_are_relative_to_server_root(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "conf/httpd.conf": f'ServerRoot "{tmp_path}"\n'
            "Include sites\nIncludeOptional mods/*.load\nInclude ${X}/y\n",
            "sites/1": "Include conf/extra\n",
            "sites/2": "",
            "conf/extra": "",
        },
    )
    assert _names(tmp_path, "conf/httpd.conf") == (
        ["conf/httpd.conf", "sites/1", "sites/2", "conf/extra"],
        [],
    )


def test_a_main_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_server_config(str(tmp_path / "nginx.conf"))
