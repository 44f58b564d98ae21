"""Quantities with units, as users write them: `300ms`, `64KB`, `1MB/s`, `56kbit/s`, `30%`, `3 of 10`.

Each is a float or an int in the base unit (seconds, bytes, bytes per second, a share of 1), so faults calculate with
them as they are; `str()` writes them back with a unit. Text needs its unit: `300` could be seconds or milliseconds, and
the error proposes both. Only `0` is the same in every unit. Upper and lower case are the same, except for the B of a
rate: `8Mb/s` could be bits or bytes, and the error proposes both.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar, NamedTuple, Self

from ...wire.errors import BrownoutError, cut

LONGEST = 100
"""The longest text of a quantity, in characters."""
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)\s*([A-Za-zµ%/]*)")
_BITS_OR_BYTES = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)\s*([KkMmGg]?i?)([bB])(?:|p|ps|/s|/sec)")

_DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_BYTES: dict[str, float] = {f"{prefix}B": factor for prefix, factor in (_DECIMAL | _BINARY).items()}
_BITS: dict[str, float] = {f"{prefix}bit": factor / 8 for prefix, factor in _DECIMAL.items()}


class UnitError(BrownoutError):
    """Text that is not a quantity of its kind, or lacks its unit."""


def _short(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


class _Quantity(float):
    """A float in the base unit that reads and writes text with a unit."""

    noun: ClassVar[str]
    example: ClassVar[str]
    units: ClassVar[dict[str, float]]
    proposed: ClassVar[tuple[str, ...]]
    maximum: ClassVar[float]
    exact: ClassVar[str] = ""
    """The letters of units of which the case counts."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read text such as `example`; raises UnitError with a proposal otherwise."""
        if len(text) > LONGEST:
            raise UnitError(f"'{text[:20]}...' is not {cls.noun}", f"write it like {cls.example}")
        total, end = 0.0, 0
        spelled = {cls._folded(unit): factor for unit, factor in cls.units.items()}
        for match in _NUMBER.finditer(text := text.strip()):
            number, unit = match.groups()
            factor = cls.units.get(unit, spelled.get(cls._folded(unit)))
            if match.start() != end or (factor is None and unit):
                break
            if factor is None:
                if match.end() != len(text):
                    break
                if float(number) == 0 and not end:
                    return cls(0)
                raise cls.without_unit(number)
            total += float(number) * factor
            end = match.end()
        if not text or end != len(text):
            raise UnitError(f"'{text}' is not {cls.noun}", f"write it like {cls.example}")
        if total > cls.maximum:
            raise UnitError(f"'{text}' is more than {cls(cls.maximum)}")
        smallest = 1e-9 * cls.units[cls.proposed[0]]  # `_short()` has nine places
        return cls(total if total >= smallest else 0)

    @classmethod
    def pattern(cls) -> str:
        """Return the regular expression of what `parse()` reads, as JSON Schema has them."""
        letters = {
            char: f"[{char.lower()}{char.upper()}]"
            for unit in cls.units
            for char in unit
            if "a" <= char.lower() <= "z" and char not in cls.exact
        }
        units = sorted({"".join(letters.get(char, char) for char in unit) for unit in cls.units})
        return rf"(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)\s*(?:{'|'.join(units)}))+|0+(?:\.0*)?|\.0+"

    @classmethod
    def without_unit(cls, number: object) -> UnitError:
        """Return the error for a bare number."""
        likely = " or ".join(f"{number}{unit}" for unit in cls.proposed)
        return UnitError(f"{number} has no unit", f"{cls.noun} is written like {likely}")

    @classmethod
    def proposals(cls, text: str) -> tuple[str, ...]:
        """Return what a text may mean that lacks its unit; empty for one that has its unit, or is no number."""
        bare = _NUMBER.fullmatch(text.strip())
        return tuple(f"{text.strip()}{unit}" for unit in cls.proposed) if bare and not bare[2] else ()

    @classmethod
    def _folded(cls, unit: str) -> str:
        """Return a unit without the case of its letters."""
        return unit.lower()

    def __str__(self) -> str:
        """Write it in the unit that makes the shortest text; read again, it is the same quantity."""
        amounts = [(float(self) / factor, unit) for unit, factor in self.units.items()]
        texts = [_short(amount) + unit for amount, unit in amounts if amount >= 1 and amount == round(amount, 3)]
        usual = self.proposed[0]
        return min(texts, key=len, default=_short(float(self) / self.units[usual]) + usual)

    def __repr__(self) -> str:
        """Show the type and the text."""
        return f"{type(self).__name__}('{self}')"


class Duration(_Quantity):
    """A time in seconds: `300ms`, `1.5s`, `2m`, `1h30m`, `50us`."""

    __slots__ = ()
    noun = "a duration"
    example = "300ms or 1.5s"
    units = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    proposed = ("ms", "s")
    maximum = 3600.0 * 10**6  # a century, so that a date that is so far ahead has a year of four digits

    @classmethod
    def of(cls, time: timedelta) -> Self:
        """Return what Python has as a timedelta. Raises UnitError for a negative one, or one that is too long."""
        if not 0 <= time.total_seconds() <= cls.maximum:
            raise UnitError(f"{time!r} is not {cls.noun}", f"it is from 0 to {cls(cls.maximum)}")
        return cls(time.total_seconds())


