"""Requests as the lines of an access log."""

from __future__ import annotations

from datetime import datetime

import click

from ..control.views import RequestView
from . import columns, figures
from .columns import shorten

NARROW = 100
"""With fewer characters there is no room for sizes beside a request and its faults."""
LEAST = 8
"""So much of a request stands beside its faults, however narrow the terminal."""


_FIGURES = ("12.3 ms", "1.23 KB", "1.23 KB")


class Lines:
    """Writes requests one after the other, in columns that grow wider where they must."""

    def __init__(self, *, with_proxy: bool, with_caller: bool = False) -> None:
        self._with_proxy = with_proxy
        self._with_caller = with_caller
        words = [0] * (with_proxy + with_caller)
        self._widths = [len("12:34:56.789"), *words, len("200"), *map(len, _FIGURES)]

    def fit(self, view: RequestView) -> list[str]:
        """Return the columns before the request; from now on all have room for what these hold."""
        cells = [
            _clock(view["at"]),
            *([view["proxy"]] if self._with_proxy else []),
            *([_caller(view)] if self._with_caller else []),
            " ".join(word for word in (view["status"], view["end"]) if word),
            figures.duration(view["seconds"]),
            figures.size(view["request_bytes"]),
            figures.size(view["reply_bytes"]),
        ]
        self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)]
        return cells

    def line(self, view: RequestView, width: int) -> str:
        """Return a request as a line of at most `width` characters; the request is cut before the faults are."""
        cells = self.fit(view)
        words = len(cells) - len(_FIGURES)
        shown = len(cells) if width >= NARROW else words + 1
        head = columns.line(cells[:shown], self._widths[:shown], right=range(words, shown))
        faults = f"  <- {', '.join(view['faults'])}" if view["faults"] else ""
        room = max(LEAST, width - len(head) - 2 - len(faults))
        text = f"{head}  {shorten(_printable(view['request']), room)}"
        return text + click.style(shorten(faults, width - len(text)), fg="yellow", bold=True) if faults else text


def _caller(view: RequestView) -> str:
    """Return the program, in which container, and for which test of which worker; `-` where nobody knows."""
    test = view["test"].rpartition("::")[2]
    whose = " ".join(word for word in (view["container"], view["worker"], test) if word)
    return _printable(f"{view['caller'] or '-'}{f' ({whose})' if whose else ''}")


def _clock(at: str) -> str:
    """Return the local time of day, with milliseconds."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _printable(text: str) -> str:
    """Return the text without what would drive a terminal: it is a client's."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
