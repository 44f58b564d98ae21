"""status: what a running Brownout has, and what happened to it."""

from __future__ import annotations

import shutil
import sys

import click

from ..control.client_at import AnyClient
from . import complete
from .board import Line, Style, with_addresses
from .columns import shorten
from .options import api_option, examples, json_option, write_json

STYLES: dict[Style, dict[str, object]] = {
    "head": {"dim": True},
    "proxy": {"bold": True},
    "off": {"dim": True},
    "caller": {"dim": True},
    "fault": {"fg": "yellow"},
    "wrong": {"fg": "red"},
    "hint": {},
}


@click.command(epilog=examples("brownout status", "brownout status redis", "brownout status --json"))
@click.argument("name", required=False, metavar="[PROXY]", shell_complete=complete.proxies)
@click.option("--callers", is_flag=True, help="Show which programs connect, if that is known.")
@api_option
@json_option
def status(name: str | None, callers: bool, client: AnyClient, as_json: bool) -> None:
    """Show proxies, connections, bytes, and what each fault has hit."""
    health, proxies = client.health(), client.proxies() if name is None else [client.proxy(name)]
    if as_json:
        known = {key: value for key, value in health.items() if key != "status"}
        write_json({"api": client.where, **known, "proxies": proxies})
        return
    seed = "" if health["seed"] is None else f", seed {health['seed']}"
    click.secho(f"{client.noun} {health['version']} at {client.address.endpoint}{seed}\n", dim=True)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    lines = with_addresses(proxies, width, callers=callers) if proxies else []
    if not proxies:
        lines = [Line("no proxies; add one: brownout proxy add redis redis://127.0.0.1:6379", "hint")]
    elif not any(view["injections"] for view in proxies):
        hint = f"nothing is injected; try: brownout inject {proxies[0]['name']} latency:300ms"
        lines += [Line("", "hint"), Line(hint, "hint")]
    for line in lines:
        click.echo(click.style(shorten(line.text, width), **STYLES[line.style]))  # type: ignore[arg-type]  # options of any type
