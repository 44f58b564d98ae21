"""A YAML file as nodes that know their place: read event by event, within bounds, never constructed to objects.

Every problem goes to `Problems`, and reading goes on where it can. Tags and merge keys are refused; an alias may repeat
a value, as long as the whole stays within `MOST_VALUES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from ...wire.errors import BrownoutError
from ..settings import unknown
from .problem import Place, Problems, path
from .scalar import Plain, resolve, substitute
from .syntax import explain

DEEPEST = 20
MOST_VALUES = 200_000
_STANDARD_TAG = "tag:yaml.org,2002:"


class Node(NamedTuple):
    """A value with its place: that of its key, if it has one."""

    value: Plain | list[Node] | dict[str, Node]
    place: Place
    raw: str = ""
    """The text as it was written, where variables were put in."""
    bad: bool = False
    """It could not be read, and that was said; the value is not to be looked at."""
    size: int = 1

    def plain(self) -> object:
        """Return the value without places, all the way down."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def readable(self) -> bool:
        """Say whether nothing in it is bad."""
        value = self.value
        within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return not self.bad and all(node.readable() for node in within)


class _Stop(Exception):  # noqa: N818  # it ends the reading, what is wrong was said
    """The rest cannot be read."""


def load(text: str, problems: Problems, environ: Mapping[str, str]) -> Node | None:
    """Return the root of the one document of a file; None where it cannot be read to its end, or is empty."""
    try:
        return _Loader(text, problems, environ).document()
    except _Stop:
        return None


