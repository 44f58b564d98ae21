"""What the sections of a configuration file have in common: what a node must be, and how it is said that it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...wire.errors import BrownoutError
from ..settings import unknown
from .nodes import Node
from .problem import Problems, path

_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


class Reader:
    """The walk down one file; other files that it names are in `folder`."""

    def __init__(self, problems: Problems, folder: Path) -> None:
        self._problems = problems
        self.folder = folder

    def say(self, node: Node, key: str, message: str, hint: str = "") -> None:
        """Note a problem of a node."""
        self._problems.add(node.place, key, f"{message} (from {node.raw})" if node.raw else message, hint)

    def mapping(self, node: Node | None, key: str, hint: str) -> dict[str, Node]:
        """Return the items of a mapping, none where it is not given or something else, which is said."""
        if node is None or node.bad or node.value is None:
            return {}
        if isinstance(node.value, dict):
            return node.value
        self.say(node, key, f"{shape(node)} is given where a mapping is expected", hint)
        return {}

    def refuse_unknown(self, items: dict[str, Node], known: Iterable[str], key: str) -> None:
        """Say which keys of a mapping nobody knows."""
        for name in items.keys() - set(known):
            self.say(items[name], path(key, name), "unknown key", unknown("key", name, known).hint)

    @contextmanager
    def right(self, node: Node, key: str) -> Iterator[None]:
        """Note the BrownoutError that is raised within, as a problem of a node."""
        try:
            yield
        except BrownoutError as error:
            self.say(node, key, error.message, error.hint)


def shape(node: Node) -> str:
    """Say what a node is, as a sentence begins with it."""
    value = node.value
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"


def switch(node: Node) -> str:
    """Say what would be right where a switch is due."""
    word = str(node.value).lower() if isinstance(node.value, str) else ""
    likely = _SWITCHES.get(word, word if word in _SWITCHES.values() else "")
    return f"write {likely}, without quotes: only true and false are switches" if likely else "write true or false"
