"""Which requests of a protocol an injection is for: patterns for what a request, or its reply, says.

    match: {method: POST, path: "/charge*"}

All of them must fit. What a request does not have fits no pattern, not even `*`. `Index` asks many matches at once.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

import msgspec

from ..wire.dialect import ReplyHead, RequestHead
from ..wire.errors import BrownoutError
from ..wire.json_document import JsonError, read_json_document
from ..wire.plugins import PluginError
from ..wire.protocol import Key, Known, as_it_came
from ..wire.protocols import keys_of
from .pattern import Pattern
from .settings import Problem, SettingsError, unknown

MOST_KEYS = 32
"""How many keys a match may have."""
_EXAMPLE = "write it like {method: POST, path: /charge*}"


class Condition(NamedTuple):
    """A key with its pattern. `written` and `text` are as they were given, `key` is what a head is asked for."""

    written: str
    text: str
    key: str
    part: Known
    pattern: Pattern
    spellings: Callable[[str], tuple[str, ...]] = as_it_came


class Match(NamedTuple):
    """Which exchanges are meant: those of which every condition holds, in the order of the protocol's keys."""

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, protocol: str, given: object) -> Self:
        """Read a mapping of keys to patterns; whole numbers and switches are taken as text.

        Raises SettingsError with all problems; their keys are `match.KEY`, or `match` for the mapping itself.
        """
        if not isinstance(given, Mapping):
            raise SettingsError([Problem("match", f"match: {_shown(given)} is not a mapping", _EXAMPLE)])
        if not given:
            raise SettingsError([Problem("match", "match is empty", f"{_EXAMPLE}, or leave match out")])
        if len(given) > MOST_KEYS:
            message = f"match has {len(given)} keys"
            raise SettingsError([Problem("match", message, f"at most {MOST_KEYS}; in a pattern ~a|b is either")])
        try:
            known = keys_of(protocol)
        except PluginError as error:
            raise SettingsError([Problem("match", f"match: {error.message}", error.hint)]) from error
        problems: list[Problem] = []
        found: dict[str, tuple[int, Condition]] = {}
        for written, value in given.items():
            try:
                place, condition = _condition(known, str(written), value)
                if condition.key in found:
                    raise BrownoutError(f"{found[condition.key][1].written} is the same key", "give it once")
                found[condition.key] = place, condition
            except BrownoutError as error:
                problems.append(Problem(f"match.{written}", f"match.{written}: {error.message}", error.hint))
        if problems:
            raise SettingsError(problems)
        return cls(tuple(condition for _, condition in sorted(found.values(), key=lambda each: (each[0], each[1].key))))

    def to_mapping(self) -> dict[str, str]:
        """Return the mapping, all of it as text; `parse()` makes the same of it."""
        return {condition.written: condition.text for condition in self.conditions}


def _condition(known: Sequence[Key], written: str, value: object) -> tuple[int, Condition]:
    place, asked = next(
        ((place, asked) for place, key in enumerate(known) if (asked := key.asked(written)) is not None), (-1, "")
    )
    if place < 0:
        raise BrownoutError("unknown key", _nearest(known, written))
    if not isinstance(value, str | int):
        raise BrownoutError(f"{_shown(value)} is not a pattern", "a pattern is text, put quotes around it")
    text, key = _shown(value), known[place]
    pattern = Pattern.parse(text if text.startswith("~") else key.fold(text))
    return place, Condition(written, text, asked, key.part, pattern, key.spellings)


def _nearest(known: Sequence[Key], written: str) -> str:
    _, _, rest = written.partition(".")
    names = {key.family + rest if key.family and rest else key.name: key.name for key in known}
    hint = unknown("key", written.lower(), names).hint
    return f"known: {', '.join(names.values())}" if hint.startswith("known") else hint


def _shown(value: object) -> str:
    if value is None or isinstance(value, list | Mapping):
        return "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"
    return str(value).lower() if isinstance(value, bool) else str(value)


