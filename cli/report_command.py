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
@click.option("--history", metavar="DIR", help="Show how the cells fared in the runs that are kept there.")
@click.option("--serve", is_flag=True, help="Show the page to browsers of this machine, as it is at each moment.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Where to serve it (default: a free port)."
)
def report(folder: str, history: str | None, serve: bool, port: int) -> None:
    """Draw the page of what `verify` wrote to DIR, which its --report-dir or its --history named.

    With --serve it is shown on 127.0.0.1 until ctrl-C, and follows a run that is under way.
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
