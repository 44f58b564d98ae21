"""The stage that holds or shapes one message of an exchange, or its head or body alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .action import Hold, Shape
from .segment import Kind, Segment, Stage, StageContext


def starter(action: Hold | Shape, head_size: int, *, pauses: bool = False) -> Callable[[StageContext], Stage]:
    """Return the function that starts the stage of a message. `head_size` is the length of its head in bytes.

    `pauses`: the sender waits for an answer to the head before it sends the body, which is as late as the head then.
    """
    if isinstance(action, Hold):
        start, part = _held(action.seconds), "body" if action.body else "head" if pauses else "whole"
    else:
        start, part = action.start, action.part
    if part == "whole":
        return start
    return lambda context: _within(start(context), head_size, before=part == "head")


def _held(seconds: float) -> Callable[[StageContext], Stage]:
    def stage(segment: Segment) -> Iterable[Segment]:
        return () if segment.kind is Kind.OPEN else (segment._replace(at=segment.at + seconds),)

    return lambda context: stage


def _within(stage: Stage, border: int, *, before: bool) -> Stage:
    """Return a stage that acts only before, or only behind, the `border`: a position in the message, in bytes."""
    passed = 0

    def within(segment: Segment) -> Iterable[Segment]:
        nonlocal passed
        if segment.kind is not Kind.DATA:
            return () if segment.kind is Kind.OPEN else (segment,)
        cut = max(0, border - passed)
        passed += len(segment.data)
        return parts(segment._replace(data=segment.data[:cut]), segment._replace(data=segment.data[cut:]))

    def parts(head: Segment, body: Segment) -> Iterator[Segment]:
        for each, shaped in ((head, before), (body, not before)):
            if each.data:
                yield from stage(each) if shaped else (each,)

    return within
