"""The board: proxies with their counts, and under each what is injected and what went wrong.

`status` writes it once, the live display of `run` twice a second. It makes lines with a style each, and leaves it to
those who show them how a style looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from ..control.views import ProxyCallerView, ProxyView
from ..faults.injection_line import fault_and_settings
from ..wire.address import NOT_MET
from ..wire.protocols import AUTO
from . import figures
from .columns import align, shorten

Style = Literal["head", "proxy", "off", "caller", "fault", "wrong", "hint"]


class Line(NamedTuple):
    """A line, and what it is."""

    text: str
    style: Style


class Rates(NamedTuple):
    """Bytes per second of a proxy's two streams."""

    upstream: float
    downstream: float


def with_addresses(proxies: Sequence[ProxyView], width: int, *, callers: bool = False) -> list[Line]:
    """Return the board with where each proxy listens and what it stands before, which is cut to fit the width.

    With `callers` it has the programs that connect to each, as far as they are known.
    """
    head = ("PROXY", "LISTEN -> UPSTREAM", "CONNECTIONS", "TURNS", "SENT", "RECEIVED")
    rows: list[tuple[str, ...]] = [
        (view["name"], _where(view), _connections(view), _turns(view), *_sizes(view)) for view in proxies
    ]
    lines = _board([head, *rows], proxies, right=(2, 3, 4, 5), callers=callers)
    excess = len(lines[0].text) - width
    if excess <= 0:
        return lines
    room = max(len(head[1]), max(len(row[1]) for row in rows) - excess)
    rows = [(name, shorten(where, room), *counts) for name, where, *counts in rows]
    return _board([head, *rows], proxies, right=(2, 3, 4, 5), callers=callers)


def with_rates(proxies: Sequence[ProxyView], rates: Mapping[str, Rates], *, callers: bool = False) -> list[Line]:
    """Return the board with bytes per second, and with the `callers` as above."""
    # Wide enough for any figure, so that the table stands still.
    head = ("PROXY", "CONNECTIONS", "TURNS", "SENT".rjust(8), "SENT/S".rjust(9), "RECEIVED", "RECEIVED/S")
    rows = []
    for view in proxies:
        sent, received = _sizes(view)
        now = rates.get(view["name"], Rates(0, 0))
        counts = (_connections(view), _turns(view))
        rows.append((view["name"], *counts, sent, figures.rate(now.upstream), received, figures.rate(now.downstream)))
    return _board([head, *rows], proxies, right=(1, 2, 3, 4, 5, 6), callers=callers)


def _board(
    rows: Sequence[Sequence[str]], proxies: Sequence[ProxyView], right: Sequence[int], *, callers: bool
) -> list[Line]:
    head, *bodies = align(rows, right)
    known = [_caller(each) for view in proxies if callers for each in view["callers"]]
    clients = iter(align(known or [("",)], right=(1, 2, 3)))
    faults = iter(align([_fault(each) for view in proxies for each in view["injections"]] or [("",)]))
    lines = [Line(head, "head")]
    for body, view in zip(bodies, proxies, strict=True):
        lines.append(Line(body, "proxy" if view["enabled"] else "off"))
        lines += [Line(f"  {next(clients)}", "caller") for _ in view["callers"] if callers]
        lines += [Line(f"  {next(faults)}", "fault") for _ in view["injections"]]
        if view["trouble"]:
            lines.append(Line(f"  does not listen: {view['trouble']}", "wrong"))
        if view["errors"]:
            wrong = ", ".join(f"{reason.replace('_', ' ')}: {count}" for reason, count in view["errors"].items())
            lines.append(Line(f"  {wrong}", "wrong"))
    return lines


def _caller(view: ProxyCallerView) -> tuple[str, str, str, str]:
    whose = ", ".join(each for each in (view["container"], view["worker"]) if each)
    name = f"by {view['program']}" + (f" ({whose})" if whose else "")
    sent, received = figures.size(view["sent"]), figures.size(view["received"])
    return name, figures.many(view["connections"], "connection"), f"sent {sent}", f"received {received}"


def _fault(injection: Mapping[str, object]) -> tuple[str, str, str]:
    return str(injection["name"]), figures.counts(injection), fault_and_settings(injection)


def _where(view: ProxyView) -> str:
    if view["upstream"] == NOT_MET:
        return NOT_MET
    learnt = f" ({view['protocol']})" if view["upstream"].startswith(AUTO) and view["protocol"] != AUTO else ""
    if view["upstream"] == NOT_MET:
        return NOT_MET
    return f"{view['address'] or 'disabled'} -> {view['upstream']}{learnt}"


def _connections(view: ProxyView) -> str:
    counts = view["connections"]
    return "-" if counts is None else f"{counts['open']}/{counts['total']}"


def _turns(view: ProxyView) -> str:
    return "-" if view["turns"] is None else str(view["turns"])


def _sizes(view: ProxyView) -> tuple[str, str]:
    passed = view["bytes"]
    return ("-", "-") if passed is None else (figures.size(passed["upstream"]), figures.size(passed["downstream"]))
