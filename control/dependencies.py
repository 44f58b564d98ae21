"""What an intercepted command talked to, as JSON has it: `brownout deps --json`, and the report of a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from ..proxy import Fleet, Proxy
    from ..proxy.intercept import Interception


class CallerView(TypedDict):
    """A program, and what it sent to a dependency and received, in bytes."""

    program: str
    connections: int
    sent: int
    received: int


class DependencyView(TypedDict):
    """What a command talked to. `errors` counts why connections could not be had or opened."""

    name: str
    protocol: str
    upstream: str
    """Without its password."""
    connections: int
    sent: int
    received: int
    requests: int
    """How many requests it was asked; 0 where its protocol is not parsed."""
    errors: dict[str, int]
    callers: list[CallerView]


class UnseenView(TypedDict):
    """What is not intercepted: `udp`, `io_uring`, `network`, `closed`, `inside`, or an `error`, and where or by whom.

    `inside`: who connects to a server that the command has started itself, and to which program.
    `network`: a program in a network namespace of its own. `closed`: one that does not let Brownout look into it.
    """

    what: str
    detail: str


class DependenciesView(TypedDict):
    """All of it. `refused` are destinations that never took a connection, with how often that was tried.

    `silent` are those at which a client connected and left, and nobody had spoken yet, with how often.
    """

    dependencies: list[DependencyView]
    refused: dict[str, int]
    silent: dict[str, int]
    unseen: list[UnseenView]
    taken: bool
    """Whether connections could be taken themselves: else the addresses that programs pass were written over."""


def dependencies_view(fleet: Fleet, interception: Interception) -> DependenciesView:
    """Return what is known now of what the command talked to, in the order of meeting it."""
    return DependenciesView(
        dependencies=[_view(proxy) for proxy in fleet.proxies.values() if proxy.by_caller()],
        refused=dict(interception.refused),
        silent=dict(interception.silent),
        unseen=[
            UnseenView(what=what, detail=each)
            for what, found in interception.unseen.items()
            for each in found
            # Who looks up a name with several addresses asks the system by UDP sockets which one is near.
            if what != "udp" or each not in interception.destinations
        ],
        taken=interception.command.takes,
    )


def _view(proxy: Proxy) -> DependencyView:
    programs: dict[str, Counter[str]] = {}
    for (program, *_), said in proxy.by_caller().items():
        programs.setdefault(program, Counter()).update(said)
    callers = [
        CallerView(program=program, connections=said["connections"], sent=said["sent"], received=said["received"])
        for program, said in programs.items()
    ]
    return DependencyView(
        name=proxy.name,
        protocol=proxy.upstream.protocol,
        upstream=proxy.upstream.masked,
        connections=sum(each["connections"] for each in callers),
        sent=sum(each["sent"] for each in callers),
        received=sum(each["received"] for each in callers),
        requests=sum(tally.outcomes.total() for tally in proxy.operations.tallies.values()),
        errors=dict(proxy.errors),
        callers=callers,
    )
