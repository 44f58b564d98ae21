"""Where a client works: an address, and the moment at which it begins to fail."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

PATIENCE = 30.0
"""The timeout of a client in seconds, where it is not what is tested."""


class Site(NamedTuple):
    """An address, and how to make what is there fail."""

    url: str
    host: str
    port: int
    fail: Callable[[], None]
    kept: contextlib.ExitStack
    """What the client forgets to close; it is closed after the verdict."""


def together(count: int, work: Callable[[int], None], *expected: type[Exception]) -> None:
    """Call something that many times at once, each with its number; expected errors are ignored."""

    def one(number: int) -> None:
        with contextlib.suppress(*expected):
            work(number)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))
