"""The live table of `run` on a terminal: written twice a second, and only where it has changed.

It is drawn while `run` is in the foreground. Behind `&`, and from ctrl-Z and `bg` on, the screen is the shell's; after
`fg` a new table begins below what the shell has written meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..control.views import ProxyView, proxy_view
from .board import Line, Rates, Style, with_rates
from .columns import shorten
from .output import Output, Screen

if TYPE_CHECKING:
    from ..proxy import Fleet

PERIOD = 0.5
NEWS = 3
"""How many lines of news stand below the table."""
STYLES: dict[Style, str] = {
    "head": "dim",
    "proxy": "bold",
    "off": "dim",
    "caller": "dim",
    "fault": "yellow",
    "wrong": "red",
    "hint": "",
}


class Table:
    """The table of a fleet, with the last lines of news below it, and with the programs that connect (`callers`)."""

    def __init__(self, fleet: Fleet, output: Output, *, callers: bool = False) -> None:
        self._callers = callers
        self._fleet = fleet
        self._output = output
        self._console = _console()
        self._live: Live | None = None
        self._news: deque[str] = deque(maxlen=NEWS)
        self._before: tuple[float, dict[str, Rates]] | None = None
        self._shown = ""

    def __enter__(self) -> Table:
        """Take the lower end of the terminal, once it is ours."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last table standing."""
        self._write()
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Show a line of news below the table."""
        self._news.append(line)

    def warn(self, line: str) -> None:
        """Write a line that matters where there is no table to show it."""
        if not self._output.is_foreground():
            self._output.say(line)

    def write_above(self, line: str) -> None:
        """Write a line above the table, where it stays."""
        if self._live is None or not self._output.is_foreground():
            self._output.say(line)
        else:
            self._console.print(line, markup=False, soft_wrap=True)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            self._write()
            await asyncio.sleep(PERIOD)

    def _write(self) -> None:
        if not self._output.is_foreground():
            self._live = None
            return
        if not self._output.is_ready():
            return
        live = self._live or self._begin()
        views = [proxy_view(proxy) for proxy in self._fleet.proxies.values()]
        lines = with_rates(views, self._rates(views), callers=self._callers) if views else []
        blank, news = Line("", "hint"), [Line(line, "head") for line in self._news]
        parts = [part for part in (lines, news) if part]
        text = _fitted([each for part in parts for each in (blank, *part)], *self._console.size)
        # An idle table costs a comparison.
        if (shown := repr(text)) != self._shown:
            self._shown = shown
            live.update(Text("\n").join(text), refresh=True)

    def _begin(self) -> Live:
        """Begin a table where the cursor is."""
        self._console, self._shown = _console(), ""
        self._live = Live(console=self._console, auto_refresh=False, redirect_stderr=False, redirect_stdout=False)
        self._live.start()
        self._console.show_cursor(True)  # whoever stops us by ctrl-Z types on
        return self._live

    def _rates(self, views: Sequence[ProxyView]) -> dict[str, Rates]:
        now = monotonic()
        counted = [(view["name"], view["bytes"]) for view in views]
        totals = {name: Rates(passed["upstream"], passed["downstream"]) for name, passed in counted if passed}
        then, before = self._before or (now, totals)
        self._before = now, totals
        passed = max(now - then, 1e-3)
        return {
            name: Rates((total.upstream - old.upstream) / passed, (total.downstream - old.downstream) / passed)
            for name, total in totals.items()
            for old in (before.get(name, total),)
        }


def _console() -> Console:
    screen = cast("TextIO", Screen(sys.stdout))  # all of it that a console uses
    return Console(file=screen, highlight=False)


def _fitted(lines: Sequence[Line], width: int, height: int) -> list[Text]:
    """Return the lines cut to the terminal, and a last one that says how many there are more."""
    room = max(2, height - 2)
    shown = list(lines) if len(lines) <= room else [*lines[: room - 1]]
    if len(shown) < len(lines):
        shown.append(Line(f"... and {len(lines) - len(shown)} lines more: brownout status", "hint"))
    # A line that fills the last column wraps on some terminals.
    return [Text(shorten(line.text, width - 1), style=STYLES[line.style], no_wrap=True) for line in shown]
