"""check and schema: is a configuration file right, before anything runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from .errors import show
from .figures import many
from .options import examples, json_option, write_json

if TYPE_CHECKING:
    from ..faults.config.file import Config
    from ..faults.config.problem import ConfigError

WRONG = 2
STDIN = "-"


class _Checked(NamedTuple):
    """What became of one file."""

    file: str
    config: Config | None
    error: ConfigError | None


@click.command(
    epilog=examples("brownout check brownout.yaml", "brownout check --json *.yaml", "brownout check - < brownout.yaml")
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(allow_dash=True))
@json_option
def check(files: tuple[str, ...], as_json: bool) -> None:
    """Check configuration files, and show what is wrong with them.

    The exit code is 2 if anything is wrong. - is the standard input.
    """
    checked = [_check(file) for file in files]
    if as_json:
        write_json({"files": [_view(each) for each in checked]})
    else:
        for each in checked:
            if each.config is not None:
                click.echo(f"{each.file}: {_contents(each.config)}")
                for name, template in each.config.env.items():
                    click.echo(f"  {name}={template.masked}")
            if each.error is not None:
                show(each.error)
    if any(each.error for each in checked):
        sys.exit(WRONG)


@click.command(epilog=examples("brownout schema > brownout.schema.json", "brownout schema verify"))
@click.argument("of", type=click.Choice(["file", "verify"]), default="file", metavar="[file|verify]")
def schema(of: str) -> None:
    """Write a JSON Schema: of configuration files, or of verify.json."""
    if of == "verify":
        from ..verify.document import schema as make
    else:
        from ..faults.config.schema import schema as make
    write_json(make())


def _check(file: str) -> _Checked:
    from ..faults.config.file import decode, parse, read
    from ..faults.config.problem import ConfigError

    try:
        if file == STDIN:
            file = "stdin"
            return _Checked(file, parse(decode(sys.stdin.buffer.read(), file), file), None)
        return _Checked(file, read(file), None)
    except ConfigError as error:
        return _Checked(file, None, error)


def _contents(config: Config) -> str:
    seed = "no seed" if config.seed is None else f"seed {config.seed}"
    parts = [many(len(config.proxies), "proxy"), many(len(config.profiles), "profile"), seed]
    if journeys := len(config.verify.journeys):
        parts.append(f"verify of {many(journeys, 'journey')}")
    elif config.verify.command:
        parts.append("verify of its command")
    return ", ".join(parts)


def _view(checked: _Checked) -> dict[str, object]:
    config, error = checked.config, checked.error
    return {
        "file": checked.file,
        "proxies": None if config is None else list(config.proxies),
        "env": None if config is None else {name: template.masked for name, template in config.env.items()},
        "profiles": None if config is None else list(config.profiles),
        "seed": None if config is None else config.seed,
        "problems": [] if error is None else [problem._asdict() for problem in error.problems],
    }