class _Loader:
    def __init__(self, text: str, problems: Problems, environ: Mapping[str, str]) -> None:
        self._text = text.removeprefix("\ufeff")
        self._problems = problems
        self._environ = environ
        self._anchors: dict[str, Node | None] = {}
        self._size = 0
        try:
            # The Python parser, not libyaml's: what it says of a mistake can be explained, and is the same everywhere.
            self._parser = yaml.SafeLoader(self._text)
        except yaml.YAMLError as error:
            raise self._syntax(error) from None

    def document(self) -> Node | None:
        self._next()  # the stream begins
        if isinstance(self._next(), StreamEndEvent):
            self._problems.add(Place(), "", "the file is empty", "begin with proxies: or profiles:")
            return None
        root = self._node(self._next(), "", 0)
        if not isinstance(self._next(), DocumentEndEvent):  # pragma: no cover  # a document has one root
            raise _Stop
        end = self._next()
        if not isinstance(end, StreamEndEvent):
            self._problems.add(
                _place(end), "", "a second document begins here", "a file holds one configuration: leave out the ---"
            )
        return root

    def _next(self) -> Event:
        try:
            event: Event = self._parser.get_event()  # type: ignore[no-untyped-call]  # its stubs lack it
        except yaml.YAMLError as error:
            raise self._syntax(error) from None
        except (ValueError, OverflowError):  # an escape beyond Unicode, which PyYAML hands to chr()
            mark = self._parser.get_mark()
            raise self._stop(
                Place(mark.line + 1, mark.column + 1), "", "no such character", "check the \\U escape"
            ) from None
        return event

    def _syntax(self, error: yaml.YAMLError) -> _Stop:
        slip = explain(error, self._text)
        return self._stop(slip.place, "", slip.message, slip.hint)

    def _stop(self, place: Place, key: str, message: str, hint: str) -> _Stop:
        self._problems.add(place, key, message, hint)
        return _Stop()

    def _node(self, event: Event, key: str, depth: int, place: Place | None = None) -> Node:
        place = place or _place(event)
        if isinstance(event, AliasEvent):
            return self._alias(str(event.anchor), key, place)
        assert isinstance(event, CollectionStartEvent | ScalarEvent)
        if depth > DEEPEST:
            raise self._stop(
                place,
                key,
                f"more than {DEEPEST} levels of lists and mappings",
                "a configuration never nests this deeply",
            )
        anchor = event.anchor
        if anchor in self._anchors:
            self._problems.add(place, key, f"there is an anchor &{anchor} already", "give each its own name")
        elif anchor is not None:
            self._anchors[anchor] = None
        bad = event.tag is not None
        if event.tag is not None:
            tag = event.tag.replace(_STANDARD_TAG, "!!")
            self._problems.add(
                place,
                key,
                f"the tag {tag} is not allowed",
                "leave it out; quotes make text, and nothing else is needed",
            )
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, key, place)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(key, depth, place)
        else:
            node = self._sequence(key, depth, place)
        self._grow(1, place, key)
        node = node._replace(bad=bad or node.bad)
        if anchor is not None and self._anchors[anchor] is None:
            self._anchors[anchor] = node
        return node

    def _alias(self, name: str, key: str, place: Place) -> Node:
        node = self._anchors.get(name)
        if node is not None:
            self._grow(node.size, place, key)
            return node._replace(place=place)
        if name in self._anchors:
            self._problems.add(place, key, f"the alias *{name} is within what it repeats", "write it out")
        else:
            found = unknown("alias", f"*{name}", [f"*{each}" for each in self._anchors])
            hint = found.hint if self._anchors else f'a name that begins with * needs quotes: "*{name}"'
            self._problems.add(place, key, found.message, hint)
        return Node(None, place, bad=True)

    def _grow(self, size: int, place: Place, key: str) -> None:
        self._size += size
        if self._size > MOST_VALUES:
            raise self._stop(
                place,
                key,
                f"more than {MOST_VALUES} values, counting what aliases repeat",
                "split it into several files",
            )

    def _sequence(self, key: str, depth: int, place: Place) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, f"{key}[{len(items)}]", depth + 1))
        return Node(items, place, size=1 + sum(item.size for item in items))

    def _mapping(self, key: str, depth: int, place: Place) -> Node:
        items: dict[str, Node] = {}
        size = 1
        while not isinstance(event := self._next(), MappingEndEvent):
            name, where = self._key(event, key, depth), _place(event)
            node = self._node(self._next(), key if name is None else path(key, name), depth + 1, where)
            size += node.size
            if name is None:
                continue
            if name in items:
                line = items[name].place.line
                self._problems.add(
                    where, path(key, name), "this key is given twice", f"the first is in line {line}: leave one of them"
                )
            else:
                items[name] = node
        return Node(items, place, size=size)

    def _key(self, event: Event, key: str, depth: int) -> str | None:
        """Return the text of a key; None for one that is not text, which was reported."""
        place = _place(event)
        if isinstance(event, ScalarEvent):
            self._problems.keep_secret(event.value)
        if isinstance(event, ScalarEvent) and event.tag is None:
            if event.anchor is not None:
                self._problems.add(place, key, "an anchor on a key", "put it before the value")
            if event.style is None and event.value == "<<":
                self._problems.add(
                    place,
                    key,
                    "merge keys (<<) are not supported",
                    "write the keys out, or repeat a whole value: *name",
                )
                return None
            if event.style is None and not event.value:
                self._problems.add(place, key, "a key is missing before ':'", "write it like key: value")
                return None
            if "${" in event.value:
                self._problems.add(
                    place, path(key, event.value), "variables cannot stand for keys", "write the key itself"
                )
                return None
            return str(event.value)
        if isinstance(event, AliasEvent):
            self._problems.add(
                place, key, f"*{event.anchor} without quotes is a YAML alias, and no key",
                f'a name that begins with * needs quotes: "*{event.anchor}"',
            )  # fmt: skip
            return None
        self._node(event, key, depth + 1)
        if not isinstance(event, ScalarEvent):  # of a tagged one that was said
            self._problems.add(place, key, "a list or a mapping is given where a key is expected", "a key is text")
        return None

    def _scalar(self, event: ScalarEvent, key: str, place: Place) -> Node:
        raw = text = str(event.value)
        plain = event.style is None
        self._problems.keep_secret(raw)
        try:
            text = substitute(raw, self._environ)
            self._problems.keep_secret(text)
            text.encode()
            value = resolve(text) if plain else text
        except UnicodeEncodeError:
            self._problems.add(place, key, "a character that is half of one", "check the \\u escapes, or the variable")
        except BrownoutError as error:
            self._problems.add(place, key, error.message, error.hint)
        else:
            return Node(value, place, raw if text != raw else "")
        return Node(None, place, bad=True)


def _place(event: Event) -> Place:
    assert event.start_mark is not None
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
