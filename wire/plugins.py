"""What other packages bring: an entry point of a group, and what it names.

    [project.entry-points."brownout.faults"]
    cold_start = "mypackage.faults:ColdStart"

Looking for entry points is slow, so it is done once, and only when something is asked for that is not Brownout's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import BrownoutError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_Thing = TypeVar("_Thing")


class PluginError(BrownoutError):
    """Something of another package that cannot be used."""


class Plugins(Generic[_Thing]):
    """The things that other packages register in a group, by name. `noun` is what errors call one of them.

    `check` is called with what was loaded, with its name and with the words for it (`the fault NAME of PACKAGE`). It
    returns the thing, or raises PluginError.
    """

    def __init__(self, group: str, noun: str, check: Callable[[object, str, str], _Thing]) -> None:
        self._group = group
        self._noun = noun
        self._check = check
        self._found: dict[str, EntryPoint] | None = None
        self._loaded: dict[str, _Thing] = {}

    def names(self) -> Collection[str]:
        """Return the names that are registered; nothing is loaded."""
        return self._entries().keys()

    def get(self, name: str) -> _Thing | None:
        """Return the thing of a name, None for a name that is not registered. Raises PluginError."""
        if name not in self._loaded:
            entry = self._entries().get(name)
            if entry is None:
                return None
            self._loaded[name] = self._load(entry)
        return self._loaded[name]

    def forget(self) -> None:
        """Look for entry points again when the next thing is asked for."""
        self._found = None
        self._loaded.clear()

    def _entries(self) -> dict[str, EntryPoint]:
        if self._found is None:
            import importlib.metadata  # takes longer than all that is imported above

            self._found = {entry.name: entry for entry in importlib.metadata.entry_points(group=self._group)}
        return self._found

    def _load(self, entry: EntryPoint) -> _Thing:
        label = f"the {self._noun} {entry.name} of {entry.dist.name if entry.dist else entry.value}"
        try:
            thing = entry.load()
        except Exception as error:  # whatever another package does
            raise PluginError(f"{label} cannot be loaded: {error!r}", "fix or remove that package") from error
        return self._check(thing, entry.name, label)
