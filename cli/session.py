"""A `run` from its first socket to its last: proxies, API, what is shown, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..proxy import LIMITS, Event, Fleet, new_seed
from ..proxy.sockets import raise_file_limit
from ..wire.errors import BrownoutError
from . import child
from .environment import variables
from .errors import CombinedError
from .news import News
from .output import Output
from .plan import Plan
from .proxies import line
from .signals import Signals

if TYPE_CHECKING:
    from ..control.serve import Server


def run(plan: Plan) -> int:
    """Run a plan on uvloop, or on asyncio where there is none, and return the exit code. Raises BrownoutError."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_session(plan))
    except KeyboardInterrupt:  # where a loop takes no signal handlers
        return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.SelectorEventLoop  # Windows' own default has no readers, which listeners need
    return uvloop.new_event_loop


async def _session(plan: Plan) -> int:
    output = Output(sys.stderr if plan.command else sys.stdout)
    async with contextlib.AsyncExitStack() as stack:
        signals = stack.enter_context(Signals())
        limits = LIMITS if plan.dial is None else LIMITS._replace(dial=plan.dial)
        seed = new_seed() if plan.seed is None else plan.seed
        fleet = await stack.enter_async_context(Fleet(seed=seed, limits=limits))
        server = await _open(fleet, plan)
        if server is not None:
            stack.push_async_callback(server.close)
        stack.callback(signals.let_go)
        _announce(fleet, server, output)
        if not (fleet.proxies or plan.command):
            output.say("no proxies yet; add one: brownout proxy add redis redis://127.0.0.1:6379")
        if plan.command:
            found = variables(fleet.proxies.values(), None if server is None else server.address)
            with _heard(fleet, output.say, output.say):
                return await child.run(plan.command, found, signals, started=raise_file_limit)
        raise_file_limit()
        if output.is_terminal:
            await _watch(fleet, output, signals)
        else:
            with _heard(fleet, output.say, output.say):
                await signals.next()
        return 0


async def _open(fleet: Fleet, plan: Plan) -> Server | None:
    """Let everything listen. Raises CombinedError with all that could not."""
    wrong: list[BrownoutError] = []
    server: Server | None = None
    for entry in plan.proxies:
        try:
            await fleet.add(entry.name, entry.upstream, entry.listen)
        except BrownoutError as error:
            wrong.append(error)
    if plan.api is not None:
        from ..control.serve import serve

        try:
            server = await serve(fleet, plan.api)
        except BrownoutError as error:
            wrong.append(error)
    if wrong:
        if server is not None:
            await server.close()
        raise CombinedError(wrong)
    return server


def _announce(fleet: Fleet, server: Server | None, output: Output) -> None:
    for name in fleet.proxies:
        output.say(_where(fleet, name))
    output.say(f"api {server.address.endpoint if server else 'none'}")
    output.say(f"seed {fleet.seed}")


def _where(fleet: Fleet, name: str) -> str:
    proxy = fleet.proxies[name]
    return line(name, proxy.address and proxy.address.endpoint, proxy.upstream.masked)


async def _watch(fleet: Fleet, output: Output, signals: Signals) -> None:
    from .live import Table

    with Table(fleet, output) as table, _heard(fleet, table.write_above, table.say):
        task = asyncio.get_running_loop().create_task(table.run())
        try:
            await signals.next()
        finally:
            task.cancel()


@contextlib.contextmanager
def _heard(fleet: Fleet, say_where: Callable[[str], None], say_news: Callable[[str], None]) -> Iterator[None]:
    """Say what the journal hears: where proxies are, and the news."""
    news = News()
    known = set(fleet.proxies)

    def hear(event: Event) -> None:
        # Adding a proxy enables it as well: one line is enough.
        if event.kind == "proxy_added" or (event.kind == "proxy_enabled" and event.proxy in known):
            known.add(event.proxy)
            say_where(_where(fleet, event.proxy))
        elif event.kind == "proxy_removed":
            known.discard(event.proxy)
        if (text := news.line(event)) is not None:
            say_news(text)

    fleet.journal.listeners.add(hear)
    try:
        yield
    finally:
        fleet.journal.listeners.discard(hear)