class Index:
    """Many matches, of which it says by bit masks which hold: bit i for the i-th; one that is None always does.

    What it costs goes by the keys that are in use, not by how many matches use them.
    """

    def __init__(self, matches: Sequence[Match | None]) -> None:
        self._all = (1 << len(matches)) - 1
        asked: dict[Known, dict[str, list[tuple[int, Condition]]]] = {"head": {}, "body": {}, "json": {}, "reply": {}}
        for bit, match in enumerate(matches):
            for condition in match.conditions if match else ():
                asked[condition.part].setdefault(condition.key, []).append((1 << bit, condition))
        tables = {
            part: [_Table(key, self._all, found) for key, found in by_key.items()] for part, by_key in asked.items()
        }
        self._head, self._reply = tables["head"], tables["reply"]
        self._body, self._json = tables["body"], tables["json"]
        self.needs_json = _users(self._json)
        """Those of them that look at values in it, which only a whole body has."""
        self.needs_body = _users(self._body) | self.needs_json
        """Matches of which `by_body` must be asked."""
        self.needs_reply = _users(self._reply)
        """Matches of which `by_reply` must be asked."""
        patterns = [each.pattern for by_key in asked.values() for found in by_key.values() for _, each in found]
        self.reach = min((pattern.reach for pattern in patterns), default=math.inf)
        """How long a text may be, so that every pattern looks at it: of longer ones the `beyond_...` tell."""

    def by_head(self, head: RequestHead) -> int:
        """Return the matches that hold, as far as a request's head tells."""
        return _by_head(self._head, self._all, head)

    def by_body(self, mask: int, body: bytes, complete: bool) -> int:
        """Return which of the matches in a mask hold, as far as a request's body tells.

        Of a body that is not `complete` there are no JSON values.
        """
        return self._by_body(mask, body, complete, _Table.find)

    def by_reply(self, mask: int, head: ReplyHead) -> int:
        """Return which of the matches in a mask hold, as far as a reply's head tells."""
        return _by_head(self._reply, mask, head)

    def beyond_head(self, head: RequestHead) -> int:
        """Return the matches of which nobody knows whether they hold, since a text in a request's head is too long."""
        return _hopeful(self._head, self._all, head) & ~self.by_head(head)

    def beyond_body(self, mask: int, body: bytes, complete: bool) -> int:
        """Return the same of a mask for a request's body, and for the texts in it."""
        return self._by_body(mask, body, complete, _Table.hope) & ~self.by_body(mask, body, complete)

    def beyond_reply(self, mask: int, head: ReplyHead) -> int:
        """Return the same of a mask for a reply's head."""
        return _hopeful(self._reply, mask, head) & ~self.by_reply(mask, head)

    def _by_body(self, mask: int, body: bytes, complete: bool, look: Callable[[_Table, str | None], int]) -> int:
        for table in self._body:
            if mask & table.users:
                mask &= look(table, body.decode("utf-8-sig", "replace"))
        if mask & self.needs_json:
            document = _Document(body if complete else b"")
            for table in self._json:
                raw = document.find(table.path)
                if raw is not None and _begins(raw) in (b"[", b"{"):
                    mask &= table.anything
                else:
                    mask &= look(table, _text(raw))
        return mask


def _by_head(tables: list[_Table], mask: int, head: RequestHead | ReplyHead) -> int:
    for table in tables:
        value = head.value(table.key)
        known = table.memo.get(value)
        mask &= table.find(value) if known is None else known
    return mask


def _hopeful(tables: list[_Table], mask: int, head: RequestHead | ReplyHead) -> int:
    for table in tables:
        mask &= table.hope(head.value(table.key))
    return mask


def _users(tables: Iterable[_Table]) -> int:
    return functools.reduce(operator.or_, (table.users for table in tables), 0)


