"""Where in the project an exception came from."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...wire.errors import cut
from ...wire.mask import mask
from .channel import Failure, Frame

if TYPE_CHECKING:
    import pytest

_LONGEST = 500
_DUMPED = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
"""A frame of faulthandler's, which writes the innermost one first."""
_OURS = f'  File "{Path(__file__).parent}{os.sep}'
"""How frames of this package begin, which are of no use to anybody."""
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
"""How it writes what is not ASCII (`_Py_DumpASCII` of CPython's traceback.c)."""
_PRINTED = re.compile(r'^ *File "(.*)", line (\d+), in (.*)$|^(\S+\.py):(\d+): in (.*)$')
"""A frame of a traceback, as Python writes it and as pytest does."""
_URL = re.compile(r"\w+://\S+")
_LINES = 40
_FOREIGN = ("site-packages", "dist-packages")
_STANDARD = tuple(os.path.realpath(sysconfig.get_path(each)) + os.sep for each in ("stdlib", "platstdlib"))


class Project:
    """The code of a project: what is below its `root` and was not installed there.

    `tests` are folders of tests, `patterns` the names of files with tests.
    """

    def __init__(self, root: str, tests: Sequence[str], patterns: Sequence[str]) -> None:
        self.root, self.tests, self.patterns = root, tuple(tests), tuple(patterns)

    @classmethod
    def of(cls, config: pytest.Config) -> Self:
        """Return the project of a session."""
        tests = [config.rootpath / each for each in config.getini("testpaths")]
        folders = [f"{each}{os.sep}" for each in tests if each.is_dir()]
        return cls(str(config.rootpath), folders, config.getini("python_files"))

    def frame(self, file: str, line: int, function: str) -> Frame | None:
        """Return a line of code with its file from the root, None where it is not the project's.

        Code that was made at run time, as `<string>` or `<attrs generated init>`, is nobody's.
        """
        path = os.path.realpath(file)
        if not path.startswith(self.root + os.sep) or _is_foreign(path) or not os.path.isfile(path):
            return None
        name = Path(path)
        test = (
            path.startswith(self.tests)
            or name.name == "conftest.py"
            or any(name.match(pattern) for pattern in self.patterns)
            or bool({"tests", "test", "testing"}.intersection(name.relative_to(self.root).parts[:-1]))
        )
        return Frame(file=os.path.relpath(path, self.root), line=line, function=function, test=test)

    def failure(self, error: BaseException, shown: str) -> Failure:
        """Return what is said of an exception: the project's frames are those of what caused it as well."""
        deepest = _cause(error)
        chain = _chain(error)
        libraries = {name for each in chain for name in self._libraries(each.__traceback__)}
        handed = (kind for each in chain for kind in self._handed(each.__traceback__))
        frames = [frame for each in chain for frame in self._frames(each.__traceback__)]
        return Failure(
            type=type(deepest).__name__,
            text=cut(masked(str(deepest)).strip(), _LONGEST),
            frames=frames,
            libraries=sorted(libraries),
            handed=next((kind.__name__ for kind in handed if libraries & set(map(top_package, kind.__mro__))), ""),
            shown=tail(shown),
        )

    def stuck(self, dump: str) -> Frame | None:
        """Return where a process stood, of what faulthandler wrote of its threads, `in_order`.

        That is the innermost line of the project; one of the application goes before one of the tests.
        """
        frames = self._dumped(dump)
        return next((frame for frame in frames if not frame["test"]), frames[0] if frames else None)

    def in_order(self, dump: str) -> str:
        """Return the threads that faulthandler wrote: the one that runs the test, those in the project's code, others.

        Without the frames of this package.
        """

        def order(thread: str) -> tuple[bool, bool]:
            frames = self._dumped(thread)
            return not any(frame["test"] for frame in frames), not frames

        lines = [line for line in dump.strip("\n").split("\n") if not line.startswith(_OURS)]
        return "\n\n".join(sorted("\n".join(lines).split("\n\n"), key=order))

    def _dumped(self, threads: str) -> list[Frame]:
        """Return the lines of the project in threads of which faulthandler wrote."""
        found = [(_unescaped(file), int(line), _unescaped(name)) for file, line, name in _DUMPED.findall(threads)]
        return [frame for each in found if (frame := self.frame(*each)) is not None]

    def printed(self, text: str) -> tuple[str, Frame | None]:
        """Return the exception whose traceback a command printed last, and the innermost line of the project in it."""
        said, frames, inside = "", [], False
        for line in text.splitlines():
            if found := _PRINTED.match(line):
                file, number, function = found.groups()[:3] if found[1] else found.groups()[3:]
                if (frame := self.frame(file, int(number), function)) is not None:
                    frames.append(frame)
                inside = True
            elif inside and line and not line.startswith(" "):
                said, inside = line.removeprefix("E ").strip(), False
        own = [frame for frame in frames if not frame["test"]] or frames
        return cut(masked(said), _LONGEST), own[-1] if own else None

    def _frames(self, traceback: TracebackType | None) -> list[Frame]:
        found: list[Frame] = []
        while traceback is not None:
            code = traceback.tb_frame.f_code
            if (frame := self.frame(code.co_filename, traceback.tb_lineno, code.co_name)) is not None:
                found.append(frame)
            traceback = traceback.tb_next
        return found

    def _libraries(self, traceback: TracebackType | None) -> set[str]:
        """Return the top packages of installed code that the application had called, or all that there is."""
        found: set[str] = set()
        while traceback is not None:
            code = traceback.tb_frame.f_code
            frame = self.frame(code.co_filename, traceback.tb_lineno, code.co_name)
            if frame is not None and not frame["test"]:
                found.clear()
            elif any(each in code.co_filename.split(os.sep) for each in _FOREIGN):
                found.add(str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
            traceback = traceback.tb_next
        return found

    def _handed(self, traceback: TracebackType | None) -> Iterator[type]:
        """Yield the classes of installed code of which the application was given objects by a test that called it."""
        by_test = False
        while traceback is not None:
            code, values = traceback.tb_frame.f_code, traceback.tb_frame.f_locals
            frame = self.frame(code.co_filename, traceback.tb_lineno, code.co_name)
            if by_test and frame is not None and not frame["test"]:
                names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
                for kind in (type(values[name]) for name in names if name in values):
                    if _is_foreign(getattr(sys.modules.get(str(kind.__module__)), "__file__", None) or ""):
                        yield kind
            by_test = frame is not None and frame["test"]  # else a framework hands over what is the application's
            traceback = traceback.tb_next


def top_package(kind: type) -> str:
    """Return the top package of a class."""
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int("".join(filter(None, found.groups())), 16)), text)


def _is_foreign(path: str) -> bool:
    parts = path.split(os.sep)
    return any(each in parts for each in _FOREIGN) or path.startswith(_STANDARD)


def _cause(error: BaseException) -> BaseException:
    """Return the exception that an `except` turned into this one, the only one of a group for a group."""
    seen = {id(error)}
    while True:
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            inner: BaseException | None = error.exceptions[0]
        else:
            inner = error.__cause__
        if inner is None or id(inner) in seen:
            return error
        seen.add(id(inner))
        error = inner


def _chain(error: BaseException) -> list[BaseException]:
    """Return the exception and what it came from, outermost first."""
    found = [error]
    while True:
        last = found[-1]
        if isinstance(last, BaseExceptionGroup) and last.exceptions:
            inner: BaseException | None = last.exceptions[0]
        else:
            inner = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if inner is None or inner in found:
            return found
        found.append(inner)


def tail(text: str) -> str:
    """Return the last lines of a text, masked."""
    return "\n".join(masked(text).splitlines()[-_LINES:])


def masked(text: str) -> str:
    """Return a text without the passwords of its URLs."""
    return _URL.sub(lambda url: mask(url[0]), text)
