"""The commands of toxiproxy-cli, for containers whose scripts call it: `python -m brownout.cli.toxiproxy_cli list`.

It prints the same lines, separated by the same tabs, and exits with the same codes: 1 for an error, 3 for an unknown
command.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlsplit

import click
import msgspec

from ..control import bearer
from ..control.toxiproxy import VERSION
from .toxiproxy import Flags

ALIASES = {
    **dict.fromkeys(("l", "li", "ls"), "list"),
    **dict.fromkeys(("i", "ins"), "inspect"),
    **dict.fromkeys(("c", "new"), "create"),
    "tog": "toggle",
    "d": "delete",
    "t": "toxic",
}
TOXIC_ALIASES = {"a": "add", "u": "update", **dict.fromkeys(("r", "delete", "d"), "remove")}
UNKNOWN = 3
TIMEOUT = 30.0

T = TypeVar("T")


class Toxic(msgspec.Struct):
    """A toxic as the API tells it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: dict[str, object]


class Proxy(msgspec.Struct):
    """A proxy as the API tells it."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: list[Toxic] = []


class Refusal(msgspec.Struct):
    """An error as the API tells it."""

    error: str


class Api:
    """The API at an address, with or without `http://` before it."""

    def __init__(self, address: str) -> None:
        try:
            self._where = urlsplit(address if "://" in address else f"http://{address}").netloc
        except ValueError as error:
            raise click.ClickException(f"{address}: {error}") from None

    def ask(self, method: str, path: tuple[str, ...], due: type[T], body: Mapping[str, object] | None = None) -> T:
        """Send a request and return its answer. Raises ClickException with what the API, or the system, says."""
        headers = {"User-Agent": f"toxiproxy-cli/{VERSION}"}
        if token := os.environ.get(bearer.VARIABLE):
            headers["Authorization"] = f"Bearer {token}"
        where = "/".join(["", *(quote(part, safe="") for part in path)])
        try:
            connection = http.client.HTTPConnection(self._where, timeout=TIMEOUT)
            connection.request(method, where, None if body is None else msgspec.json.encode(body), headers)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"no answer from http://{self._where}: {error}") from None
        try:
            if response.status >= HTTPStatus.BAD_REQUEST:
                said = msgspec.json.decode(answer, type=Refusal).error
                raise click.ClickException(f"HTTP {response.status}: {said}")
            return msgspec.json.decode(answer or b"null", type=due)
        except msgspec.DecodeError:
            raise click.ClickException(f"what answers at http://{self._where} is not a Toxiproxy") from None


class Commands(click.Group):
    """Commands that have short names too."""

    def __init__(self, *args: object, aliases: Mapping[str, str], **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # click checks them: they are its own
        self._aliases = aliases

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name or a short one."""
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. Exits with 3 for an unknown one."""
        if self.get_command(ctx, args[0]) is None:
            click.echo(f"No help topic for '{args[0]}'", err=True)
            ctx.exit(UNKNOWN)
        return super().resolve_command(ctx, args)


def number(text: str) -> object:
    """Return the value of an attribute: a number where it is one, which the API wants of all of them."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _attributes(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, object]:
    wrong = [each for each in given if "=" not in each]
    if wrong:
        raise click.BadParameter(f"{wrong[0]} is not KEY=VALUE")
    return {key: number(value) for key, _, value in (each.partition("=") for each in given)}


attributes = click.option("-a", "--attribute", "attributes", multiple=True, metavar="KEY=VALUE", callback=_attributes)
toxicity = click.option("--tox", "--toxicity", "toxicity", type=click.FloatRange(0, 1), metavar="FLOAT")
named = click.option("-n", "--toxicName", "--toxicname", "name", required=True, metavar="NAME")
proxy_name = click.argument("proxy")
api = click.make_pass_decorator(Api)


@click.group(cls=Commands, aliases=ALIASES)
@click.option("-h", "--host", default="http://localhost:8474", envvar="TOXIPROXY_URL", metavar="URL")
@click.version_option(VERSION, "-v", "--version", message="toxiproxy-cli version %(version)s")
@click.pass_context
def cli(ctx: click.Context, host: str) -> None:
    """Drive the Toxiproxy, or Brownout, at URL, or where TOXIPROXY_URL says."""
    ctx.obj = Api(host)


