"""A `run` from its first socket to its last: proxies, API, what is shown, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING

from ..faults.config.mapping import mapping
from ..faults.config.problem import listed
from ..proxy import LIMITS, Fleet, Recorded, new_seed
from ..proxy.record.event import ProxyAdded, ProxyEnabled
from ..proxy.system.sockets import raise_file_limit
from ..wire.errors import BrownoutError
from . import child, errors, figures, intercepting, summary
from .environment import filled, variables
from .errors import CombinedError
from .loop import freeze, on_a_loop
from .news import TROUBLE, News, wrong_in
from .output import Output
from .plan import Plan
from .proxies import line, unknown_note
from .reload import Reloader
from .report import Report
from .signals import Signals

if TYPE_CHECKING:
    from ..control.serve import Server
    from ..control.verdicts.expectations import Expectations
    from ..proxy.intercept import Interception

WRONG = 2


def run(plan: Plan) -> int:
    """Run a plan and return the exit code. Raises BrownoutError."""
    return on_a_loop(lambda: _session(plan))


async def _session(plan: Plan) -> int:
    output = Output(sys.stderr if plan.command else sys.stdout)
    async with contextlib.AsyncExitStack() as stack:
        signals = stack.enter_context(Signals())
        limits = LIMITS if plan.dial is None else LIMITS._replace(dial=plan.dial)
        seed = new_seed() if plan.seed is None else plan.seed
        fleet = await stack.enter_async_context(Fleet(seed=seed, limits=limits, show_values=plan.show_values))
        fleet.meets = plan.intercept is not None
        fleet.names_callers = plan.callers
        report = None
        if plan.report is not None:
            report = Report(fleet, plan.report, _without(plan.guard.token, plan.command), plan.expected)
        server = await _open(fleet, plan)
        if server is not None:
            stack.push_async_callback(server.close)
        stack.callback(signals.let_go)
        if plan.told is None:
            _announce(fleet, server, output)
        if plan.command and plan.env:
            output.say(f"env {listed(plan.env)} {'points' if len(plan.env) == 1 else 'point'} at the proxies")
        if plan.file is not None and plan.config is not None:
            reloader = Reloader(fleet, plan.file, plan.config, watch=plan.watch)
            stack.enter_context(_task(reloader.run()))
            signals.hangup = reloader.ask
        freeze()
        if not (fleet.proxies or plan.command):
            output.say("no proxies yet; add one: brownout proxy add redis redis://127.0.0.1:6379")
        interception = None
        if plan.intercept is not None:
            interception = await intercepting.begin(fleet, plan.intercept, plan.told, server, stack)
        code = await _last(fleet, server, plan, output, signals, interception)
        failed = ""
        if plan.command:
            code, failed = _judge(fleet, plan, code, output)
        if interception is not None and not (plan.quiet and plan.told is None):
            code = intercepting.tell(
                fleet, interception, plan.told or intercepting.Told(prefix="brownout: "), code, output
            )
        code = code if report is None else _write(report, code, output)
        if failed:
            output.say(f"brownout: {failed}")
        return code


async def _last(
    fleet: Fleet,
    server: Server | None,
    plan: Plan,
    output: Output,
    signals: Signals,
    interception: Interception | None,
) -> int:
    """Wait for the end, and return the exit code."""
    if plan.command:
        found = variables(fleet.proxies.values(), None if server is None else server.address, plan.guard.token)
        found |= mapping(filled(plan.env, fleet.proxies), os.environ)
        supervised = None if interception is None else interception.command
        with contextlib.nullcontext() if plan.told else _heard(fleet, output.say, output.say):
            return await child.run(plan.command, found, signals, raise_file_limit, supervised)
    raise_file_limit()
    if output.is_terminal:
        await _watch(fleet, output, signals)
    else:
        with _heard(fleet, output.say, output.say):
            await signals.next()
    return 0


def _judge(fleet: Fleet, plan: Plan, code: int, output: Output) -> tuple[int, str]:
    """Say what the faults did; return the exit code, and what --strict fails on, if it does."""
    asked = fleet.asked()
    if not plan.quiet and (asked or code not in (child.NOT_FOUND, child.NOT_EXECUTABLE)):
        for text in summary.lines(asked):
            output.say(f"brownout: {text}")
    for text in summary.warnings(asked):
        output.say(f"brownout: {text}")
    if plan.verdicts:
        _say_findings(fleet, plan.expected, output)
    failed = summary.verdict(asked) if plan.strict and code == 0 else ""
    return (summary.VACUOUS if failed else code), failed


def _say_findings(fleet: Fleet, expected: Expectations, output: Output) -> None:
    """Say what the clients did that makes failures worse."""
    from ..control.verdicts.judged import judged

    found = judged(fleet, expected)
    for each in found:
        output.say(f"brownout: {each['level']} on {each['proxy']}: {each['rule']}: {each['text']}")
        output.say(f"  {each['evidence']}")
    if not found:
        output.say("brownout: verdicts: nothing was found")


def _write(report: Report, code: int, output: Output) -> int:
    try:
        report.write(code)
    except BrownoutError as error:
        errors.show(error)
        return code or WRONG
    output.say(f"report {report.path}")
    return code


def _without(token: str, words: Sequence[str]) -> list[str]:
    return [word.replace(token, "***") if token else word for word in words]


@contextlib.contextmanager
def _task(work: Coroutine[None, None, None]) -> Iterator[None]:
    """Let something run beside, until the end."""
    task = asyncio.get_running_loop().create_task(work)
    # A mistake of ours: the loop reports it.
    task.add_done_callback(lambda task: None if task.cancelled() else task.result())
    try:
        yield
    finally:
        task.cancel()


async def _open(fleet: Fleet, plan: Plan) -> Server | None:
    """Let everything listen, profiles applied before. Raises CombinedError with all that could not."""
    wrong: list[BrownoutError] = []
    server: Server | None = None
    fleet.profiles = plan.config.profiles if plan.config else {}

    def apply() -> None:
        for profile in plan.profiles:
            try:
                fleet.launch.apply(profile)
            except BrownoutError as error:
                wrong.append(error)

    wrong += errors.named(await fleet.add_all(plan.proxies, then=apply))
    if plan.api is not None:
        from ..control.serve import serve

        try:
            server = await serve(fleet, plan.api, plan.guard)
        except BrownoutError as error:
            wrong.append(error)
    if wrong:
        if server is not None:
            await server.close()
        raise CombinedError(wrong)
    return server


def _announce(fleet: Fleet, server: Server | None, output: Output) -> None:
    for name, proxy in fleet.proxies.items():
        output.say(_where(fleet, name))
        if proxy.upstream.unknown:
            output.say(unknown_note(proxy.upstream))
    for name, placed in fleet.applied.items():
        output.say(f"profile {name} applied: {figures.many(len(placed), 'injection')}")
    output.say(f"api {server.address.endpoint if server else 'none'}")
    if server is not None and server.is_open:
        output.say(
            f"warning: everyone who reaches {server.address.endpoint} can change all of this; a --token prevents that"
        )
    output.say(f"seed {fleet.seed}")


def _where(fleet: Fleet, name: str) -> str:
    proxy = fleet.proxies[name]
    if proxy.expected:
        return f"proxy {name} waits for COMMAND to connect there"
    return line(name, proxy.address and proxy.address.endpoint, proxy.upstream.masked)


async def _watch(fleet: Fleet, output: Output, signals: Signals) -> None:
    from .live import Table

    shown = Table(fleet, output, callers=fleet.names_callers)
    with shown as table, _heard(fleet, table.write_above, table.say), _warned(fleet, table.warn):
        task = asyncio.get_running_loop().create_task(table.run())
        try:
            await signals.next()
        finally:
            task.cancel()


@contextlib.contextmanager
def _heard(fleet: Fleet, say_where: Callable[[str], None], say_news: Callable[[str], None]) -> Iterator[None]:
    """Say what the journal hears: where proxies are, what is wrong with a file, and the news."""
    news = News()

    def hear(recorded: Recorded) -> None:
        match recorded.event:
            # A proxy that is added is most often enabled as well: one line is enough.
            case ProxyEnabled(proxy=name) | ProxyAdded(proxy=name, enabled=False):
                say_where(_where(fleet, name))
        for text in wrong_in(recorded.event):
            say_where(text)
        if (said := news.line(recorded)) is not None:
            say_news(said)

    fleet.journal.listeners.add(hear)
    try:
        yield
    finally:
        fleet.journal.listeners.discard(hear)


@contextlib.contextmanager
def _warned(fleet: Fleet, warn: Callable[[str], None]) -> Iterator[None]:
    """Say what goes wrong."""
    news = News()

    def hear(recorded: Recorded) -> None:
        if isinstance(recorded.event, TROUBLE) and (said := news.line(recorded)) is not None:
            warn(said)

    fleet.journal.listeners.add(hear)
    try:
        yield
    finally:
        fleet.journal.listeners.discard(hear)
