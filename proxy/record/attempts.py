"""Which attempts belong together: a client that fails tries again, and nothing on the wire says so.

    the rules

1. With an idempotency key the key decides. Attempts at the same work with the same key are of one logical operation,
   whatever came of them, whatever their bodies, and however long they are apart.
2. Without a key an attempt belongs to an operation whose last attempt failed: at the same work, with the same body,
   over when this one begins, and not longer ago than `WINDOW` and what the reply asked the client to wait. A body that
   did not come whole may be any.
3. Where there are several such operations, it belongs to the one whose last attempt was over first: of clients that
   back off for equally long, that one comes back first.
4. Any other attempt begins an operation. So the same request after a success is a new one, and so is a request that is
   sent while an equal one is under way: two clients, or a hedge without a key, which nobody can tell apart.
5. A request that came at a steady pace while all was well, as a health check does, and keeps that pace after a failure,
   is the next one and no retry.

Where nothing is parsed, the work is to connect.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WINDOW = 60.0
"""Seconds after a failed attempt within which the same request counts as the next one."""

_PAUSE = 0.02
"""Seconds below which a pause is none: who asks again at once keeps no pace."""
_BEATS = 4
"""How many intervals make a pace."""
_SLACK = (0.8, 1.5)
"""By how much an interval may be shorter or longer than the usual one: a busy machine makes some longer."""


class Try(NamedTuple):
    """What tells whether something is tried again. Moments are seconds of one clock.

    `work` is what was asked for, `body` a checksum of what was sent with it (None: it did not come whole), `key` the
    idempotency key; each may be empty.
    `over` is when it had ended, or its client had given up; infinite while it is under way. `wait` is how many seconds
    the reply asked the client to wait.
    """

    work: str
    body: str | None
    key: str
    began: float
    over: float
    failed: bool
    wait: float = 0.0


class Attempt(NamedTuple):
    """The place of an attempt: the `number`-th, from 1, of the logical `operation`, numbered from 1 as well.

    `pause` is how many seconds after the end of the attempt before it began, negative where that was still under way;
    None for a first attempt.
    """

    operation: int
    number: int
    pause: float | None


class _Operation:
    """A logical operation, with its last attempt."""

    __slots__ = ("_count", "_number", "body", "last")

    def __init__(self, number: int, first: Try) -> None:
        self._number = number
        self._count = 1
        self.body = first.body
        self.last = first

    def add(self, each: Try) -> Attempt:
        """Take its next attempt."""
        pause = each.began - self.last.over
        self.last = each
        self.body = self.body if each.body is None else each.body
        self._count += 1
        return Attempt(self._number, self._count, pause)


class _Pace:
    """At which intervals, and after which pauses, the same was asked for while all was well."""

    __slots__ = ("_intervals", "_last", "_pauses")

    def __init__(self) -> None:
        self._last: Try | None = None
        self._intervals: deque[float] = deque(maxlen=2 * _BEATS)
        self._pauses: deque[float] = deque(maxlen=2 * _BEATS)

    def add(self, each: Try) -> bool:
        """Take the next one; say whether it keeps the pace after a failure."""
        last, self._last = self._last, each
        if last is None:
            return False
        interval, pause = each.began - last.began, each.began - last.over
        if last.failed:
            return pause >= _PAUSE and (_usual(self._intervals, interval) or _usual(self._pauses, pause))
        if pause < _PAUSE:
            self._intervals.clear()
            self._pauses.clear()
        else:
            self._intervals.append(interval)
            self._pauses.append(pause)
        return False


def _usual(known: Sequence[float], seconds: float) -> bool:
    """Say whether an interval is like those that are known, which are alike but for a longest quarter."""
    if len(known) < _BEATS:
        return False
    shortest, *others = sorted(known)[: -(len(known) // 4)]
    least, most = _SLACK
    return others[-1] <= most * shortest and least * shortest <= seconds <= most * others[-1]


def attempts(tries: Iterable[Try]) -> list[Attempt]:
    """Return the place of each attempt. They come in the order in which they began."""
    found: list[Attempt] = []
    keyed: dict[tuple[str, str], _Operation] = {}
    failed: dict[str, list[_Operation]] = {}
    paces: defaultdict[tuple[str, str | None], _Pace] = defaultdict(_Pace)
    operations = 0
    for each in tries:
        waiting = failed.setdefault(each.work, [])
        operation = keyed.get((each.work, each.key)) if each.key else _take_next(waiting, each)
        if not each.key and paces[each.work, each.body].add(each):
            operation = None
        if operation is None:
            operations += 1
            operation = _Operation(operations, each)
            found.append(Attempt(operations, 1, None))
        else:
            found.append(operation.add(each))
        if each.key:
            keyed[each.work, each.key] = operation
        elif each.failed:
            waiting.append(operation)
    return found


def _take_next(waiting: list[_Operation], each: Try) -> _Operation | None:
    """Take out the operation to which an attempt without a key belongs, and those that are too old to have more."""
    waiting[:] = [one for one in waiting if each.began - one.last.over <= WINDOW + one.last.wait]
    over = [
        one
        for one in waiting
        if one.last.over <= each.began and (None in (one.body, each.body) or one.body == each.body)
    ]
    found = min(over, key=lambda one: one.last.over, default=None)
    if found is not None:
        waiting.remove(found)
    return found
