"""What `brownout toxiproxy` says: a JSON object a line, as toxiproxy-server logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from ..control.receipts import moment
from ..proxy.record.event import (
    AcceptFailed,
    ConnectionClosed,
    ConnectionOpened,
    DialFailed,
    Event,
    Fired,
    ListenFailed,
    ToxicLeftOut,
)
from .output import LONGEST, Output

if TYPE_CHECKING:
    from ..proxy import Recorded

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "panic")
"""What LOG_LEVEL may be, the most talkative first."""
USUAL = "debug"

_LEVELS_OF_KINDS: dict[type[Event], str] = {
    ConnectionOpened: "debug",
    ConnectionClosed: "debug",
    Fired: "debug",
    ToxicLeftOut: "warn",
    AcceptFailed: "error",
    DialFailed: "error",
    ListenFailed: "error",
}


class Log(Output):
    """Lines of JSON at a level or above; one that nobody takes is left out and counted."""

    level = USUAL

    def set(self, level: str) -> None:
        """Set the level; one that there is not is an error in the log."""
        if level.lower() in LEVELS:
            self.level = level.lower()
        else:
            self.write("error", f"unknown LOG_LEVEL '{level}'", known=LEVELS)

    def write(self, level: str, message: str, **fields: object) -> None:
        """Log something, and what there is to know of it."""
        if LEVELS.index(level) >= LEVELS.index(self.level):
            self.say(_line(level, message, fields))

    def hear(self, recorded: Recorded) -> None:
        """Log an event of the journal."""
        event = recorded.event
        level = _LEVELS_OF_KINDS.get(type(event), "info")
        self.write(level, event.kind.replace("_", " "), **msgspec.structs.asdict(event))

    def missed(self, lines: int) -> str:
        """Return a line in place of lines that were left out."""
        return _line("warn", "lines left out, nobody read them", {"lines": lines})


def _line(level: str, message: str, fields: dict[str, object]) -> str:
    head = {"level": level, "time": moment(time.time()), "message": message}
    line = msgspec.json.encode({**head, **fields}, enc_hook=str)
    return (line if len(line) < LONGEST else msgspec.json.encode({**head, "message": message[: LONGEST // 8]})).decode()
