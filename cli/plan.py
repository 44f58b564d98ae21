"""What `run` was asked for, read and checked before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..control.client import DEFAULT
from ..faults import name as names
from ..faults.units import Duration, UnitError
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from .environment import prefix
from .errors import CombinedError

FREE = "127.0.0.1:0"
NONE = "none"


class Entry(NamedTuple):
    """A proxy to be: `-p NAME=UPSTREAM` or `-p NAME=LISTEN=UPSTREAM`."""

    name: str
    listen: str
    upstream: str

    @classmethod
    def read(cls, text: str) -> Entry:
        """Read the value of one -p. Raises BrownoutError.

        What follows NAME= is LISTEN=UPSTREAM where an `=` comes before any URL, since URLs may hold one of their own.
        """
        name, equals, rest = text.partition("=")
        if not equals or not rest:
            raise BrownoutError(f"-p {text} is not NAME=UPSTREAM", "write it like -p redis=redis://127.0.0.1:6379")
        names.check(name)
        listen, equals, upstream = rest.partition("=")
        if not equals or ("://" in listen and not listen.startswith("unix://")):
            listen, upstream = FREE, rest
        Address.listen(listen)
        Address.upstream(upstream)
        return cls(name, listen, upstream)


class Plan(NamedTuple):
    """A whole `run`; `api` is None where there is to be none, `seed` None where one is to be drawn.

    `dial` is how long an upstream may take to accept a connection, None for the usual time.
    """

    proxies: list[Entry]
    api: str | None
    seed: int | None
    command: tuple[str, ...]
    dial: Duration | None


def make(
    proxies: Sequence[str], api: str | None, seed: int | None, command: tuple[str, ...], dial: str | None = None
) -> Plan:
    """Read the words of `run`. Raises CombinedError with everything that is wrong with them."""
    wrong: list[BrownoutError] = []
    patience: Duration | None = None
    try:
        patience = None if dial is None else Duration.parse(dial)
        if patience is not None and not patience:
            raise UnitError("a dial time-out of 0 would fail every link", "write it like 300ms or 10s")
    except UnitError as error:
        wrong.append(error)
    entries: list[Entry] = []
    for text in proxies:
        try:
            entry = Entry.read(text)
            _check_free(entry.name, entries, for_child=bool(command))
            entries.append(entry)
        except BrownoutError as error:
            wrong.append(error)
    if api is None:
        api = FREE if command else DEFAULT
    try:
        if api != NONE and Address.listen(api).path:
            raise BrownoutError(f"the API cannot listen at {api}", "write HOST:PORT")
    except BrownoutError as error:
        wrong.append(error)
    if wrong:
        raise CombinedError(wrong)
    if api == NONE and not entries and not command:
        raise BrownoutError("there is nothing to run", "give a proxy: -p redis=redis://127.0.0.1:6379")
    return Plan(entries, None if api == NONE else api, seed, command, patience)


def _check_free(name: str, entries: Sequence[Entry], *, for_child: bool) -> None:
    for entry in entries:
        if entry.name == name:
            raise ConflictError(f"two proxies are named '{name}'", "give each its own name")
        if for_child and prefix(entry.name) == prefix(name):
            raise ConflictError(
                f"'{entry.name}' and '{name}' are both {prefix(name)} in the command's environment",
                "rename one of them",
            )
