"""The configuration file ``w3ctools.ini``: found, read and checked for who wrote it.

iniconfig reads it, because it knows the line of every key and interpolates nothing: ``%h`` is text. Columns
are looked up in the text. Places are ``FILE:LINE:COLUMN``, both counted from 1, columns in characters.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

import iniconfig

from w3ctools.core.errors import ConfigError

#: A file of this name in the working directory is read too, if it can be trusted.
NAME = "w3ctools.ini"


class ValueLine(NamedTuple):
    """One line of a value, without the space around it."""

    text: str
    #: Its place; of an empty value, the place behind the ``=``.
    where: str


class Setting(NamedTuple):
    """A key's value as written."""

    #: The place of the key.
    where: str
    #: The first one stands in the key's line, or below it if nothing is behind the ``=``.
    lines: list[ValueLine]

    @property
    def value(self) -> str:
        """The whole value."""
        return "\n".join(line.text for line in self.lines)


class Section(NamedTuple):
    """A section's settings by key, in the file's order."""

    #: The place of its header.
    where: str
    settings: dict[str, Setting]


class ConfigFile(NamedTuple):
    """A configuration file."""

    path: str
    #: Named by the user or found in a system's place; not merely lying in the working directory.
    may_act: bool
    #: By name, in the file's order.
    sections: dict[str, Section]


_UNCLOSED = "expected ']' at the end of a section's name"


class Found(NamedTuple):
    """Where to read from, and what to tell the user about files that were passed over."""

    path: str | None
    may_act: bool
    notes: list[str]


def load(path: str, *, may_act: bool) -> ConfigFile:
    """Read a file. Raises ConfigError, naming the place."""
    text = _read(path)
    lines = text.splitlines()
    try:
        ini = iniconfig.IniConfig(path, data=text)
    except iniconfig.ParseError as error:
        line = lines[error.lineno]
        column = len(line) - len(line.lstrip()) + 1
        raise ConfigError(f"{path}:{error.lineno + 1}:{column}: {_explained(error.msg, line)}") from None
    headers = {ini.lineof(section.name) for section in ini}
    for number, line in enumerate(lines, 1):
        if line.startswith("[") and number not in headers:  # to iniconfig it continues a value
            raise ConfigError(f"{_beginning(path, number)}: {_UNCLOSED}")
    sections: dict[str, Section] = {}
    for section in ini:
        settings: dict[str, Setting] = {}
        for key, value in section.items():
            number = section.lineof(key) or 0
            settings[key] = Setting(_beginning(path, number), _value_lines(path, lines, number, key, value))
        sections[section.name] = Section(_beginning(path, ini.lineof(section.name) or 0), settings)
    return ConfigFile(path, may_act, sections)


def _explained(message: str, line: str) -> str:
    """What the library says of a line, in the words of this file."""
    if line.startswith("["):
        return _UNCLOSED if "]" not in line else message
    if message == "unexpected value continuation":
        return "an indented line continues a value, and there is none before it"
    return f"{message}: expected key = value" if message.startswith("unexpected line") else message


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ConfigError(f"{path}:{line}:{column}: not UTF-8: save the file as such") from None


def _beginning(path: str, number: int) -> str:
    """The place of a header or a key: they begin their line, for what is indented continues a value."""
    return f"{path}:{number}:1"


def _value_lines(path: str, lines: list[str], number: int, key: str, value: str) -> list[ValueLine]:
    """The value of the key in line `number`: between its lines there may be comments and empty ones."""
    behind = lines[number - 1][len(key) :].strip()[1:]
    below = (n for n in range(number + 1, len(lines) + 1) if not iniconfig.iscommentline(lines[n - 1]))
    numbers = chain([number] if behind or not value else [], below)
    return [
        ValueLine(text, f"{path}:{n}:{len(lines[n - 1].rstrip()) - len(text) + 1}")
        for text, n in zip(value.split("\n"), numbers, strict=False)
    ]


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
