"""What is wrong in a configuration file: every problem with its place, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ...wire.errors import BrownoutError

MOST = 1000
"""More problems than this are counted, not shown."""
_LONGEST = 300


class Place(NamedTuple):
    """Where something stands; lines and columns count from 1, line 0 is the file as a whole."""

    line: int = 0
    column: int = 0


class ConfigProblem(NamedTuple):
    """One thing that is wrong: where, under which key (`profiles.slow.db[0].latency`), and what would be right."""

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Write `brownout.yaml:14: profiles.flaky.payments[0].latency: 300 has no unit`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(BrownoutError):
    """A configuration file that cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        lines = [f"{problem} ({problem.hint})" if problem.hint else str(problem) for problem in problems]
        super().__init__("\n".join(lines))
        self.problems = problems


class Problems:
    """The problems of one file while it is read."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[tuple[Place, str], ConfigProblem] = {}
        self._secrets: set[str] = set()

    def add(self, place: Place, key: str, message: str, hint: str = "") -> None:
        """Note a problem; one that is seen again, by way of an alias, counts once."""
        self._found.setdefault((place, message), ConfigProblem(self._file, *place, key, message, hint))

    def keep_secret(self, text: str) -> None:
        """Never show the password of a URL, however odd it is and wherever it comes to stand."""
        before, at, _ = text.rpartition("@")
        info = before.partition("://")[2] or before
        if at and ":" in info:
            self._secrets.add(f"{info}@")

    def check(self) -> None:
        """Raise ConfigError if anything was wrong."""
        if not self._found:
            return
        found = sorted(self._found.values(), key=lambda problem: (problem.line, problem.column))
        clean = self._clean
        shown = [
            each._replace(key=clean(each.key), message=clean(each.message), hint=clean(each.hint))
            for each in found[:MOST]
        ]
        if len(found) > MOST:
            shown.append(ConfigProblem(self._file, 0, 0, "", f"{len(found) - MOST} more problems", "fix these first"))
        raise ConfigError(shown)

    def _clean(self, text: str) -> str:
        """Return a text without passwords, on one line, with nothing that writes on terminals."""
        if "@" in text:
            for secret in sorted(self._secrets, key=len, reverse=True):
                for spelled in (secret, repr(secret)[1:-1]):
                    text = text.replace(spelled, f"{secret.partition(':')[0]}:***@")
        text = re.sub(r"\s+", " ", text)
        text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def path(above: str, key: str) -> str:
    """Return the path of a key: `proxies.db`, or `profiles.slow."*"` where it needs quotes."""
    own = key if re.fullmatch(r"[\w-]+", key) else f'"{key}"'
    return f"{above}.{own}" if above else own


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: `A`, `A and B`, `A, B and C`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
