"""inject, change, heal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from ..control.client_at import AnyClient
from ..control.views import PlacedView
from ..faults import injection_line
from ..faults.catalogue import find
from ..faults.config.problem import listed
from ..faults.exchange import protocol_mismatch
from ..faults.settings import SettingsError, fields, plain
from ..faults.spec import Spec
from ..wire.address import NOT_MET
from ..wire.errors import BrownoutError, NotFoundError
from . import complete, figures
from .errors import INDENT
from .injection_words import Inject, InjectionWords
from .options import api_option, examples, json_option, pairs, trigger_options, trigger_values, write_json
from .typed import Change, Typed, refusal

EVERYWHERE = "*"
"""In place of a proxy's name: all of them."""
ALL = "all"
"""What people type for that."""
_FOR_WHAT = ("fault", "match", "caller")
"""What injections have in common that act on the same connections or requests."""

match_option = click.option(
    "--match",
    "matches",
    multiple=True,
    metavar="KEY=PATTERN",
    shell_complete=complete.matches,
    help="Hit only requests that fit, like path=/charge*. Several must all fit.",
)


@click.command(
    cls=Inject,
    epilog=examples(
        "brownout inject redis latency:300ms",
        "brownout inject redis latency latency=300ms jitter=100ms --probability 30%",
        "brownout inject db reset bytes=4KB --times 1 --for 10s",
        "brownout inject api http.status:503 --match method=POST --match 'path=/a*'",
        "brownout inject db latency:1s --caller orders",
    ),
)
@click.argument("proxy", shell_complete=complete.proxies)
@click.argument("fault", shell_complete=complete.faults)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete.settings)
@trigger_options
@click.option(
    "--stream",
    metavar="STREAM",
    shell_complete=complete.streams,
    help="Direction: upstream (to the server), downstream (to the client, the default) or both.",
)
@match_option
@click.option(
    "--caller",
    "callers",
    multiple=True,
    metavar="PROGRAM|KEY=PATTERN",
    shell_complete=complete.callers,
    help="Hit only connections of this program, like orders or command='*migrate*'.",
)
@click.option("--name", metavar="NAME", help="The name of the injection (default: the name of the fault).")
@api_option
@json_option
@click.pass_context
def inject(
    ctx: click.Context,
    /,
    proxy: str,
    fault: str,
    settings: tuple[str, ...],
    stream: str | None,
    matches: tuple[str, ...],
    callers: tuple[str, ...],
    name: str | None,
    client: AnyClient,
    as_json: bool,
    **keywords: object,
) -> None:
    """Inject FAULT on PROXY, also on connections that are open.

    PROXY is a name, or '*' for every proxy. FAULT is a name (see `brownout faults`). The short form NAME:VALUE sets its
    first setting.
    """
    words = InjectionWords(Typed.of(ctx), proxy, fault, settings)
    kind, given = words.given(lambda name: _protocol(client, name))
    named = {key: value for key, value in (("stream", stream), ("name", name)) if value is not None}
    options = named | trigger_values(keywords)
    given = _merge(given, options)
    try:
        meant = {**_match(matches, words.typed), **_caller(callers)}
        spec = Spec.parse({**given, **meant}, text=True, folder=Path())
    except SettingsError as error:
        raise words.explained(error, kind, given) from None
    if proxy == EVERYWHERE:
        placed = _everywhere(client, spec)
        if as_json:
            write_json(placed)
        for each in () if as_json else placed:
            click.echo(_line("injected", each["proxy"], each["injection"]))
            _note_others(client, each["proxy"], name, each["injection"])
        return
    try:
        answer = client.inject(proxy, spec.to_mapping())
    except NotFoundError as error:
        raise words.on_all(error, EVERYWHERE) if proxy == ALL else error from None
    if as_json:
        write_json(answer)
        return
    click.echo(_line("injected", proxy, answer))
    _note_others(client, proxy, name, answer)
    _note_not_met(client, proxy)


@click.command(
    epilog=examples(
        "brownout change redis latency latency=500ms",
        "brownout change redis latency probability=10% jitter=0",
        "brownout change api http.status --match 'path=/a*'",
    )
)
@click.argument("proxy", shell_complete=complete.proxies)
@click.argument("name", shell_complete=complete.injections)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@match_option
@api_option
@json_option
def change(
    proxy: str, name: str, settings: tuple[str, ...], matches: tuple[str, ...], client: AnyClient, as_json: bool
) -> None:
    """Change settings of the injection NAME on PROXY while it works.

    Settings that you do not name stay as they are, and so do counts. A match replaces the whole match before it.
    """
    if not settings and not matches:
        raise BrownoutError("there is nothing to change", "give settings like latency=500ms, or --match path=/charge*")
    known = client.injection(proxy, name)
    spec = Spec.parse({key: value for key, value in known.items() if key != "receipt"})
    given = _settings(settings, spec.fault.name)
    match = _match(matches)
    changed = spec.changed({**given, **match}, text=True)
    answer = client.change(proxy, name, {**{key: _setting(changed, key) for key in given}, **match})
    if as_json:
        write_json(answer)
    else:
        click.echo(_line("changed", proxy, answer))


