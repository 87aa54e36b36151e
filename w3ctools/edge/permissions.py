"""Whose a file is: what a user must know who may not read it (Debian's logs are root:adm 0640)."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat


def why_unreadable(path: str, error: OSError) -> str:
    """The reason in one clause; where access was denied, whose the file is."""
    reason = error.strerror or str(error)
    return f"{reason} ({rights(path)})" if error.errno == errno.EACCES else reason


def rights(path: str) -> str:
    """Name the owner, group and mode of the file, or of the directory that hides it."""
    try:
        result = os.stat(path)
    except OSError:
        parent = os.path.dirname(os.path.abspath(path))
        return rights(parent) if parent != os.path.abspath(path) else "nothing known of it"
    where = f"directory {path}: " if stat.S_ISDIR(result.st_mode) else ""
    mode = stat.S_IMODE(result.st_mode)
    return f"{where}owner {_user(result.st_uid)}, group {_group(result.st_gid)}, mode {mode:04o}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
