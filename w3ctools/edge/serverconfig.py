"""The configuration of nginx or Apache on disk, with what it includes.

Relative paths are looked up as the servers do: nginx from the folder of its main file, Apache from
ServerRoot, or that folder where none is set. Globs give their files in the order of their names, and an
Apache folder all files in it. What cannot be read is named and left out, but for the main file.
"""

from __future__ import annotations

import glob
import os
from typing import NamedTuple

from w3ctools.core.errors import ConfigError
from w3ctools.core.formats.serverconfig import apache_directives, kind_of, nginx_directives

#: Files that include each other end here.
MAX_FILES = 2000


class ServerConfig(NamedTuple):
    """Paths and texts, includes behind their includers; and the paths that could not be read."""

    texts: list[tuple[str, str]]
    unread: list[str]


def read_server_config(path: str) -> ServerConfig:
    """Read a main file and all it includes. Raises ConfigError where that file cannot be read."""
    try:
        main = _read(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    is_apache = kind_of([(path, main)]) == "apache"
    root = os.path.dirname(os.path.abspath(path))
    config = ServerConfig([(path, main)], [])
    seen = {os.path.realpath(path)}
    position = 0
    while position < len(config.texts):  # grows as includes are found
        text = config.texts[position][1]
        position += 1
        patterns, root = _apache_includes(text, root) if is_apache else (_nginx_includes(text), root)
        for pattern in patterns:
            _include(os.path.join(root, pattern), config, seen)
    return config


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _include(pattern: str, config: ServerConfig, seen: set[str]) -> None:
    paths = sorted(glob.glob(pattern))
    if not paths and not glob.has_magic(pattern):
        config.unread.append(pattern)
    for path in paths:
        if os.path.isdir(path):
            _include(os.path.join(glob.escape(path), "*"), config, seen)
            continue
        real = os.path.realpath(path)
        if real in seen or len(config.texts) >= MAX_FILES:
            continue
        seen.add(real)
        try:
            config.texts.append((path, _read(path)))
        except OSError:
            config.unread.append(path)


def _nginx_includes(text: str) -> list[str]:
    return [words[1] for words, _ in nginx_directives(text) if words[0] == "include" and len(words) > 1]


def _apache_includes(text: str, root: str) -> tuple[list[str], str]:
    """The includes of a file, and ServerRoot as it is behind it."""
    patterns = []
    for words, _ in apache_directives(text):
        directive = words[0].lower() if words else ""
        if directive == "serverroot" and len(words) > 1:
            root = words[1]
        elif directive in ("include", "includeoptional") and len(words) > 1 and "${" not in words[1]:
            patterns.append(words[1])
    return patterns, root
