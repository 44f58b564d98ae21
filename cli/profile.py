"""profile: list, show, apply, heal."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from ..control.client import NoAnswerError
from ..control.client_at import AnyClient
from ..control.views import ProfileView, profile_view
from ..faults.injection_line import fault_and_settings
from ..faults.settings.names import look_up
from ..wire.errors import BrownoutError
from . import complete, figures
from .columns import align, wrap
from .group import Group
from .options import api_option, examples, json_option, write_json


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        found = complete.client(ctx).profiles()
    except BrownoutError:
        found = _shipped()
    return [
        CompletionItem(view["name"], help=view["description"]) for view in found if view["name"].startswith(incomplete)
    ]


@click.group(cls=Group, aliases={"ls": "list"})
def profile() -> None:
    """List, show, apply or heal profiles: named sets of injections."""


@profile.command("list", epilog=examples("brownout profile list"))
@api_option
@json_option
def list_(client: AnyClient, as_json: bool) -> None:
    """List the profiles: those of the file, then those that come with Brownout."""
    views = _known(client)
    if as_json:
        write_json(views)
        return
    columns = [("PROFILE", "FROM", "APPLIED", "")]
    columns += [(each["name"], each["source"], "yes" if each["applied"] else "-", "") for each in views]
    indent = max(len(name) for name, *_ in columns) + len("  shipped  APPLIED  ")
    lines = [line.ljust(indent) for line in align(columns)]
    click.secho(f"{lines[0]}WHAT IT DOES", dim=True)
    for line, view in zip(lines[1:], views, strict=True):
        text = wrap(view["description"], line, " " * indent) if view["description"] else line.rstrip()
        click.secho(text, fg="yellow" if view["applied"] else None)


@profile.command(epilog=examples("brownout profile show slow-network"))
@click.argument("name", shell_complete=_names)
@api_option
@json_option
def show(name: str, client: AnyClient, as_json: bool) -> None:
    """Show what the profile NAME injects, as YAML for a file."""
    view = look_up("profile", name, {each["name"]: each for each in _known(client)})
    if as_json:
        write_json(view)
        return
    click.echo(f"{name}: {_origin(view)}{', applied' if view['applied'] else ''}")
    if view["description"]:
        click.echo("\n" + wrap(view["description"]))
    click.echo("\n" + _yaml(view), nl=False)


@profile.command(
    epilog=examples(
        "brownout profile apply slow-network",
        "brownout profile apply slow --file FILE --api toxiproxy://HOST:PORT",
    )
)
@click.argument("name", shell_complete=_names)
@click.option(
    "--file", "path", metavar="FILE", help="With a Toxiproxy, which has no profiles: the file with the profile."
)
@api_option
@json_option
def apply(name: str, path: str | None, client: AnyClient, as_json: bool) -> None:
    """Inject everything that the profile NAME says, or nothing.

    What the profile injected before is healed first.
    """
    if path is not None:
        from ..faults.config.file import read

        client = client.knowing(read(path).profiles)
    placed = client.apply(name)
    if as_json:
        write_json(placed)
        return
    click.echo(f"applied {name}: {figures.many(len(placed), 'injection')}")
    rows = [(each["proxy"], str(each["injection"]["name"]), fault_and_settings(each["injection"])) for each in placed]
    for line in align(rows or [("",)]):
        click.echo(f"  {line}".rstrip())


@profile.command(epilog=examples("brownout profile heal slow-network"))
@click.argument("name", shell_complete=_names)
@api_option
@json_option
def heal(name: str, client: AnyClient, as_json: bool) -> None:
    """Heal what the profile NAME injected."""
    healed = client.heal_profile(name)
    if as_json:
        write_json({"healed": healed})
    else:
        click.echo(f"healed {name}: {figures.many(healed, 'injection')}" if healed else "nothing to heal")


def _known(client: AnyClient) -> list[ProfileView]:
    """Return the profiles of the running Brownout, or where there is none those that ship with it, and say so."""
    try:
        return client.profiles()
    except NoAnswerError as error:
        click.echo(f"{error.message}; these ship with Brownout", err=True)
        return _shipped()


def _shipped() -> list[ProfileView]:
    from ..faults.config.file import shipped

    return [profile_view(each, "shipped", applied=False) for each in shipped().values()]


def _origin(view: ProfileView) -> str:
    return "from the file" if view["source"] == "file" else "ships with Brownout"


def _yaml(view: ProfileView) -> str:
    """Write what it injects as YAML, an injection a line, and below that its match."""
    import yaml

    clock = {"clock": view["clock"]} if view["clock"] else {}
    return yaml.safe_dump(
        {**clock, **view["targets"]}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10_000
    )
