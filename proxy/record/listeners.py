"""Listeners: callables that hear of each new record as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def tell(listeners: Iterable[Callable[[T], None]], news: T) -> None:
    """Call each listener with the news; the loop's exception handler reports one that raises.

    The proxies write records while they carry bytes, so a broken listener must break neither them nor other listeners.
    """
    for listener in tuple(listeners):
        try:
            listener(news)
        except Exception as error:
            context = {"message": f"error in a listener: {listener!r}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
