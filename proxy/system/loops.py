"""Event loops on which a fleet runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def fastest() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes an event loop: uvloop where it is installed, else asyncio."""
    try:
        import uvloop
    except ImportError:
        return asyncio.SelectorEventLoop  # Windows' own default has no readers, which listeners need
    return uvloop.new_event_loop