class Rate(_Quantity):
    """Bytes per second: `100KB/s`, `1MiB/s`, `56kbit/s`, `10Mbit/s` (K = 1000, Ki = 1024, 8 bits a byte)."""

    __slots__ = ()
    noun = "a rate"
    example = "100KB/s or 56kbit/s"
    units = {f"{unit}/s": factor for unit, factor in (_BITS | _BYTES).items()}
    proposed = ("KB/s", "kbit/s")
    maximum = 1e15
    exact = "B"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read text such as `100KB/s`; raises UnitError with what it may mean where that is not certain."""
        found = _BITS_OR_BYTES.fullmatch(text.strip())
        if found is not None and found[3] == "b":
            raise UnitError(f"'{text}' could be bits or bytes", f"write {' or '.join(cls.proposals(text))}")
        if found is not None and not found[0].endswith("/s"):
            raise UnitError(f"'{text}' is not {cls.noun}", f"write {cls.proposals(text)[0]}")
        return super().parse(text)

    @classmethod
    def proposals(cls, text: str) -> tuple[str, ...]:
        """Return what a text may mean that lacks its unit, or does not say whether it means bits or bytes."""
        found = _BITS_OR_BYTES.fullmatch(text.strip())
        if found is None or text.strip().endswith("B/s"):
            return super().proposals(text)
        number, prefix, letter = found.groups()
        size = f"{number}{prefix[:1].upper()}{prefix[1:].lower()}B/s"
        bits = f"{number}{'k' if prefix[:1] in ('k', 'K') else prefix[:1].upper()}bit/s"
        return (size,) if letter == "B" else (bits, size)

    @classmethod
    def _folded(cls, unit: str) -> str:
        """Return a unit without the case of its letters, except for the B of bytes."""
        folded = unit.lower()
        return f"{folded[:-3]}B/s" if unit[-3:-1] == "B/" else folded


class Share(_Quantity):
    """A part of the whole, from `0%` to `100%`; a float from 0 to 1."""

    __slots__ = ()
    noun = "a share"
    example = "30%"
    units = {"%": 0.01}
    proposed = ("%",)
    maximum = 1.0

    def of(self, length: int) -> int:
        """Return how many of a number of things this share is, rounded down: 29 of 100 for 29%."""
        return int(round(length * self, 6))  # 100 * 0.29 is 28.999...

    @classmethod
    def without_unit(cls, number: object) -> UnitError:
        """Propose per cent for a number that looks like a fraction of 1."""
        found = cls.proposals(str(number))
        return UnitError(f"{number} has no unit", f"a share is written like {found[0] if found else f'{number}%'}")

    @classmethod
    def proposals(cls, text: str) -> tuple[str, ...]:
        """Return what a bare number may mean: a fraction of 1 is that many per cent."""
        try:
            fraction = float(text)
        except ValueError:
            return ()
        return (f"{fraction * 100:g}%",) if 0 < fraction <= 1 else super().proposals(text)


class Size(int):
    """A number of bytes: `100B`, `64KB` (64 000), `64KiB` (65 536), `4MB`."""

    __slots__ = ()
    noun: ClassVar[str] = "a size"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read text such as `64KB`; raises UnitError with a proposal otherwise."""
        return cls(round(_Size.parse(text)))

    @classmethod
    def pattern(cls) -> str:
        """Return the regular expression of what `parse()` reads, as JSON Schema has them."""
        return _Size.pattern()

    @classmethod
    def without_unit(cls, number: object) -> UnitError:
        """Return the error for a bare number."""
        return _Size.without_unit(number)

    @classmethod
    def proposals(cls, text: str) -> tuple[str, ...]:
        """Return what a bare number may mean."""
        return _Size.proposals(text)

    def __str__(self) -> str:
        """Write it in the unit that makes the shortest text."""
        return str(_Size(self))

    def __repr__(self) -> str:
        """Show the type and the text."""
        return f"Size('{self}')"


class _Size(_Quantity):
    __slots__ = ()
    noun = Size.noun
    example = "64KB or 64KiB"
    units = _BYTES
    proposed = ("B", "KB")
    maximum = 1e15


class Quota(NamedTuple):
    """An exact part: `3 of 10` is three of each ten, which three is shuffled by the seed."""

    hits: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3 of 10`, or `3/10`; raises UnitError otherwise."""
        match = re.fullmatch(r"\s*([0-9]+)(?:\s+of\s+|/)([0-9]+)\s*", text) if len(text) <= LONGEST else None
        if match is None:
            raise UnitError(f"'{cut(text, LONGEST)}' is not a quota", "write it like '3 of 10'")
        quota = cls(int(match[1]), int(match[2]))
        if not 0 <= quota.hits <= quota.of or quota.of == 0:
            raise UnitError(f"'{text}' is not a quota", "it hits at most all: 3 of 10, 10 of 10")
        if quota.of > 10_000:
            raise UnitError(f"'{text}' shuffles too many at once", "a quota is out of at most 10000")
        return quota

    @classmethod
    def pattern(cls) -> str:
        """Return the regular expression of what `parse()` reads, as JSON Schema has them."""
        return r"[0-9]+(?:\s+of\s+|/)[0-9]+"

    @classmethod
    def without_unit(cls, number: object) -> UnitError:
        """Return the error for a bare number."""
        return UnitError(f"{number} is not a quota", f"write it like '{number} of 10'")

    @classmethod
    def proposals(cls, text: str) -> tuple[str, ...]:
        """Return what a bare number may mean."""
        return (f"{text} of 10",) if text.isdecimal() and 0 < int(text[:4]) <= 10 else ()

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.hits} of {self.of}"


Unit = Duration | Rate | Share | Size | Quota
"""What a setting may be that is written as text with a unit."""
UNITS: tuple[type[Unit], ...] = (Duration, Rate, Share, Size, Quota)
