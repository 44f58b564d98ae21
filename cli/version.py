"""version: which Brownout this is."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from .options import examples, json_option, write_json


@click.command(epilog=examples("brownout version --json"))
@json_option
def version(as_json: bool) -> None:
    """Show the version."""
    known = {
        "version": importlib.metadata.version("brownout"),
        "python": platform.python_version(),
        "system": platform.system(),
    }
    if as_json:
        write_json(known)
    else:
        click.echo("brownout {version} (Python {python}, {system})".format(**known))
