"""toxiproxy: what toxiproxy-server is, with its flags, so that a container can swap the one for the other."""

from __future__ import annotations

import re
import sys

import click

from ..control import bearer
from ..control.toxiproxy import VERSION
from .options import examples

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class Flags(click.Command):
    """A command that takes flags as programs in Go do: with one dash or two, a switch also with `=true` or `=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read them as click would spell them."""
        switches = {
            name for each in self.params if isinstance(each, click.Option) and each.is_flag for name in each.opts
        }
        words = []
        for word in args:
            word = re.sub("^-(?=[a-z][a-z-])", "--", word)
            name, equals, value = word.partition("=")
            if not equals or name not in switches or value not in _BOOLEANS:
                words.append(word)
            elif _BOOLEANS[value]:
                words.append(name)
        try:
            return super().parse_args(ctx, words)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the usage is shown
            raise


@click.command(
    cls=Flags,
    epilog=examples(
        "brownout toxiproxy -host=0.0.0.0 -config=toxiproxy.json",
        "brownout toxiproxy --port 8475 --proxy-metrics",
    ),
)
@click.option("--host", default="localhost", metavar="HOST", help="Where the API listens.  [default: localhost]")
@click.option("--port", default=8474, type=click.IntRange(0, 65535), metavar="PORT", help="Its port.  [default: 8474]")
@click.option("--config", metavar="FILE", help="A JSON file with the proxies, as POST /populate takes it.")
@click.option("--seed", type=int, metavar="N", help="Random seed (default: random; always logged).")
@click.option(
    "--proxy-metrics", is_flag=True, help="Serve the bytes of each proxy at /metrics, under Toxiproxy's names."
)
@click.option("--runtime-metrics", is_flag=True, help="Serve figures of this process at /metrics.")
@click.option(
    "--token",
    metavar="TOKEN",
    envvar=bearer.VARIABLE,
    help=f"The token that the API asks for.  [env: {bearer.VARIABLE}]",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A host name with dots, or a glob, by which clients may call the API. Not needed with a token.",
)
@click.version_option(VERSION, message="toxiproxy-server version %(version)s")
def toxiproxy(
    host: str,
    port: int,
    config: str | None,
    seed: int | None,
    proxy_metrics: bool,
    runtime_metrics: bool,
    token: str | None,
    hosts: tuple[str, ...],
) -> None:
    """Replace toxiproxy-server: the same API, flags and log.

    Flags may have one dash or two. LOG_LEVEL is one of trace, debug (the default), info, warn, error, fatal, panic.
    """
    from ..control.guard import Guard
    from . import toxiproxy_server

    guard = Guard.of(token, hosts, viewable=())
    asked = toxiproxy_server.Asked(host, port, config, seed, guard, proxy_metrics, runtime_metrics)
    sys.exit(toxiproxy_server.run(asked))
