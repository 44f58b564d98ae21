"""What was asked for, and whether anything came of it: the books of a whole process.

An injection of a profile is not judged by itself. A profile on a proxy is one thing, and so is what a glob or a
protocol of it means on several: it came to nothing only if nothing of the profile fired on any of these proxies.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ..faults.spec import Spec
from .record.event import shortened
from .record.finding import Finding
from .record.tally import OTHERS
from .shaping.injection import Injection

CHANCE = "spared_by_chance"
"""The cause of an injection that chance spared: another random seed, or more traffic, and it fires."""
_RANKS = {CHANCE: 0, "clock_not_started": 2, "not_begun": 2}
"""Which cause is told where injections of one profile have several; of equal ranks it is the first one's."""
_MOST = 1000
"""How many different injections are told apart; what is beyond them counts as one."""


class Line:
    """Equal injections under one name on one proxy, and what they did.

    Of the `placed` ones `vacuous` did nothing, for the reason of the `finding`: the last one that is not chance, if
    there is one. `refused` is how many connection attempts failed on this machine meanwhile, or how many SYNs
    were dropped (see `port`), None where nobody knows, or the fault does not close the port.
    """

    __slots__ = ("chosen", "finding", "fired", "injection", "key", "matched", "name", "placed", "port",
                 "profile", "proxy", "refused", "vacuous")  # fmt: skip

    def __init__(self, injection: Injection) -> None:
        self.proxy = injection.identity.proxy
        self.profile = injection.plain(injection.profile)
        self.key = injection.key
        self.name = injection.identity.injection
        self.injection = shortened(_plain(injection).to_mapping())
        self.port = injection.spec.fault.port
        self.placed = self.vacuous = self.matched = self.chosen = self.fired = 0
        self.refused: int | None = None
        self.finding: Finding | None = None

    def add(self, injection: Injection, finding: Finding | None, refused: int | None, sign: int = 1) -> None:
        """Count an injection, or take it back."""
        self.placed += sign
        self.matched += sign * injection.matched
        self.chosen += sign * injection.chosen
        self.fired += sign * injection.fired
        if refused is not None:
            self.refused = (self.refused or 0) + sign * refused
        if finding is not None:
            self.vacuous += sign
            if self.finding is None or finding.cause != CHANCE:  # chance excuses nothing but what it has spared
                self.finding = finding


class Asked(NamedTuple):
    """Something that was asked for: an injection, or what one key of a profile means.

    `finding` is why nothing came of it, None where something did, or nobody can know. A key of a protocol that no proxy
    is known to carry has no `lines`.
    """

    profile: str
    key: str
    lines: tuple[Line, ...]
    finding: Finding | None

    @property
    def spared(self) -> bool:
        """Whether chance alone spared it."""
        return self.finding is not None and self.finding.cause == CHANCE


class Ledger:
    """Counts every injection of a process that was healed."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, ...], Line] = {}

    def add(self, injection: Injection, sign: int = 1) -> None:
        """Count an injection that was healed; or take it back, with a `sign` of -1, since it will be placed again."""
        _line(self._lines, injection).add(injection, injection.finding, injection.refused, sign)

    def asked(self, placed: Iterable[tuple[Injection, Finding | None, int | None]]) -> list[Asked]:
        """Return what was asked for so far, with those that are `placed` now and what is found of them."""
        fresh = Ledger()
        fresh._lines = {key: copy.copy(line) for key, line in self._lines.items()}
        for injection, finding, refused in placed:
            _line(fresh._lines, injection).add(injection, finding, refused)
        return list(_judged([line for line in fresh._lines.values() if line.placed]))


def _line(lines: dict[tuple[str, ...], Line], injection: Injection) -> Line:
    settings = hashlib.blake2b(repr(_plain(injection)).encode(), digest_size=8).hexdigest()  # they may be long
    profile, (_, proxy, name, _) = injection.plain(injection.profile), injection.identity
    key: tuple[str, ...] = (profile, injection.key, proxy, name, settings)
    if key not in lines and len(lines) >= _MOST:
        key = (OTHERS,)
    if key not in lines:
        lines[key] = Line(injection)
        if key == (OTHERS,):
            lines[key].name, lines[key].profile = OTHERS, ""
    return lines[key]


def _plain(injection: Injection) -> Spec:
    """Return an injection without its worker's label: what workers inject for themselves is the same."""
    return injection.spec._replace(name=injection.identity.injection)


def _units(lines: Sequence[Line]) -> Iterator[tuple[Line, tuple[Line, ...]]]:
    """Yield what is one thing to judge: an injection by itself, or all of a profile on the proxies that a key means.

    Each comes with the first injection of that key.
    """
    seen: set[tuple[str, str]] = set()
    for each in lines:
        if not each.profile:
            yield each, (each,)
        elif (each.profile, each.key) not in seen:
            seen.add((each.profile, each.key))
            proxies = {other.proxy for other in lines if (other.profile, other.key) == (each.profile, each.key)}
            yield each, tuple(other for other in lines if other.profile == each.profile and other.proxy in proxies)


def _judged(lines: Sequence[Line]) -> Iterator[Asked]:
    for first, unit in _units(lines):
        if first.profile:
            yield Asked(first.profile, first.key, unit, _common(unit))
        else:
            yield Asked("", "", unit, first.finding if first.vacuous else None)


def _common(lines: tuple[Line, ...]) -> Finding | None:
    """Return why nothing came of several injections: the reason that tells most of what to do."""
    if any(line.vacuous < line.placed for line in lines):
        return None
    return foremost([line.finding for line in lines if line.finding is not None])


class Caused(Protocol):
    """Something that tells why an injection did nothing."""

    @property
    def cause(self) -> str:
        """The reason as a word for programs."""


C = TypeVar("C", bound=Caused)


def foremost(found: Iterable[C]) -> C:
    """Return the reason of several injections that tells most of what to do."""
    return min(found, key=lambda each: _RANKS.get(each.cause, 1))
