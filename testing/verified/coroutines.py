"""Where the tasks of asyncio wait: a stack of a thread ends at its event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from types import FrameType
from typing import IO, Any

_AWAITED = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))
"""The frame, and what it waits for, of coroutines, generators and asynchronous generators."""


def write(file: IO[str]) -> None:
    """Write the stack of each task that waits, as faulthandler writes those of threads: the innermost frame first.

    The task that was made last comes first: a request waits for those that it has made, and a poller is older.
    """
    for task in _young_first():
        file.write(f"\n\nTask {task.get_name()} (most recent call first):\n")
        for frame in reversed([*_frames(task.get_coro())]):
            file.write(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_name}\n')
    file.flush()


def _young_first() -> Iterator[asyncio.Task[Any]]:
    """Yield the tasks that wait. The collector has them by age, though not exactly; names with numbers are exact."""
    objects = (each for generation in range(3) for each in reversed(gc.get_objects(generation)))
    tasks = [each for each in objects if issubclass(type(each), asyncio.Task) and not each.done()]
    counted = sorted((each for each in tasks if _number(each)), key=_number)
    for task in tasks:
        yield counted.pop() if _number(task) else task


def _number(task: asyncio.Task[Any]) -> int:
    """Return the number of a task that asyncio named: `Task-7`; else 0."""
    number = task.get_name().removeprefix("Task-")
    return int(number) if number.isdecimal() else 0


def _frames(awaited: Any) -> Iterator[FrameType]:
    """Yield the frames of what a task waits for, outermost first."""
    while awaited is not None:
        frame, inner = next((each for each in _AWAITED if hasattr(awaited, each[0])), ("", ""))
        if not frame:
            return
        if (found := getattr(awaited, frame)) is not None:
            yield found
        awaited = getattr(awaited, inner)
