"""The event loop of a process that carries."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine

from ..proxy.system import loops
from .start import THRESHOLDS

INTERRUPTED = 130


def on_a_loop(work: Callable[[], Coroutine[None, None, int]]) -> int:
    """Run what returns an exit code on uvloop, or on asyncio where there is none."""
    try:
        with asyncio.Runner(loop_factory=loops.fastest()) as runner:
            return runner.run(work())
    except KeyboardInterrupt:  # before the handlers are set; on Windows there are none, and it is the usual end
        return 0 if sys.platform == "win32" else INTERRUPTED


def freeze() -> None:
    """Let garbage collections pass over what is here from the start on: a full one would hold up connections.

    They are as frequent as usual from now on.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
