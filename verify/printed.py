"""The exception whose traceback a command, or a process beside the tests, has printed."""

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
        found = _read(project, stage.printed_since(since))
        if found is not None or time.monotonic() >= until:
            return found
        await asyncio.sleep(_MOMENT)


def by_application(project: Project, text: str) -> Failure | None:
    """Return the last one of a text, if the application's code had a part in it."""
    found = _read(project, text)
    return found if found is not None and any(not each["test"] for each in found["frames"]) else None


def _read(project: Project, text: str) -> Failure | None:
    said, frame = project.printed(text)
    if not said:
        return None
    name, _, rest = said.partition(": ")
    frames = [] if frame is None else [frame]
    return Failure(type=name.rpartition(".")[2], text=rest, frames=frames, libraries=[], handed="", shown=tail(text))
