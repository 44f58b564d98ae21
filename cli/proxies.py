"""proxy: add, rm, enable, disable."""

from __future__ import annotations

import click

from ..control.client_at import AnyClient
from ..control.views import ProxyView
from ..wire.address import Address
from . import complete
from .group import Group
from .meant import PROXY_MEANT
from .options import api_option, examples, json_option, write_json
from .upstream import full


@click.group(cls=Group, meant=lambda: PROXY_MEANT)
def proxy() -> None:
    """Add, remove, enable or disable proxies of a running Brownout."""


@proxy.command(
    epilog=examples(
        "brownout proxy add redis redis://127.0.0.1:6379",
        "brownout proxy add db postgres://127.0.0.1:5432 --listen 127.0.0.1:15432",
    )
)
@click.argument("name")
@click.argument("upstream", required=False, metavar="UPSTREAM")
@click.option(
    "--listen",
    default="127.0.0.1:0",
    metavar="ADDRESS",
    help="Where it listens: HOST:PORT or unix:///path (default: a free port).",
)
@click.option("--disabled", is_flag=True, help="Do not listen yet.")
@api_option
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    name: str,
    upstream: str | None,
    listen: str,
    disabled: bool,
    client: AnyClient,
    as_json: bool,
) -> None:
    """Add a proxy NAME in front of UPSTREAM: a URL, HOST:PORT or a port of this machine."""
    if upstream is None:  # as -p of run takes it
        name, _, upstream = name.partition("=")
    if not upstream:
        raise click.MissingParameter(
            ctx=ctx, param=next(each for each in ctx.command.params if each.name == "upstream")
        )
    _answer(client.add(name, full(name, upstream), listen, enabled=not disabled), as_json)


@proxy.command(epilog=examples("brownout proxy rm redis"))
@click.argument("name", shell_complete=complete.proxies)
@api_option
@json_option
def rm(name: str, client: AnyClient, as_json: bool) -> None:
    """Remove the proxy NAME and close its connections."""
    client.remove(name)
    if as_json:
        write_json({"removed": name})
    else:
        click.echo(f"removed {name}")


@proxy.command(epilog=examples("brownout proxy enable redis"))
@click.argument("name", shell_complete=complete.proxies)
@api_option
@json_option
def enable(name: str, client: AnyClient, as_json: bool) -> None:
    """Let the proxy NAME listen again."""
    _answer(client.update(name, enabled=True), as_json)


@proxy.command(epilog=examples("brownout proxy disable redis"))
@click.argument("name", shell_complete=complete.proxies)
@api_option
@json_option
def disable(name: str, client: AnyClient, as_json: bool) -> None:
    """Make the proxy NAME refuse new connections, and close the open ones."""
    _answer(client.update(name, enabled=False), as_json)


def line(name: str, address: str | None, upstream: str) -> str:
    """Write where a proxy stands: `proxy redis 127.0.0.1:40000 -> redis://127.0.0.1:6379`."""
    return f"proxy {name} {address or 'disabled'} -> {upstream}"


def unknown_note(upstream: Address) -> str:
    """Say that nobody knows an upstream's scheme."""
    return f"note:  {upstream.scheme}:// is not known, so it is carried as tcp"


def _answer(view: ProxyView, as_json: bool) -> None:
    if as_json:
        write_json(view)
    else:
        click.echo(line(view["name"], view["address"], view["upstream"]))
        if (upstream := Address.upstream(view["upstream"])).unknown:
            click.echo(unknown_note(upstream), err=True)
