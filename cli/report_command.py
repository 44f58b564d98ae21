"""report: write the page of a `verify` again, or serve it, also while the run is in progress."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from ..wire.errors import BrownoutError
from .options import examples


@click.command(
    epilog=examples("brownout report report", "brownout report --serve report", "brownout report --history runs report")
)
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--history", metavar="DIR", help="Also show how each cell fared in the runs that are kept in DIR.")
@click.option("--serve", is_flag=True, help="Serve the page to browsers on this machine, and keep it up to date.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The port for --serve (default: a free port).",
)
def report(folder: str, history: str | None, serve: bool, port: int) -> None:
    """Write the report of an earlier `verify` again, or serve it.

    DIR is its --report-dir or its --history. With --serve, show the page on 127.0.0.1 until ctrl-C, and follow a run
    that is in progress.
    """
    from ..verify.writers import draw
    from .report_server import Source, served

    source = Source(Path(folder), None if history is None else Path(history))
    if serve:
        with served(source, port) as url, contextlib.suppress(KeyboardInterrupt):
            click.echo(f"{url} until ctrl-C")
            source.wait()
        return
    document, trend = source.read()
    try:
        draw(document, Path(folder), trend)
    except OSError as error:
        raise BrownoutError(
            f"{error.filename or folder}: {error.strerror}", "name a folder that can be written to"
        ) from None
    click.echo(f"{Path(folder) / 'verify.html'}")
