"""The configuration file ``w3ctools.ini``: found, read and checked for who wrote it.

iniconfig reads it, because it knows the line of every key and interpolates nothing: ``%h`` is text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

import iniconfig

from w3ctools.core.errors import ConfigError

#: A file of this name in the working directory is read too, if it can be trusted.
NAME = "w3ctools.ini"


class Setting(NamedTuple):
    """A key's value as written, and the line where it stands."""

    value: str
    line: int


class ConfigFile(NamedTuple):
    """A configuration file: section -> key -> setting."""

    path: str
    #: Named by the user or found in a system's place; not merely lying in the working directory.
    named: bool
    sections: dict[str, dict[str, Setting]]
    #: The line of each section's header.
    section_lines: dict[str, int]


class Found(NamedTuple):
    """Where to read from, and what to tell the user about files that were passed over."""

    path: str | None
    named: bool
    notes: list[str]


def load(path: str, *, named: bool) -> ConfigFile:
    """Read a file. Raises ConfigError, naming the line."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        ini = iniconfig.IniConfig(path, data=text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None
    except iniconfig.ParseError as error:
        raise ConfigError(f"{path}:{error.lineno + 1}: {error.msg}") from None
    sections: dict[str, dict[str, Setting]] = {}
    section_lines: dict[str, int] = {}
    for section in ini:
        section_lines[section.name] = ini.lineof(section.name) or 0
        sections[section.name] = {
            key: Setting(value, section.lineof(key) or 0) for key, value in section.items()
        }
    return ConfigFile(path, named, sections, section_lines)


def find(environment: Mapping[str, str]) -> Found:
    """The first file that there is: ``$W3CTOOLS_CONFIG``, ``./w3ctools.ini``, XDG's folder, ``/etc``."""
    given = environment.get("W3CTOOLS_CONFIG")
    if given:
        return Found(given, True, [])
    notes: list[str] = []
    if os.path.lexists(NAME):
        distrust = _why_not_trusted(NAME)
        if distrust is None:
            return Found(NAME, False, notes)
        notes.append(f"./{NAME}: not read: {distrust} (--config {NAME} reads it)")
    home = environment.get("HOME", "")
    folder = environment.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else "")
    for path in (os.path.join(folder, "w3ctools", NAME) if folder else "", f"/etc/{NAME}"):
        if path and os.path.exists(path):
            return Found(path, True, notes)
    return Found(None, True, notes)


def _why_not_trusted(path: str) -> str | None:
    try:
        status = os.stat(path)
    except OSError as error:
        return error.strerror
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write to it"
    return None
