"""Shell completion: faults and settings from the catalogue, names of proxies from a Brownout that answers at once.

The catalogue is imported when somebody completes a word of it: no other command is to wait for that.
"""

from __future__ import annotations

from typing import get_args

import click
from click.shell_completion import CompletionItem

from ..control.client_at import AnyClient, client_at
from ..wire.errors import BrownoutError

COMPLETION_TIMEOUT = 0.3
"""Seconds for the API to answer while somebody is typing."""


def faults(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a fault."""
    from ..faults.catalogue import CATALOGUE, everything
    from ..faults.fault import opening_line

    try:
        found = everything()
    except BrownoutError:
        found = CATALOGUE  # another package's is broken
    return [
        CompletionItem(name, help=opening_line(fault)) for name, fault in found.items() if name.startswith(incomplete)
    ]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a setting of the fault that was named before it."""
    from ..faults.catalogue import find
    from ..faults.settings import fields

    try:
        fault = find(str(ctx.params.get("fault")).partition(":")[0])
    except BrownoutError:
        return []
    return [
        CompletionItem(f"{field.name}=", help=field.meaning)
        for field in fields(fault)
        if field.name.startswith(incomplete)
    ]


def matches(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a key of a match, for the fault, or the injection, that was named before it."""
    from ..faults.catalogue import find
    from ..faults.spec import match_keys

    named = ctx.params
    try:
        if "fault" in named:
            fault = find(str(named["fault"]).partition(":")[0])
        else:
            fault = find(str(client(ctx).injection(str(named.get("proxy")), str(named.get("name")))["fault"]))
        keys = match_keys(fault)
    except BrownoutError:
        return []
    return [
        CompletionItem(key.family or f"{key.name}=", help=key.meaning)
        for key in keys
        if key.name.startswith(incomplete)
    ]


def callers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a key of a caller."""
    from ..faults.callers import CALLER_KEYS

    found = [CompletionItem(f"{key}=", help=meaning) for key, meaning in CALLER_KEYS.items()]
    return [item for item in found if item.value.startswith(incomplete)]


def streams(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a stream."""
    from ..faults.spec import Streams

    return [CompletionItem(stream) for stream in get_args(Streams) if stream.startswith(incomplete)]


def proxies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a proxy."""
    try:
        found = client(ctx).proxies()
    except BrownoutError:
        return []
    return [
        CompletionItem(each["name"], help=each["upstream"]) for each in found if each["name"].startswith(incomplete)
    ]


def injections(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an injection of the proxy that was named before it."""
    try:
        found = client(ctx).injections(str(ctx.params.get("proxy")))
    except BrownoutError:
        return []
    names = [str(each["name"]) for each in found]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def client(ctx: click.Context) -> AnyClient:
    """Return a client of the API that the words so far mean, which does not wait for long."""
    given: AnyClient | None = ctx.params.get("client")
    return (given or client_at()).within(COMPLETION_TIMEOUT)
