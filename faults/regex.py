"""How long a text may be for a user's regular expression: with longer ones it would take too long.

`re` tries every way in which the parts of an expression can share a text. A repeat that may end at any place, because
what follows it could begin there, has as many ways as there are places, and each further one of that kind multiplies
them. So those are counted, in the tree that `re` itself makes of an expression, and each costs what the parts of the
expression cost. A repeat within a repeat has ways beyond all counting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from re import _parser  # type: ignore[attr-defined]  # typeshed has no re._parser
from typing import Any, TypeAlias

from ..wire.errors import BrownoutError

LONGEST_TEXT = 8192
"""The longest text at which any pattern looks, in characters."""

_SHORTEST_TEXT = 64
"""An expression that could not look at that many characters is refused."""
_MOST_COST = 80_000_000
"""What looking at a text may cost, in nanoseconds, roughly."""
_MOST_CHOICES = 1000
"""How many ways `a?`, `a{1,3}` and alternatives that begin alike may have together."""
_MANY = 64
"""A repeat that may come more often counts as one without an end."""

_Node: TypeAlias = tuple[object, Any]  # Any: what belongs to an operation has the operation's own shape
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_LATIN_1 = frozenset(map(chr, range(256)))
_CATEGORIES = {
    f"CATEGORY_{negation}{name}": rf"[{sign}{class_}]"
    for name, class_ in {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}.items()
    for negation, sign in {"": "", "NOT_": "^"}.items()
}


def longest_text(expression: str) -> int:
    """Return how many characters a text may have. Raises re.error, and BrownoutError for what is never quick."""
    tree = _parser.parse(expression)
    nodes: list[_Node] = list(tree)
    ways = _Ways(expression)
    ways.count(nodes, [], 1)
    powers = ways.open + (ways.closed > 0) + (not _begins_once(nodes, tree.state.flags, ways.repeated))
    each = ways.choices * _cost(nodes) / math.factorial(powers)
    longest = LONGEST_TEXT
    while each * longest**powers > _MOST_COST:
        longest //= 2
    if longest < _SHORTEST_TEXT:
        raise ways.too_many()
    return longest


class _Ways:
    """What multiplies the ways: `open` repeats have no end and may end anywhere, `closed` ones at one place.

    `repeated` are the characters of both.
    """

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self.open = 0
        self.closed = 0
        self.choices = 1
        self.repeated: frozenset[str] = frozenset()

    def count(self, nodes: Sequence[_Node], rest: Sequence[_Node], times: int) -> None:
        """Count what is in a sequence, which may come `times`, and behind which the rest stands."""
        for place, (operation, what) in enumerate(nodes, 1):
            after = [*nodes[place:], *rest]
            name = str(operation)
            if name in _REPEATS:
                self._count_repeat(name, what, after, times)
            elif name == "SUBPATTERN":
                self.count(what[3], after, times)
            elif name == "BRANCH":
                if _begin_alike(what[1]):
                    self._choose(len(what[1]), times)
                for branch in what[1]:
                    self.count(branch, after, times)
            elif name == "GROUPREF_EXISTS":
                self.count(what[1], after, times)
                self.count(what[2] or (), after, times)
            elif name == "ATOMIC_GROUP":
                self.count(what, (), times)
            elif name in ("ASSERT", "ASSERT_NOT"):
                self.count(what[1], (), times)
            elif name == "GROUPREF":
                self._count_endless((), ends_anywhere=False)

    def _count_repeat(self, name: str, what: tuple[int, int, Sequence[_Node]], after: list[_Node], times: int) -> None:
        least, most, repeated = what
        varies = least != most and name != "POSSESSIVE_REPEAT"
        ends_anywhere = varies and bool(_first(repeated) & _first(after))
        if most > _MANY and varies and times > 1:
            raise self._nested()
        if most > _MANY or times * int(most) > _MANY:
            self._count_endless(repeated, ends_anywhere)
        if most <= _MANY and (ends_anywhere or (varies and times > _MANY)):
            self._choose(int(most) - int(least) + 1, times)
        self.count(repeated, [*repeated, *after] if most > 1 else after, times * int(most))

    def _count_endless(self, repeated: Sequence[_Node], ends_anywhere: bool) -> None:
        self.open += ends_anywhere
        self.closed += not ends_anywhere
        self.repeated |= _any_of(repeated)

    def _choose(self, choices: int, times: int) -> None:
        if times > _MANY:
            raise self._nested()
        self.choices *= choices**times
        if self.choices > _MOST_CHOICES:
            raise self.too_many()

    def too_many(self) -> BrownoutError:
        """Return the error for too many ways."""
        return BrownoutError(
            f"'~{self._expression}' can share a text among its parts in too many ways",
            "begin it with ^, or use fewer of * + ? { and |",
        )

    def _nested(self) -> BrownoutError:
        return BrownoutError(
            f"'~{self._expression}' repeats what can itself be read in several ways",
            "leave out one of * + ? { where one is within another, and let alternatives begin with different letters",
        )


def _begins_once(nodes: Sequence[_Node], flags: int, repeated: frozenset[str]) -> bool:
    """Say whether each place of a text is looked at for one beginning alone: what repeats cannot be a beginning."""
    for operation, what in nodes:
        name = str(operation)
        if name == "AT":
            if "BEGINNING" in str(what) and not flags & re.MULTILINE:
                return True
        elif name in _REPEATS and what[1] == 1:
            continue
        elif name not in _SINGLE:
            break
        elif repeated and not _characters(name, what) & repeated:
            return True
    return False


def _cost(nodes: Sequence[_Node]) -> int:
    """Return what one way through a sequence costs, in nanoseconds."""
    cost = 2
    for operation, what in nodes:
        name = str(operation)
        if name in _REPEATS:
            single = len(what[2]) == 1 and str(what[2][0][0]) in _SINGLE
            times = what[1] if what[1] <= _MANY else max(1, min(what[0], _MANY))
            step = 50 if not single else 20 if name == "MIN_REPEAT" else 0
            cost += (_cost(what[2]) + step) * times
        elif name == "SUBPATTERN":
            cost += 10 + _cost(what[3])
        elif name == "BRANCH":
            cost += sum(20 + _cost(branch) for branch in what[1])
        elif name == "GROUPREF_EXISTS":
            cost += 10 + _cost(what[1]) + _cost(what[2] or ())
        elif name == "ATOMIC_GROUP":
            cost += 50 + _cost(what)
        elif name in ("ASSERT", "ASSERT_NOT"):
            cost += 50 + _cost(what[1])
        else:
            cost += 2 if name == "LITERAL" else 8
    return cost


def _any_of(nodes: Sequence[_Node]) -> frozenset[str]:
    """Return the characters that may be in a sequence; all of them where that is hard to tell."""
    return frozenset().union(
        *(_characters(str(operation), what) if str(operation) in _SINGLE else _LATIN_1 for operation, what in nodes)
    )


def _begin_alike(branches: Sequence[Sequence[_Node]]) -> bool:
    """Say whether a text could be the beginning of two of them."""
    firsts = [_first(branch) for branch in branches]
    return sum(map(len, firsts)) > len(frozenset().union(*firsts)) or not all(firsts)


def _first(nodes: Sequence[_Node]) -> frozenset[str]:
    """Return the characters of Latin-1 with which a sequence may begin, in upper and lower case."""
    found: frozenset[str] = frozenset()
    for operation, what in nodes:
        name = str(operation)
        inner: Sequence[_Node] | None = None
        if name in _REPEATS:
            inner, empty = what[2], what[0] == 0
        elif name == "SUBPATTERN":
            inner, empty = what[3], _is_empty(what[3])
        elif name == "ATOMIC_GROUP":
            inner, empty = what, _is_empty(what)
        elif name == "BRANCH":
            found = found.union(*map(_first, what[1]))
            empty = any(map(_is_empty, what[1]))
        elif name == "AT":
            empty = True
        else:
            found |= _characters(name, what)
            empty = name in ("ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS")
        if inner is not None:
            found |= _first(inner)
        if not empty:
            break
    return found


def _is_empty(nodes: Sequence[_Node]) -> bool:
    """Say whether a sequence may match nothing; where that is hard to tell, it may."""
    for operation, what in nodes:
        name = str(operation)
        if name in _SINGLE or (name in _REPEATS and what[0] and not _is_empty(what[2])):
            return False
        if (name == "SUBPATTERN" and not _is_empty(what[3])) or (name == "BRANCH" and not any(map(_is_empty, what[1]))):
            return False
    return True


def _characters(name: str, what: Any) -> frozenset[str]:
    """Return what one character of an expression may be; all of them where that is hard to tell."""
    if name == "LITERAL":
        found = frozenset(chr(what))
    elif name == "NOT_LITERAL":
        found = _LATIN_1 - frozenset(chr(what))
    elif name == "IN":
        found = frozenset().union(*(_characters(str(operation), each) for operation, each in what))
        if str(what[0][0]) == "NEGATE":
            found = _LATIN_1 - found
    elif name == "RANGE":
        found = frozenset(char for char in _LATIN_1 if what[0] <= ord(char) <= what[1])
    elif name == "CATEGORY":
        found = frozenset(char for char in _LATIN_1 if re.fullmatch(_CATEGORIES[str(what)], char))
    elif name == "NEGATE":
        return frozenset()
    else:
        return _LATIN_1
    return found.union(char.swapcase() for char in found)
