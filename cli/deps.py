"""deps: what a command talks to, with nothing broken and nothing configured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ..wire.errors import BrownoutError
from .options import examples
from .run import Run


@click.command(
    cls=Run,
    epilog=examples(
        "brownout deps -- ./serve",
        "brownout deps -- pytest tests",
        "brownout deps --write brownout.yaml -- pytest tests",
        "brownout deps --json -- pytest tests > deps.json",
    ),
)
@click.option(
    "--write", "path", metavar="PATH", help="Write a configuration file to start from. The file must not exist."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON. The output of COMMAND goes to stderr.")
@click.option(
    "--only", "only", multiple=True, metavar="GLOB", help="Only these destinations, like HOST:PORT or *:5432."
)
@click.option("--not", "spared", multiple=True, metavar="GLOB", help="Leave these destinations alone.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def deps(
    path: str | None,
    as_json: bool,
    only: tuple[str, ...],
    spared: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run COMMAND and show what it talks to. Nothing is broken.

    Linux only. Brownout carries every TCP connection of COMMAND and of the processes that it starts. It works with any
    language, and no address changes. Brownout exits with the exit code of COMMAND.
    """
    from . import plan
    from .intercepting import Told
    from .session import run

    if not command:
        raise BrownoutError("deps needs a COMMAND to run", "brownout deps -- pytest")
    if path is not None and os.path.lexists(path):
        raise BrownoutError(f"--write {path}: the file exists already", "name another one, or remove it")
    if path is not None and not Path(path).parent.is_dir():
        raise BrownoutError(
            f"--write {path}: there is no folder {Path(path).parent}", "make it first, or name another one"
        )
    asked = plan.make((), "none", None, command, intercept=True, only=only, spared=spared)
    asked = asked._replace(quiet=True, told=Told(as_json, None if path is None else Path(path)))
    sys.exit(run(asked))
