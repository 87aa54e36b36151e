"""The format that the user names: by its name, as a format string, or in a server's configuration."""

from __future__ import annotations

import difflib
from typing import get_args

import click

from w3ctools.cli._command import say
from w3ctools.core.errors import FormatError
from w3ctools.core.formats import apache, nginx, registry
from w3ctools.core.formats.detect import Wrapped
from w3ctools.core.formats.format import Format, MakeFormat, Settings
from w3ctools.core.formats.serverconfig import Found, formats_in
from w3ctools.core.formats.w3c import W3CExtended, compile_fields
from w3ctools.edge.serverconfig import read_server_config


def choose_format(text: str | None, config_path: str | None) -> MakeFormat:
    """What makes the format asked for, by one of the two or both.

    Raises FormatError for a format string that cannot be used, click.UsageError for anything else.
    """
    if config_path is not None:
        return _configured(text, config_path)
    if text is None:
        raise click.UsageError("neither a format nor a configuration is named")
    if text.startswith("#Fields:"):
        return lambda settings: compile_fields(text, settings)
    if "%" in text:
        return lambda settings: apache.compile_log_format(text, settings)
    if "$" in text:
        return lambda settings: _compile_nginx(text, settings)
    spec = registry.by_name(text)
    if spec is None:
        names = [spec.name for spec in registry.ALL]
        near = difflib.get_close_matches(text, names, n=1)
        hint = f"did you mean {near[0]}?" if near else "w3c-parse --list-formats names them"
        problem = f"{text!r} is neither a format's name nor a format string: {hint}"
        raise click.BadParameter(problem, param_hint="'--format'")
    return spec.make


def _configured(name: str | None, path: str) -> MakeFormat:
    config = read_server_config(path)
    for unread in config.unread:
        say(f"{unread}: included by {path} but cannot be read")
    found = formats_in(config.texts)
    if name is not None:
        found = [candidate for candidate in found if candidate.name == name]
    else:
        found = [candidate for candidate in found if candidate.log_file is not None] or found
    strings = {candidate.format_string for candidate in found}
    if len(strings) == 1:
        return _compile(found[0])
    which = f"named {name!r} " if name is not None else ""
    if not found:
        raise click.UsageError(f"{path}: no log format {which}found")
    choices = "; ".join(_described(candidate) for candidate in found)
    raise click.UsageError(f"{path}: several log formats: {choices}: choose one with --format NAME")


def _described(found: Found) -> str:
    where = f" for {found.log_file}" if found.log_file is not None else ""
    return f"{found.name}{where} ({found.where})"


def _compile(found: Found) -> MakeFormat:
    if found.kind == "nginx":
        text = f"escape={found.escape} {found.format_string}"
        return lambda settings: _compile_nginx(text, settings, found.name)
    return lambda settings: apache.compile_log_format(found.format_string, settings, found.name)


def _compile_nginx(text: str, settings: Settings, name: str = "nginx") -> Format:
    escape, string = _split_escape(text)
    try:
        return nginx.compile_log_format(string, escape, settings, name)
    except FormatError as error:
        raise FormatError(error.reason, error.column + len(text) - len(string)) from None


def _split_escape(text: str) -> tuple[nginx.Escape, str]:
    """nginx's ``escape=json`` before a format string, as it stands in log_format."""
    for escape in get_args(nginx.Escape):
        prefix = f"escape={escape} "
        if text.startswith(prefix):
            return escape, text.removeprefix(prefix)
    return "default", text


def format_option(found: Format) -> str:
    """What ``--format`` takes to have a format that was detected."""
    if isinstance(found, W3CExtended):
        return found.fields_line
    return found.inner.name if isinstance(found, Wrapped) else found.name


def list_formats() -> str:
    """Every named format, a line each."""
    width = max(len(spec.name) for spec in registry.ALL)
    return "".join(f"{spec.name:<{width}}  {spec.summary}\n" for spec in registry.ALL)
