"""Stages for a part of one message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .action import Hold, Shape
from .segment import Kind, Segment, Stage, StageContext


def begun(action: Hold | Shape, head: int) -> Callable[[StageContext], Stage]:
    """Return how to start the stage that holds or shapes a message whose head has so many bytes."""
    if isinstance(action, Hold):
        start, part = _held(action.seconds), "body" if action.body else "whole"
    else:
        start, part = action.start, action.part
    if part == "whole":
        return start
    return lambda context: _within(start(context), head, before=part == "head")


def _held(seconds: float) -> Callable[[StageContext], Stage]:
    def stage(segment: Segment) -> Iterable[Segment]:
        return () if segment.kind is Kind.OPEN else (segment._replace(at=segment.at + seconds),)

    return lambda context: stage


def _within(stage: Stage, border: int, *, before: bool) -> Stage:
    """Return a stage for what comes before the border, in bytes of the message, or for what comes behind it."""
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
