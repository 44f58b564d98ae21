"""Nothing at all."""

from __future__ import annotations

from ..fault import Fault
from ..segment import Kind, Stage, StageContext


class Noop(Fault, frozen=True):
    """Does nothing: everything passes as it came.

    The client sees no difference.

    Use it to measure what a fault costs that does nothing.
    """

    name = "noop"
    inert = True

    def start(self, context: StageContext) -> Stage:
        """Start to pass everything on."""
        return lambda segment: () if segment.kind is Kind.OPEN else (segment,)
