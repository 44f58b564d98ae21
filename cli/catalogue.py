"""faults: what can go wrong."""

from __future__ import annotations

import click

from ..control.views import FaultView, fault_view
from ..faults.catalogue import everything, find
from ..faults.exchange import ExchangeFault
from ..faults.fault import Fault
from ..wire.protocols import canonical
from . import complete
from .columns import wrap
from .options import examples, json_option, write_json


@click.command(epilog=examples("brownout faults", "brownout faults latency"))
@click.argument("name", required=False, shell_complete=complete.faults)
@json_option
def faults(name: str | None, as_json: bool) -> None:
    """List the faults, or show the settings of one."""
    if name is None:
        views = [fault_view(fault) for fault in everything().values()]
        if as_json:
            write_json(views)
        else:
            _list(views)
    elif as_json:
        write_json(fault_view(find(name)))
    else:
        _show(find(name))


def _list(views: list[FaultView]) -> None:
    indent = max(len(view["name"]) for view in views) + 2
    for view in views:
        click.echo(wrap(view["summary"], f"{view['name']:<{indent}}", " " * indent))
    click.echo("\nsettings of one: brownout faults NAME")


def _show(fault: type[Fault]) -> None:
    view = fault_view(fault)
    click.echo(wrap(f"{view['name']}: {view['summary']}"))
    for paragraph in filter(None, view["description"].split("\n\n")):
        click.echo(f"\n{wrap(paragraph)}")
    indent = " " * (max((len(each["name"]) for each in view["settings"]), default=0) + 2)
    for each in view["settings"]:
        default = "required" if each["required"] else f"default {each['default'] or 'none'}"
        click.echo(f"\n{each['name']:<{len(indent)}}{each['type']}, {default}")
        click.echo(wrap(each["meaning"], indent, indent))
    protocol = canonical(fault.protocol) if issubclass(fault, ExchangeFault) else ""
    where = {
        "stream": "the downstream, unless --stream says upstream or both",
        "connection": "the whole connection",
        "request": f"single requests, where the upstream is {protocol}://HOST:PORT",
    }[view["acts_on"]]
    click.echo(f"\nacts on {where}")
    hit = "request" if view["acts_on"] == "request" else "connection"
    click.echo(f"fires on every {hit}, unless options say otherwise: brownout inject --help")
