"""log: the requests that a running Brownout carried."""

from __future__ import annotations

import shutil
import sys

import click

from ..control.client_at import AnyClient
from ..control.views import MissedView, RequestView
from ..wire.protocols import AUTO, dialect_of
from . import complete
from .options import api_option, examples, json_option
from .request_lines import Lines

TAIL = 100
"""How many lines a person wants to see."""


@click.command(
    epilog=examples("brownout log", "brownout log --follow", "brownout log payments --lines 1000 | grep http.status")
)
@click.argument("proxy", required=False, shell_complete=complete.proxies)
@click.option("-f", "--follow", is_flag=True, help="Continue with each request as it ends, until ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"The last N requests only.  [default: {TAIL} at a terminal, else all of the last 10000]",
)
@click.option("--callers", is_flag=True, help="Show which program sent each request, if that is known.")
@api_option
@json_option
def log(proxy: str | None, follow: bool, lines: int | None, callers: bool, client: AnyClient, as_json: bool) -> None:
    """Show the requests that were carried, and the faults on them.

    Each line shows when the request began, the status or how it ended, how long it took, the sizes of request and
    reply, the request itself, and the faults. With --json each line is an object.
    """
    if lines is None and sys.stdout.isatty():
        lines = TAIL
    kept = client.requests(proxy=proxy, last=lines)
    names = {view["proxy"] for view in kept}
    if follow or not kept:
        following = [
            view["name"]
            for view in client.proxies()
            if (view["protocol"] == AUTO or dialect_of(view["protocol"]) is not None) and proxy in (None, view["name"])
        ]
        names.update(following)
        if not kept and lines != 0:
            click.echo(_nothing(proxy, following), err=True)
    written = Lines(with_proxy=len(names) > 1, with_caller=callers)
    for view in kept:
        written.fit(view)
    for view in kept:
        _write(view, written, as_json)
    if follow:
        since = kept[-1]["seq"] if kept else 0
        for news in client.follow_requests(proxy=proxy, since=since, last=0 if lines == 0 else None):
            _write(news, written, as_json)
        click.echo(f"the {client.noun} at {client.where} has ended", err=True)


def _write(news: RequestView | MissedView, lines: Lines, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(news).decode())
    elif "missed" in news:
        click.echo(f"... {news['missed']} left out, they came too fast")
    else:
        # A line that fills the last column wraps on some terminals.
        click.echo(lines.line(news, shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else 10_000))


def _nothing(proxy: str | None, following: list[str]) -> str:
    if following:
        return "nothing was carried yet"
    subject = "no proxy follows" if proxy is None else f"{proxy} does not follow"
    return f"{subject} a protocol, so no request is logged; upstreams need a scheme such as http://"
