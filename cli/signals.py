"""The signals that end us, as something to wait for."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals:
    """Inside a `with`, SIGINT, SIGTERM and SIGHUP do nothing but come out of `next()`, in order.

    A SIGHUP calls `hangup` instead where that is set, unless it says that our terminal was closed.
    Where a loop takes no handlers (Windows) a ctrl-C cancels the main task, as asyncio has it.
    """

    def __init__(self) -> None:
        self._caught: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._installed: list[signal.Signals] = []
        self._last = False
        self._had_terminal = _has_terminal()
        self.hangup: Callable[[], None] | None = None

    def __enter__(self) -> Signals:
        """Begin to catch. A SIGHUP that is ignored (nohup) stays so."""
        loop = asyncio.get_running_loop()
        for number in (signal.Signals[name] for name in NAMES if hasattr(signal, name)):
            if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
                continue
            try:
                loop.add_signal_handler(number, self._catch, number)
            except (NotImplementedError, RuntimeError):
                return self
            self._installed.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop catching them."""
        for number in self._installed:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def next(self) -> signal.Signals:
        """Wait for the next signal."""
        return await self._caught.get()

    def let_go(self) -> None:
        """Say that from now on we are ending: a further signal ends the process at once."""
        self._last = True

    def _catch(self, number: signal.Signals) -> None:
        if self._last:
            os._exit(128 + number)
        if self.hangup is not None and number.name == "SIGHUP" and _has_terminal() == self._had_terminal:
            self.hangup()
            return
        self._caught.put_nowait(number)


def _has_terminal() -> bool:
    """Say whether a terminal controls this process: one that was closed no longer does."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
