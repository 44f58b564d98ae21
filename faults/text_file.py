"""Settings whose text is in a file. No request makes anything read one: the command line and configuration files do."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from .fault import Fault
from .settings import Problem, SettingsError

LONGEST = 1 << 20


def read(path: Path) -> str:
    """Return what a file holds. Raises SettingsError where that is not text, or too long."""
    try:
        with open_regular(path) as file:
            data = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _wrong(f"{path} cannot be read: {reason}", "check its path and permissions") from None
    if len(data) > LONGEST:
        raise _wrong(f"{path} is larger than 1 MiB", "is it the right one?")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _wrong(f"{path} is not UTF-8", "use a text file") from None


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read. Raises OSError, also for a pipe: everything would wait for its writer."""
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115 (it is returned; Path.open has no opener)
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError("it is not a regular file")


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def with_text(fault: Fault, text: str, name: str) -> Fault:
    """Return a fault with the text of a file, and the content type that the file's name tells. Raises SettingsError."""
    import mimetypes  # for those who have a file

    given, kind = fault.to_mapping(), mimetypes.guess_type(name)[0]
    if more := [key for key in fault.body_settings if key in given]:
        raise _wrong(f"file and {more[0]} exclude each other", "give one of them")
    values: dict[str, object] = {fault.body_settings[0]: text}
    headers = given.get("headers") or {}
    assert isinstance(headers, dict)
    if kind is not None and "content-type" not in map(str.lower, headers):
        values["headers"] = {**headers, "content-type": f"{kind}; charset=utf-8" if kind[:5] == "text/" else kind}
    return fault.changed(values)


def _wrong(message: str, hint: str) -> SettingsError:
    return SettingsError([Problem("file", f"file: {message}", hint)])