@cli.command("list", cls=Flags)
@api
def show_all(at: Api) -> None:
    """List the proxies: name, listen, upstream, enabled, toxics."""
    for each in at.ask("GET", ("proxies",), dict[str, Proxy]).values():
        state = "enabled" if each.enabled else "disabled"
        click.echo("\t".join((each.name, each.listen, each.upstream, state, str(len(each.toxics)))))


@cli.command(cls=Flags)
@proxy_name
@api
def inspect(at: Api, proxy: str) -> None:
    """List the toxics of a proxy."""
    for each in at.ask("GET", ("proxies", proxy), Proxy).toxics:
        told = [f"{key}={each.attributes[key]}" for key in sorted(each.attributes)]
        kind = (f"type={each.type}", f"stream={each.stream}", f"toxicity={each.toxicity:.2f}")
        click.echo("\t".join((each.name, *kind, "attributes=[", *told, "]")))


@cli.command(cls=Flags)
@click.option("-l", "--listen", required=True, metavar="HOST:PORT")
@click.option("-u", "--upstream", required=True, metavar="HOST:PORT")
@proxy_name
@api
def create(at: Api, listen: str, upstream: str, proxy: str) -> None:
    """Make a proxy."""
    made = at.ask("POST", ("proxies",), Proxy, {"name": proxy, "listen": listen, "upstream": upstream, "enabled": True})
    click.echo(f"Created new proxy {made.name}")


@cli.command(cls=Flags)
@proxy_name
@api
def toggle(at: Api, proxy: str) -> None:
    """Disable a proxy, or enable it again."""
    enabled = not at.ask("GET", ("proxies", proxy), Proxy).enabled
    at.ask("POST", ("proxies", proxy), Proxy, {"enabled": enabled})
    click.echo(f"Proxy {proxy} is now {'enabled' if enabled else 'disabled'}")


@cli.command(cls=Flags)
@proxy_name
@api
def delete(at: Api, proxy: str) -> None:
    """Remove a proxy."""
    at.ask("DELETE", ("proxies", proxy), type(None))
    click.echo(f"Deleted proxy {proxy}")


@cli.group(cls=Commands, aliases=TOXIC_ALIASES)
def toxic() -> None:
    """Add, update or remove a toxic."""


@toxic.command(cls=Flags)
@click.option("-t", "--type", "kind", required=True, metavar="TYPE")
@click.option("-n", "--toxicName", "--toxicname", "name", default="", metavar="NAME")
@toxicity
@attributes
@click.option("-u", "--upstream", "stream", flag_value="upstream")
@click.option("-d", "--downstream", "stream", flag_value="downstream", default=True)
@proxy_name
@api
def add(
    at: Api,
    kind: str,
    name: str,
    toxicity: float | None,
    attributes: dict[str, object],
    stream: str,
    proxy: str,
) -> None:
    """Add a toxic to a proxy."""
    share = 1.0 if toxicity is None else toxicity
    body = {"name": name, "type": kind, "stream": stream, "toxicity": share, "attributes": attributes}
    made = at.ask("POST", ("proxies", proxy, "toxics"), Toxic, body)
    click.echo(f"Added {made.stream} {made.type} toxic '{made.name}' on proxy '{proxy}'")


@toxic.command(cls=Flags)
@named
@toxicity
@attributes
@proxy_name
@api
def update(at: Api, name: str, toxicity: float | None, attributes: dict[str, object], proxy: str) -> None:
    """Change the attributes or the toxicity of a toxic. Settings that are not given stay as they are."""
    body = {"attributes": attributes, **({} if toxicity is None else {"toxicity": toxicity})}
    at.ask("POST", ("proxies", proxy, "toxics", name), Toxic, body)
    click.echo(f"Updated toxic '{name}' on proxy '{proxy}'")


@toxic.command(cls=Flags)
@named
@proxy_name
@api
def remove(at: Api, name: str, proxy: str) -> None:
    """Remove a toxic."""
    at.ask("DELETE", ("proxies", proxy, "toxics", name), type(None))
    click.echo(f"Removed toxic '{name}' on proxy '{proxy}'")


def main() -> None:
    """Run a command. Every error exits with 1."""
    try:
        code = cli.main(prog_name="toxiproxy-cli", standalone_mode=False)
    except click.ClickException as error:
        click.echo(error.format_message(), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