class _Table:
    """What all matches want of one key, and what was found for the values that were seen lately."""

    __slots__ = (
        "_literals", "_passing", "_patterns", "_prefixes", "_spellings", "anything", "key", "memo", "path", "users",
    )  # fmt: skip

    def __init__(self, key: str, everyone: int, found: Sequence[tuple[int, Condition]]) -> None:
        self.key = key
        self.path = tuple(name.replace(r"\.", ".") for name in _DOT.split(key)[1:])
        self.users = 0
        self._spellings = found[0][1].spellings
        self._literals: dict[str, int] = {}
        self._patterns: dict[Pattern, int] = {}
        for bit, condition in found:
            pattern = condition.pattern
            self.users |= bit
            if pattern.kind == "literal":
                self._literals[pattern.text] = self._literals.get(pattern.text, 0) | bit
            else:
                self._patterns[pattern] = self._patterns.get(pattern, 0) | bit
        self._prefixes: dict[int, dict[str, list[tuple[Pattern, int]]]] = {}  # patterns by how a value must begin
        for pattern, users in self._patterns.items():
            by_prefix = self._prefixes.setdefault(len(pattern.prefix), {})
            by_prefix.setdefault(pattern.prefix, []).append((pattern, users))
        self._passing = everyone & ~self.users
        self.anything = self._passing | self._patterns.get(_ANYTHING, 0)
        """What holds for a value that is not text."""
        self.memo: dict[str | None, int] = {}

    def hope(self, value: str | None) -> int:
        """Return what `find` does, and the matches with a pattern that does not look at so long a value."""
        beyond = (
            users
            for pattern, users in self._patterns.items()
            if value is not None and len(value) > pattern.reach and value.startswith(pattern.prefix)
        )
        return functools.reduce(operator.or_, beyond, self.find(value))

    def find(self, value: str | None) -> int:
        """Return the matches that hold with a value, or without any, and those that do not use this key."""
        known = self.memo.get(value)
        if known is not None:
            return known
        mask = self._passing
        for spelled in () if value is None else (value, *self._spellings(value)):
            mask |= self._literals.get(spelled, 0)
            for length, by_prefix in self._prefixes.items():
                for pattern, users in by_prefix.get(spelled[:length], ()):
                    if pattern.fits(spelled):
                        mask |= users
        if value is None or len(value) <= _LONGEST:
            if len(self.memo) >= _MOST:
                self.memo.clear()
            self.memo[value] = mask
        return mask


_ANYTHING = Pattern.parse("*")
_MOST, _LONGEST = 1000, 1024
"""How many values a table keeps, and of how many characters at most."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_DOT = re.compile(r"(?<!\\)\.")
_BOM = b"\xef\xbb\xbf"


class _Document:
    """A JSON text of which a few values are wanted: the others are skipped, not made."""

    def __init__(self, body: bytes) -> None:
        self._root = msgspec.Raw(body.removeprefix(_BOM).strip(b" \t\r\n"))
        self._opened: dict[tuple[str, ...], dict[str, msgspec.Raw] | list[msgspec.Raw]] = {}

    def find(self, path: tuple[str, ...]) -> msgspec.Raw | None:
        """Return the value at a path."""
        if not path:
            return self._root
        inside = self._open(path[:-1])
        if isinstance(inside, dict):
            return inside.get(path[-1])
        if _NUMBER.fullmatch(path[-1]) and int(path[-1]) < len(inside):
            return inside[int(path[-1])]
        return None

    def _open(self, path: tuple[str, ...]) -> dict[str, msgspec.Raw] | list[msgspec.Raw]:
        """Return what is directly within a value; nothing, for one that has nothing within."""
        if path not in self._opened:
            raw = self.find(path)
            kind: type[dict[str, msgspec.Raw]] | type[list[msgspec.Raw]] = dict[str, msgspec.Raw]
            if raw is not None and _begins(raw) == b"[":
                kind = list[msgspec.Raw]
            try:
                self._opened[path] = {} if raw is None else msgspec.json.decode(raw, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._opened[path] = {}
        return self._opened[path]


def _begins(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:1])


def _text(raw: msgspec.Raw | None) -> str | None:
    """Return a value that is no list and no mapping, as a pattern looks at it."""
    if raw is None:
        return None
    try:
        value = read_json_document(raw)
    except JsonError:
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
