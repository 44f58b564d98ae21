"""One process, as /proc shows it (proc(5)): its program, its command line, and from which processes it descends."""

from __future__ import annotations

import functools
import os
import re

_INTERPRETER = re.compile(r"(python|pypy|node|ruby|perl|php|java|bash|sh)[0-9.]*")
_LONGEST = 60
_MOST_WORDS = 65_536
"""How many bytes of a command line are looked at."""
_MOST_CALLED = 64
"""Of how many command lines it is remembered what they are called."""
_MOST_AT_ONCE = 65_536
"""How many bytes of a file are asked for at once."""
_STARTED = 19
"""Which word behind the name /proc/PID/stat has the moment at which a process began."""
_MOST_KNOWN = 1000
"""How many processes are remembered."""
_DEEPEST = 100
"""How many generations are followed."""
_CONTAINER = re.compile(rb"[/-]([0-9a-f]{64})(?:\.scope)?(?:/|$)", re.MULTILINE)
"""The number of a container in the name of its control group, as the engines of OCI give it: `/docker/3f2a...`,
`/system.slice/docker-3f2a....scope`, `/kubepods.slice/.../cri-containerd-3f2a....scope`, `/machine.slice/libpod-...`.
"""
_SHOWN = 12
"""How many of its digits tell a container: as many as `docker ps` shows."""


class Process:
    """A process by its number. The rest is read from /proc when it is asked for, and kept, as are `answers` about it.

    `program` is what its command line is called, without its settings, which may be secrets: `psql`, `python app.py`.
    It and `container` may be given by who knows them.
    """

    __slots__ = ("_command", "_container", "_family", "_mark", "_names", "answers", "number", "program")

    def __init__(self, number: int, program: str | None = None, container: str | None = None) -> None:
        self.number = number
        self.program = program_of(number) if program is None else program
        self._command: str | None = None
        self._container = container
        self._family: tuple[int, ...] | None = None
        self._mark: str | None = None
        self._names: tuple[str, ...] | None = None
        self.answers: dict[object, bool] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called: the program, and of `python app.py` also `python`, `app.py` and `app`."""
        if self._names is None:
            words = [word for word in self.program.split() if not word.startswith("-")]
            stems = [os.path.splitext(word)[0] for word in words[1:]]
            self._names = tuple(dict.fromkeys((self.program, *words, *stems)))
        return self._names

    @property
    def command(self) -> str:
        """Its command line, with spaces between the words; empty where it has ended."""
        if self._command is None:
            self._command = " ".join(_words(self.number)).strip()
        return self._command

    @property
    def container(self) -> str:
        """The number of its container, in 12 digits as `docker ps` shows it; empty outside of one (cgroups(7))."""
        if self._container is None:
            found = _CONTAINER.search(_read(self.number, "cgroup"))
            self._container = found[1][:_SHOWN].decode() if found else ""
        return self._container

    @property
    def family(self) -> tuple[int, ...]:
        """Its own number, then those of its parent, grandparent and so on."""
        if self._family is None:
            self._family = tuple(_line_of(self.number))
        return self._family

    @property
    def mark(self) -> str:
        """The mark of the pytest worker in whose environment it was started; empty without one.

        It stays where a process has left its parents, as daemons do.
        """
        if self._mark is None:
            names = {b"PYTEST_XDIST_WORKER": "", b"PYTEST_XDIST_TESTRUNUID": ""}
            for each in _read(self.number, "environ").split(b"\0"):
                name, _, value = each.partition(b"=")
                if name in names:
                    names[name] = value.decode(errors="replace")
            self._mark = mark_of(*names.values())
        return self._mark


class Processes:
    """Processes by number. One that is the same as before, and runs the same, is known again with all that is known."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[bytes, bytes], Process]] = {}

    def find(self, number: int) -> Process:
        """Return the process of a number, as it is now."""
        since = _read(number, "stat").rpartition(b")")[2].split()[_STARTED : _STARTED + 1]
        identity = (b"".join(since), _read(number, "cmdline"))
        known = self._known.get(number)
        if known is not None and known[0] == identity:
            return known[1]
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        process = Process(number)
        self._known[number] = (identity, process)
        return process


def mark_of(worker: str, run: str) -> str:
    """Return the mark of a worker of pytest-xdist, by its name and the number of its run; empty where it has none."""
    return f"{worker} of {run}" if worker and run else ""


def program_of(process: int) -> str:
    """Return the program of a process; one that is gone has none."""
    return _called(_read(process, "cmdline")[:_MOST_WORDS]) or _short_name(process)


@functools.lru_cache(_MOST_CALLED)
def _called(line: bytes) -> str:
    words = _split(line)
    return named(words) if words else ""


def named(words: list[str]) -> str:
    """Return what a command line is called: `psql`, `gunicorn`, and of an interpreter what it runs: `python app.py`.

    Its settings are left out, since they may be secrets.
    """
    name = os.path.basename(words[0]).partition(":")[0].strip()
    if _INTERPRETER.fullmatch(name):
        name += _script(words[1:])
    shown = name if name.isprintable() else "".join(each for each in name if each.isprintable())
    return shown[:_LONGEST]


def _words(process: int) -> list[str]:
    return _split(_read(process, "cmdline")[:_MOST_WORDS])


def _split(line: bytes) -> list[str]:
    return line.decode(errors="replace").split("\0") if line else []


def _script(words: list[str]) -> str:
    if words[:1] == ["-m"] and len(words) > 1:
        return f" -m {words[1]}"
    if words and words[0] and not words[0].startswith("-"):
        return f" {os.path.basename(words[0])}"
    return ""


def _short_name(process: int) -> str:
    return _read(process, "comm").decode(errors="replace").strip()


def _line_of(process: int) -> list[int]:
    line = [process]
    while len(line) < _DEEPEST and (parent := _parent_of(line[-1])) > 1:
        line.append(parent)
    return line


def _parent_of(process: int) -> int:
    """Return the parent of a process, 0 where it has none, or is gone."""
    words = _read(process, "stat").rpartition(b")")[2].split()
    return int(words[1]) if words else 0


def _read(process: int, name: str) -> bytes:
    """Return a file of a process; nothing where it has ended, or is not ours to look into."""
    try:
        descriptor = os.open(f"/proc/{process}/{name}", os.O_RDONLY | os.O_CLOEXEC)  # open() takes half as long again
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, _MOST_AT_ONCE):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
