"""The story, played on real servers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from ....testing import servers
from ....wire.errors import BrownoutError
from ...errors import CombinedError, show
from ..libraries import require
from . import page
from .clients import LIBRARIES, Client, Http, Postgres, Redis
from .judgement import Row, measure
from .service import service
from .shell import Shell, running
from .story import STORY, Step

NOT_AS_INJECTED = 1


def play() -> int:
    """Tell the story on real servers, and return the exit code: 1 where clients did not feel what was injected."""
    require(*LIBRARIES)
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        rows = _play(stack)
        page.title(
            "Measured beside injected",
            "Each takes at least what was injected, and at most half a second more: a machine has other work as well.",
        )
        page.table(rows)
    wrong = [(row.step.name, *each) for row in rows for each in row.wrong().items()]
    figures = sum(len(row.measured) for row in rows)
    page.title(
        f"{figures - len(wrong)} of {figures} figures are as injected; it took {time.monotonic() - begun:.0f} s."
    )
    if not wrong:
        page.say("Yours: brownout run -p NAME=UPSTREAM; what else can go wrong: brownout faults")
    for step, name, sentence in wrong:
        show(BrownoutError(f"{step} on {name}: {sentence}"))
    return NOT_AS_INJECTED if wrong else 0


def _play(stack: contextlib.ExitStack) -> list[Row]:
    """Tell the story, and return what was measured."""
    page.title(
        "Three dependencies, and a proxy before each",
        "Brownout stands between a service and what it depends on, and makes that fail on command. All is real here: "
        "the servers, the client libraries, the failures.",
    )
    page.say("")
    upstreams = _servers(stack)
    upstreams["http"] = f"http://{stack.enter_context(service())}"
    page.say("http      http.server in this process")
    shell = stack.enter_context(running(upstreams))
    address = shell.addresses()
    redis = Redis(f"redis://{address['redis']}")
    redis.fill()
    postgres = Postgres(f"postgres://postgres@{address['postgres']}/postgres")
    clients: dict[str, Client] = {"redis": redis, "postgres": postgres, "http": Http(address["http"])}
    for client in clients.values():
        stack.callback(client.close)
    return [_chapter(number, step, clients, shell) for number, step in enumerate(STORY, 1)]


def _servers(stack: contextlib.ExitStack) -> dict[str, str]:
    """Start the real servers, and return their URLs. Raises CombinedError with all that cannot be started."""
    urls: dict[str, str] = {}
    wrong: list[BrownoutError] = []
    for start in (servers.redis, servers.postgres):
        try:
            server = stack.enter_context(start())
        except BrownoutError as error:
            wrong.append(error)
        else:
            urls[server.kind] = server.url
            page.say(f"{server.kind:10}{server.program.name}, process {server.pid}")
    if wrong:
        raise CombinedError(wrong)
    return urls


def _chapter(number: int, step: Step, clients: Mapping[str, Client], shell: Shell) -> Row:
    """Inject, let each client ask, and heal."""
    page.title(f"{number}  {step.title}", step.why)
    words = {name: ["inject", name, step.fault] for name in clients if step.fault}
    lines = {name: page.typed(words[name]) if step.fault else name for name in clients}
    row = Row(step, {})
    for name, client in clients.items():
        page.begun(lines[name], max(map(len, lines.values())))
        if step.fault:
            try:
                shell.run(words[name])
            except BrownoutError:
                page.say("")  # the line had no end yet
                raise
        row.measured[name] = measure(step, client)
        page.felt(client.large if step.large else client.small, row.measured[name], good=name not in row.wrong())
    if step.fault:
        page.command(["heal"])
        shell.run(["heal"])
    return row
