"""What commands have in common: where the API is, JSON output, and the trigger's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from ..control import bearer
from ..control.api_address import DEFAULT, VARIABLE
from ..wire.errors import BrownoutError

if TYPE_CHECKING:
    from ..control.client_at import AnyClient

F = TypeVar("F", bound=Callable[..., object])

_PREFIX = "trigger_"


def _client(ctx: click.Context, param: click.Parameter, value: str | None) -> AnyClient:
    from ..control.client_at import client_at

    return client_at(value, token=ctx.meta.get(bearer.VARIABLE))


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[bearer.VARIABLE] = bearer.checked(value)


def api_option(command: F) -> F:
    """Add the options that say which Brownout is meant; it arrives as the keyword `client`."""
    token = click.option(
        "--token",
        metavar="TOKEN",
        expose_value=False,
        is_eager=True,  # the client of --api takes it along
        callback=_keep,
        help=f"The token of its API.  [env: {bearer.VARIABLE}]",
    )
    return click.option(
        "--api",
        "client",
        metavar="HOST:PORT",
        envvar=VARIABLE,
        callback=_client,
        help=f"The running Brownout, or toxiproxy://HOST:PORT.  [env: {VARIABLE}; default: {DEFAULT}]",
    )(token(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


def examples(*lines: str) -> str:
    """Return the end of a command's help: lines that a user copies."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def trigger_options(command: F) -> F:
    """Add an option for each setting of the trigger; they arrive as keywords, see `trigger_values`."""
    from ..faults.settings import fields
    from ..faults.trigger import Trigger

    for field in reversed(fields(Trigger)):
        metavar = field.type.upper()
        option = click.option(f"--{field.name}", f"{_PREFIX}{field.name}", metavar=metavar, help=field.meaning)
        command = option(command)
    return command


def trigger_values(keywords: Mapping[str, object]) -> dict[str, str]:
    """Return which of the trigger's options were given."""
    from ..faults.trigger import TRIGGER_KEYS

    given = {key: keywords[f"{_PREFIX}{key}"] for key in TRIGGER_KEYS}
    return {key: str(value) for key, value in given.items() if value is not None}


def pairs(words: tuple[str, ...], example: str, noun: str = "setting") -> dict[str, str]:
    """Read `key=value` words. Raises BrownoutError for a word that is not one, or a key that comes twice."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise BrownoutError(f"'{word}' is not a {noun}", f"write it like {example}")
        if key in values:
            raise BrownoutError(f"{key} is given twice")
        values[key] = value
    return values


def write_json(value: object) -> None:
    """Write a value as JSON, indented."""
    import msgspec

    try:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        import json

        click.echo(json.dumps(msgspec.to_builtins(value), indent=2))
