"""A connection from the tests' process: what it says, and our answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

LONGEST = 1 << 20
"""Bytes that one message may have."""


class Line:
    """Messages, each of which waits for an answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.ended = False
        """Whether the other side has hung up."""

    async def next(self) -> dict[str, Any] | None:
        """Return the next message; None when the other side has hung up, or was ended."""
        try:
            line = await self._reader.readline()
            if line.endswith(b"\n"):
                return dict(json.loads(line))
        except (OSError, ValueError):
            pass
        self.ended = True
        return None

    def answer(self, kind: str = "ok", **values: object) -> None:
        """Answer it."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps({"kind": kind, **values}).encode() + b"\n")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
