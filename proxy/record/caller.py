"""Who made a connection."""

from __future__ import annotations

from ...supervisor.process import Process


class Caller:
    """The process whose connection it is, by its number, and its program: `psql`, `python app.py`."""

    __slots__ = ("who",)

    def __init__(self, who: Process) -> None:
        self.who = who

    @property
    def process(self) -> int:
        """The number of the process."""
        return self.who.number

    @property
    def program(self) -> str:
        """Its program; no other word of its command line."""
        return self.who.program
