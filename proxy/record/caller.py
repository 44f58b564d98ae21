"""Who made a connection."""

from __future__ import annotations

from typing import NamedTuple


class Caller(NamedTuple):
    """A process, by number, and its program: `psql`, `python app.py`; no other word of its command line."""

    process: int
    program: str
