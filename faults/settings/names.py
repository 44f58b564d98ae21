"""The names of proxies, injections and profiles: which are allowed, which are free, and what one of them names."""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping
from typing import TypeVar

from ...wire.errors import BrownoutError, NotFoundError
from ...wire.mask import mask
from .settings import unknown

LONGEST = 100

T = TypeVar("T")


def check(name: str) -> str:
    """Return the name of a proxy or an injection. Raises BrownoutError for one that could not be used everywhere.

    Everything printable goes, also `/`, spaces and other alphabets, for people have names of their own. What does not:
    control characters (they would write on terminals), a URL with a password (names are shown everywhere), and spaces
    at the ends, but for the name that is one space.
    """
    if not name:
        raise BrownoutError("a name is empty", "use letters, digits, '.', '_' and '-'")
    if not name.isprintable() or (name != name.strip() and name != " "):
        raise BrownoutError(f"{mask(name)!r} is not a name", "use letters, digits, '.', '_' and '-'")
    if "://" in name and (shown := mask(name)) != name:
        raise BrownoutError(f"the name '{shown[:LONGEST]}' holds a password", "everybody sees names; use another one")
    if len(name) > LONGEST:
        raise BrownoutError(f"the name '{name[:20]}...' is too long", f"at most {LONGEST} characters")
    return name


def free(name: str, taken: Container[str]) -> str:
    """Return the name itself, or the first of `name-2`, `name-3` and so on that is not taken."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def comes_from(name: str, base: str) -> bool:
    """Say whether `free(base, ...)` could return this name: `latency` and `latency-2` come from `latency`."""
    return name == base or (name.startswith(f"{base}-") and name[len(base) + 1 :].isdecimal())


def look_up(noun: str, name: str, known: Mapping[str, T]) -> T:
    """Return what a name stands for. Raises NotFoundError with the nearest known name."""
    if name not in known:
        raise NotFoundError(f"there is no {noun} named '{mask(name)}'", unknown(noun, name, known).hint)
    return known[name]
