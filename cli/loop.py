"""The event loop of a process that carries."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine

from ..proxy.system import loops


def on_a_loop(work: Coroutine[None, None, int]) -> int:
    """Run what returns an exit code on uvloop, or on asyncio where there is none."""
    try:
        with asyncio.Runner(loop_factory=loops.fastest()) as runner:
            return runner.run(work)
    except KeyboardInterrupt:  # where a loop takes no signal handlers
        return 0


def freeze() -> None:
    """Let garbage collections pass over what is here from the start on: a full one would hold up connections."""
    gc.collect()
    gc.freeze()
