"""`brownout toxiproxy` from its first socket to its last."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..control.guard import Guard
from ..control.serve import serve
from ..control.toxiproxy import VERSION
from ..control.toxiproxy.api import Toxiproxy
from ..control.toxiproxy.gohttp import ToxiproxyError
from ..control.toxiproxy.gojson import decode
from ..faults.segment import Kind
from ..proxy import Fleet, new_seed
from ..proxy.system.sockets import raise_file_limit
from ..wire.errors import BrownoutError
from .loop import freeze, on_a_loop
from .signals import Signals
from .toxiproxy_log import Log

if TYPE_CHECKING:
    from aiohttp import web


class Asked(NamedTuple):
    """What the command line says."""

    host: str
    port: int
    config: str | None
    seed: int | None
    guard: Guard
    proxy_metrics: bool
    runtime_metrics: bool

    @property
    def api(self) -> str:
        """`HOST:PORT`; no host is every interface, as Go has it."""
        host = self.host or "0.0.0.0"  # noqa: S104 (what the user asked for)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def metrics(self, app: web.Application, fleet: Fleet) -> None:
        """Let an application answer `/metrics`, if that is asked for."""
        if self.proxy_metrics or self.runtime_metrics:
            from ..control.toxiproxy.metrics import add_toxiproxy_metrics  # slow to import, and seldom wanted

            add_toxiproxy_metrics(app, fleet, proxies=self.proxy_metrics, runtime=self.runtime_metrics)


def run(asked: Asked) -> int:
    """Serve until a signal comes, and return the exit code. Raises BrownoutError where the API cannot listen."""
    return on_a_loop(lambda: _serve(asked))


async def _serve(asked: Asked) -> int:
    log = Log(sys.stdout)
    if level := os.environ.get("LOG_LEVEL"):
        log.set(level)
    seed = new_seed() if asked.seed is None else asked.seed
    async with contextlib.AsyncExitStack() as stack:
        signals = stack.enter_context(Signals())
        fleet = await stack.enter_async_context(Fleet(seed=seed, undialled=Kind.CLOSE))
        fleet.journal.listeners.add(log.hear)
        log.write(
            "info", "Starting Toxiproxy", version=VERSION, brownout=importlib.metadata.version("brownout"), seed=seed
        )

        async def populate(toxiproxy: Toxiproxy) -> None:
            if asked.config:
                await _populate(toxiproxy, asked.config, log)

        try:
            server = await serve(fleet, asked.api, asked.guard, metrics=asked.metrics, first=populate)
        except BrownoutError as error:
            raise BrownoutError(
                error.message, "choose another --host or --port, or end the process that has it"
            ) from None
        stack.push_async_callback(server.close)
        stack.callback(signals.let_go)
        where = server.address.endpoint
        log.write("info", "Starting Toxiproxy HTTP server", address=where)
        if server.is_open:
            log.write("warn", f"everyone who reaches {where} can change all of this; a --token prevents that")
        raise_file_limit()
        freeze()
        number = await signals.next()
        log.write("info", "Shutting down", signal=number.name)
    return 0


async def _populate(toxiproxy: Toxiproxy, path: str, log: Log) -> None:
    """Make the proxies of a file; what is wrong with it is logged, and those before it stay."""
    try:
        made = await toxiproxy.populate(decode(Path(path).read_bytes()), toxics=True)
    except OSError as error:
        log.write("error", "the config file cannot be read", config=path, error=error.strerror or str(error))
    except BrownoutError as error:
        proxies = error.proxies if isinstance(error, ToxiproxyError) else None
        log.write("error", "the config file is wrong", config=path, error=error.message, proxies=len(proxies or ()))
    else:
        log.write("info", "Populated proxies from file", config=path, proxies=len(made))