@click.command(
    epilog=examples(
        "brownout heal",
        "brownout heal redis",
        "brownout heal redis latency",
    )
)
@click.argument("proxy", required=False, shell_complete=complete.proxies)
@click.argument("name", required=False, shell_complete=complete.injections)
@api_option
@json_option
def heal(proxy: str | None, name: str | None, client: AnyClient, as_json: bool) -> None:
    """Heal the injection NAME, all of PROXY, or everything."""
    if proxy == EVERYWHERE and name is None:
        proxy = None
    if proxy is None or name is None:
        try:
            healed = client.heal(proxy)
        except NotFoundError as error:
            if proxy == ALL:
                raise refusal(error.message, "all of them are healed by", ["brownout heal"]) from None
            where = [
                view["name"] for view in client.proxies() if any(each["name"] == proxy for each in view["injections"])
            ]
            lines = [shlex.join(["brownout", "heal", each, str(proxy)]) for each in where]
            raise refusal(error.message, "it is an injection there", lines) if where else error from None
        if as_json:
            write_json({"healed": healed})
        else:
            click.echo(f"healed {figures.many(healed, 'injection')}" if healed else "nothing to heal")
        return
    answer = client.heal_one(proxy, name)
    if as_json:
        write_json(answer)
    else:
        click.echo(f"healed {name} on {proxy}: {figures.counts(answer)}")


def _protocol(client: AnyClient, proxy: str) -> str:
    """Return what a proxy speaks; empty where nobody knows."""
    try:
        return client.proxy(proxy)["protocol"]
    except BrownoutError:
        return ""


def _everywhere(client: AnyClient, spec: Spec) -> list[PlacedView]:
    """Inject on every proxy on which the fault can act, all or nothing."""
    views = client.proxies()
    found = [view["name"] for view in views if protocol_mismatch(spec.fault, view["name"], view["protocol"]) is None]
    if not found:
        raise BrownoutError(
            f"there is no proxy on which {spec.fault.name} can act", "brownout status lists the proxies"
        )
    placed: list[PlacedView] = []
    try:
        for name in found:
            placed.append({"proxy": name, "injection": client.inject(name, spec.to_mapping())})
    except BrownoutError:
        for each in placed:
            client.heal_one(each["proxy"], str(each["injection"]["name"]))
        raise
    return placed


def _note_not_met(client: AnyClient, proxy: str) -> None:
    """Say that a fault waits for a name that nobody has met yet, and which names there are."""
    if client.proxy(proxy)["upstream"] == NOT_MET:
        met = [view["name"] for view in client.proxies() if view["upstream"] != NOT_MET]
        known = f"; it has connected to {listed(met)}" if met else ""
        click.echo(f"note:  {proxy} waits for the command to connect there{known}", err=True)


def _note_others(client: AnyClient, proxy: str, name: str | None, made: Mapping[str, object]) -> None:
    """Say that there is more than one injection of a fault for the same connections or requests: all of them act.

    Who gives it a `name` knows that.
    """
    if name or made["name"] == made["fault"]:
        return
    alike = [each for each in client.injections(proxy) if all(each.get(key) == made.get(key) for key in _FOR_WHAT)]
    others = [str(each["name"]) for each in alike if each["name"] != made["name"]]
    if others:
        back = shlex.join(["brownout", "heal", proxy, str(made["name"])])
        names = " and ".join([*others, str(made["name"])])
        click.echo(f"note:  {names} act together; to take the last one back\n{INDENT}{back}", err=True)


def _line(verb: str, proxy: str, injection: dict[str, object]) -> str:
    settings = injection_line.settings(injection)
    return f"{verb} {injection['name']} on {proxy}{': ' if settings else ''}{settings}"


def _settings(words: tuple[str, ...], fault: str) -> dict[str, str]:
    given = pairs(words, _example(fault))
    if any(key.partition(".")[0] == "match" for key in given):
        raise BrownoutError("match is not a setting", "write it like --match method=POST")
    return given


def _match(words: tuple[str, ...], typed: Typed | None = None) -> dict[str, dict[str, str]]:
    for word in words:
        if typed is not None and word.startswith("/") and word in typed.words:
            line = typed.line([Change(typed.words.index(word), (f"path={word}",))])
            raise refusal(f"'{word}' is not a match", "a path is one by its key", [line])
    return {"match": pairs(words, "--match method=POST", "match")} if words else {}


def _caller(words: tuple[str, ...]) -> dict[str, str | dict[str, str]]:
    if len(words) == 1 and "=" not in words[0]:
        return {"caller": words[0]}
    return {"caller": pairs(words, "--caller orders or --caller process=4711", "caller")} if words else {}


def _merge(*parts: dict[str, str]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for part in parts:
        for key, value in part.items():
            if key in merged:
                raise BrownoutError(f"{key} is given twice: '{merged[key]}' and '{value}'", "give it once")
            merged[key] = value
    return merged


def _example(word: str) -> str:
    first = fields(find(word.partition(":")[0]))[:1]
    return f"{first[0].name}=VALUE" if first else "probability=30%"


def _setting(spec: Spec, key: str) -> object:
    for struct in (spec.fault, spec.trigger):
        for field in msgspec.structs.fields(struct):
            if field.encode_name == key:
                return plain(getattr(struct, field.name))
    raise BrownoutError(f"unknown setting '{key}'")
