"""demo: what failures do, on real servers."""

from __future__ import annotations

import sys

import click

from ..options import examples


@click.command(epilog=examples("brownout demo", "brownout demo faults"))
@click.argument("what", type=click.Choice(["shop", "faults"]), default="shop", required=False)
def demo(what: str) -> None:
    """Show on real servers what failures do.

    Runs `brownout verify` on two builds of a small shop, one with the usual mistakes and one without, and shows which
    of them survives which failure. `brownout demo faults` shows what each fault does to a client, and measures it.

    Starts what it needs on free ports of this machine. The shop takes less than two minutes and leaves a report of each
    build; the faults take less than one and leave nothing.

    Exits with 1 if a mistake is not found, if the build without mistakes fails, or if a client did not feel what was
    injected.

    Needs pip install 'brownout[demo]'.
    """
    if what == "faults":
        from .faults.play import play
    else:
        from .shop.play import play
    sys.exit(play())
