"""A number of requests or connections that a test waits for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from ..control.views import ConnectionView, RequestView
from ..wire.errors import BrownoutError

View = TypeVar("View", RequestView, ConnectionView)


class Awaited(Generic[View]):
    """Is `done` when it has seen `count` of those that it `wants`; each counts once, however often it is seen.

    `see` and `fail` are called on one thread, which may be another than that of the waiter.
    """

    def __init__(self, count: int, wants: Callable[[View], bool]) -> None:
        self._count = count
        self._wants: Callable[[View], bool] = wants
        self._seen: set[tuple[int, float]] = set()
        self.done: Future[None] = Future()
        self.done.set_running_or_notify_cancel()  # a waiter that is cancelled leaves it alone

    def see(self, view: View) -> None:
        """Look at one."""
        if self.done.done() or not self._wants(view):
            return
        self._seen.add((view["connection"], view["began"]))
        if len(self._seen) >= self._count:
            self.done.set_result(None)

    def fail(self, error: BrownoutError) -> None:
        """Take the reason why no more will be seen."""
        if not self.done.done():
            self.done.set_exception(error)
