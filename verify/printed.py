"""The exception whose traceback a command has printed."""

from __future__ import annotations

import asyncio
import time

from ..testing.verified.channel import Failure
from ..testing.verified.traces import Project, tail
from .stage import Stage

LET_GO = 0.5
"""Seconds within which a service that hung may print where, once its connections were reset."""
_MOMENT = 0.02


async def printed(stage: Stage, project: Project, since: int, within: float = 0.0) -> Failure | None:
    """Return the last one, waiting up to `within` seconds for it; `since` is the size of the output before."""
    until = time.monotonic() + within
    while True:
        text = stage.printed_since(since)
        said, frame = project.printed(text)
        if said:
            name, _, rest = said.partition(": ")
            frames = [] if frame is None else [frame]
            return Failure(
                type=name.rpartition(".")[2], text=rest, frames=frames, libraries=[], handed="", shown=tail(text)
            )
        if time.monotonic() >= until:
            return None
        await asyncio.sleep(_MOMENT)
