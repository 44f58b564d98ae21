"""run: proxies, the API, and a command in their midst."""

from __future__ import annotations

import os
import sys

import click

from ..control.client import DEFAULT, VARIABLE
from . import plan
from .options import examples


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        "brownout run -p redis=redis://127.0.0.1:6379",
        "brownout run -p db=127.0.0.1:15432=postgres://127.0.0.1:5432 --seed 7",
        "brownout run -p redis=redis://127.0.0.1:6379 -- pytest tests",
    ),
)
@click.option(
    "-p",
    "--proxy",
    "proxies",
    multiple=True,
    metavar="NAME=UPSTREAM",
    help="A proxy on a free port, or on one of yours: NAME=LISTEN=UPSTREAM.",
)
@click.option(
    "--api",
    metavar="HOST:PORT|none",
    help=f"Where commands reach it.  [env: {VARIABLE}; default: {DEFAULT}; with COMMAND: a free port]",
)
@click.option("--seed", type=int, metavar="N", help="The dice; else drawn, and printed.")
@click.option("--dial-timeout", metavar="DURATION", help="How long an upstream may take to accept.  [default: 10s]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def run(
    proxies: tuple[str, ...], api: str | None, seed: int | None, dial_timeout: str | None, command: tuple[str, ...]
) -> None:
    """Run proxies until ctrl-C, or as long as COMMAND runs.

    COMMAND finds in its environment BROWNOUT_API, and of each proxy BROWNOUT_<NAME>_ADDRESS, _HOST, _PORT and _URL
    (NAME in capitals, what is no letter or digit as _). Its exit code is ours. With a COMMAND the API takes a free
    port, so that two can run at once.
    """
    if api is None and not command:
        api = os.environ.get(VARIABLE) or None
    asked = plan.make(proxies, api, seed, command, dial_timeout)
    from .session import run as run_session

    sys.exit(run_session(asked))
