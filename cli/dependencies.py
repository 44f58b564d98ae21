"""What a command talked to, as text: a table, and a configuration file to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import figures
from .columns import align

if TYPE_CHECKING:
    from ..control.dependencies import DependenciesView

_EPHEMERAL = 32768
_SHOWN = 10
"""How many lines of a kind are written; JSON has all."""
_UNSEEN = {
    "udp": "{} (UDP: only TCP is intercepted)",
    "io_uring": "connections that {} makes by io_uring, if any (libuv sets io_uring up for files)",
    "network": "{} has a network of its own",
    "mounts": "{} has mounts of its own, where a unix socket's path leads to another one",
    "inside": "{}, a server that COMMAND starts itself (`brownout verify` breaks it where the service uses it)",
    "closed": "{} does not let Brownout look into it",
    "error": "{}",
}
_NOTHING = "it talked to nothing over TCP"
_WRITTEN_OVER = (
    "this system does not let Brownout take sockets, so addresses were written over: sockets that take IPv6 alone, and "
    "unix sockets, were left alone"
)


def lines(view: DependenciesView) -> list[str]:
    """Return what a command talked to as a table, and what was not seen."""
    found = view["dependencies"]
    rows = [("NAME", "AT", "PROTOCOL", "CONNECTIONS", "SENT", "RECEIVED", "BY")]
    for each in found:
        counts = (str(each["connections"]), figures.size(each["sent"]), figures.size(each["received"]))
        callers = ", ".join(caller["program"] for caller in each["callers"])
        rows.append((each["name"], each["upstream"].partition("://")[2], each["protocol"], *counts, callers))
    table = align(rows, right=(3, 4, 5)) if found else [_NOTHING]
    return [
        *table,
        *_first("refused", [f"{at} ({figures.many(count, 'time')})" for at, count in view["refused"].items()]),
        *_first(
            "nothing said", [f"{at} ({figures.many(count, 'connection')})" for at, count in view["silent"].items()]
        ),
        *_first("not seen", [_UNSEEN[each["what"]].format(each["detail"]) for each in view["unseen"]]),
        *([] if view["taken"] else [f"note: {_WRITTEN_OVER}"]),
    ]


def _first(what: str, found: list[str]) -> list[str]:
    """Return a line for each, and where that is more than fit on a screen, how many more there are."""
    shown = found if len(found) <= _SHOWN + 1 else [*found[:_SHOWN], f"{len(found) - _SHOWN} more"]
    return [f"{what}: {each}" for each in shown]


def configuration(view: DependenciesView) -> str:
    """Return a file to start from: the proxies that would stand before these dependencies."""
    import yaml

    fixed = {each["name"]: each["upstream"] for each in view["dependencies"] if not _is_fleeting(each["upstream"])}
    fleeting = [each for each in view["dependencies"] if each["name"] not in fixed]
    text = "# What was found by `brownout deps`. With --intercept nothing else is needed:\n"
    text += "#   brownout run --intercept THIS_FILE --profile slow-network -- COMMAND\n"
    text += "# Without, a variable leads to a proxy:\n"
    text += '#   env: {DATABASE_URL: "{postgres.url}"}\n'
    text += yaml.safe_dump({"proxies": fixed}, sort_keys=False)
    for each in fleeting:
        text += f"# {each['name']} had a port that differs each time; --intercept finds it by this name.\n"
    return text


def _is_fleeting(upstream: str) -> bool:
    port = upstream.rpartition(":")[2]
    return port.isdecimal() and int(port) >= _EPHEMERAL
