"""What `run` was asked for, read and checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..control.api_address import DEFAULT
from ..control.guard import NO_TOKEN, Guard
from ..control.verdicts.expectations import Expectations
from ..faults.settings import convert, names
from ..faults.settings.units import Duration, UnitError
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from ..wire.mask import mask
from . import intercepting
from . import report as reports
from .environment import prefix
from .errors import CombinedError
from .file import File
from .options import pairs
from .upstream import FREE, split

if TYPE_CHECKING:
    from ..faults.config.file import Config
    from ..faults.config.proxy_section import ProxyEntry
    from ..faults.config.template import Template
    from ..faults.profile import Profile
    from ..proxy.intercept import Choice
    from .intercepting import Told

NONE = "none"
_ENV = "brownout run brownout.yaml --env DATABASE_URL={db.url} -- pytest"
_STRICT = "brownout run brownout.yaml --profile blackout --strict -- pytest"
_VERDICTS = "brownout run brownout.yaml --profile flaky-api --verdicts -- ./serve"


def entry(text: str) -> ProxyEntry:
    """Read the value of one -p. Raises BrownoutError."""
    from ..faults.config.proxy_section import ProxyEntry

    name, listen, upstream = split(text)
    Address.listen(listen)
    Address.upstream(upstream)
    return ProxyEntry(name, upstream, listen)


def template(text: str) -> tuple[str, Template]:
    """Read the value of one --env, `NAME=TEMPLATE`. Raises BrownoutError."""
    from ..faults.config.template import Template, variable

    name, equals, rest = text.partition("=")
    if not equals or not rest:
        raise BrownoutError(f"--env {mask(name)} has no template", "write it like --env DATABASE_URL={db.url}")
    try:
        return variable(name), Template.parse(rest)
    except BrownoutError as error:
        raise BrownoutError(f"--env {mask(name)}: {error.message}", error.hint) from None


class Plan(NamedTuple):
    """A whole `run`; `api` is None where there is to be none, `seed` None where one is to be drawn.

    `proxies` are the file's and those of -p, `profiles` what is applied before they listen, `env` what COMMAND finds
    in its environment, `intercept` which of its connections are caught, None: none of them, and
    `told` how these are told where that is all that is wanted. `dial` is how long an
    upstream may take to accept a connection, None for the usual time. `show_values`: see `proxy.Fleet`. `callers`: who
    opens each connection is found out, and shown in the table. `strict`: what did nothing fails the run; `verdicts`:
    what its clients did is judged by what is `expected` of them; `quiet`: no summary is written.
    """

    proxies: list[ProxyEntry]
    api: str | None
    seed: int | None
    command: tuple[str, ...]
    dial: Duration | None = None
    file: File | None = None
    config: Config | None = None
    profiles: tuple[Profile, ...] = ()
    env: Mapping[str, Template] = {}
    intercept: Choice | None = None
    told: Told | None = None
    watch: bool = False
    strict: bool = False
    verdicts: bool = False
    expected: Expectations = Expectations()
    quiet: bool = False
    report: Path | None = None
    guard: Guard = NO_TOKEN
    show_values: bool = False
    callers: bool = False


def make(
    proxies: Sequence[str],
    api: str | None,
    seed: int | None,
    command: tuple[str, ...],
    dial: str | None = None,
    *,
    file: str | None = None,
    profiles: Sequence[str] = (),
    env: Sequence[str] = (),
    intercept: bool = False,
    only: Sequence[str] = (),
    spared: Sequence[str] = (),
    watch: bool = False,
    strict: bool = False,
    verdicts: bool = False,
    expect: tuple[str, ...] = (),
    quiet: bool = False,
    report: str | None = None,
    token: str | None = None,
    hosts: Sequence[str] = (),
    show_values: bool = False,
    callers: bool = False,
) -> Plan:
    """Read the words of `run`, and its file. Raises CombinedError with everything that is wrong with them."""
    wrong: list[BrownoutError] = []
    source = None if file is None else File(file)
    config: Config | None = None
    patience, path, known, guard = _patience(dial, wrong), None, bool(profiles), NO_TOKEN
    try:
        config = None if source is None else source.read()
    except BrownoutError as error:
        wrong.append(error)
        known = False
    entries: list[ProxyEntry] = []
    everything: list[ProxyEntry | str] = [*(config.proxies.values() if config else ()), *proxies]
    for given in everything:
        try:
            each = entry(given) if isinstance(given, str) else given
            _check_free(each.name, entries, for_child=bool(command))
            entries.append(each)
        except BrownoutError as error:
            wrong.append(error)
    chosen = _profiles(profiles, config, entries, wrong, waits=intercept) if known else []
    mapped = _env(env, config, entries, wrong) if command else {}
    if env and not command:
        wrong.append(BrownoutError("--env needs a COMMAND", _ENV))
    if api is None:
        api = FREE if command else DEFAULT
    try:
        if api != NONE and Address.listen(api).path:
            raise BrownoutError(f"the API cannot listen at {mask(api)}", "write HOST:PORT")
    except BrownoutError as error:
        wrong.append(error)
    try:
        guard = Guard.of(token, hosts)
    except BrownoutError as error:
        wrong.append(error)
    choice = intercepting.choice(intercept, only, spared, command, wrong)
    if strict and not command:
        wrong.append(BrownoutError("--strict needs a COMMAND", _STRICT))
    if (verdicts or expect) and not command:
        option = "--verdicts" if verdicts else "--expect"
        wrong.append(BrownoutError(f"{option} needs a COMMAND", _VERDICTS))
    expected = Expectations()
    try:
        expected = convert(Expectations, pairs(expect, "max_attempts=4", "expectation"), text=True)
    except BrownoutError as error:
        wrong.append(BrownoutError(f"--expect: {error.message}", error.hint))
    if watch and source is None:
        wrong.append(BrownoutError("there is no file to watch", "brownout run brownout.yaml --watch"))
    try:
        path = None if report is None else reports.check(report)
    except BrownoutError as error:
        wrong.append(error)
    if wrong:
        raise CombinedError(wrong)
    if api == NONE and not entries and not command:
        raise BrownoutError("there is nothing to run", "give a proxy: -p redis=redis://127.0.0.1:6379")
    return Plan(
        proxies=entries,
        api=None if api == NONE else api,
        seed=config.seed if config and seed is None else seed,
        command=command,
        dial=patience,
        file=source,
        config=config,
        profiles=tuple(chosen),
        env=mapped,
        intercept=choice,
        watch=watch,
        strict=strict or (config is not None and config.strict),
        verdicts=verdicts or bool(expect),
        expected=expected,
        quiet=quiet,
        report=path,
        guard=guard,
        show_values=show_values,
        callers=callers,
    )


def _patience(dial: str | None, wrong: list[BrownoutError]) -> Duration | None:
    try:
        patience = None if dial is None else Duration.parse(dial)
        if patience is not None and not patience:
            raise UnitError("a dial timeout of 0 would fail every connection", "write it like 300ms or 10s")
    except UnitError as error:
        wrong.append(error)
        return None
    return patience


def _profiles(
    asked: Sequence[str],
    config: Config | None,
    entries: Sequence[ProxyEntry],
    wrong: list[BrownoutError],
    *,
    waits: bool,
) -> list[Profile]:
    """Find the profiles, the file's before shipped ones, and check that each meets proxies, unless these may come."""
    from ..faults.config.file import with_shipped

    found: list[Profile] = []
    known = with_shipped(config.profiles if config else {})
    complete = not wrong  # else a proxy that a profile means may be one that could not be read
    protocols = {each.name: Address.upstream(each.upstream).protocol for each in entries}
    for name in dict.fromkeys(asked):
        try:
            found.append(names.look_up("profile", name, known))
            if complete and not waits:
                found[-1].resolve(protocols)
        except BrownoutError as error:
            wrong.append(error)
    return found


def _env(
    asked: Sequence[str], config: Config | None, entries: Sequence[ProxyEntry], wrong: list[BrownoutError]
) -> dict[str, Template]:
    """Read the templates of --env, which go before the file's, and check that there is what they name."""
    complete = not wrong  # else a proxy that a template names may be one that could not be read
    given: dict[str, Template] = {}
    for text in asked:
        try:
            name, found = template(text)
            if name in given:
                raise ConflictError(f"--env {name} is given twice", "leave one of them")
            given[name] = found
        except BrownoutError as error:
            wrong.append(error)
    known = {each.name: each for each in entries}
    merged = {**(config.env if config else {}), **given}
    for name, each in merged.items() if complete else ():
        try:
            each.check(known)
        except BrownoutError as error:
            source = "--env" if name in given else "env"
            wrong.append(BrownoutError(f"{source} {name}: {error.message}", error.hint))
    return merged


def _check_free(name: str, entries: Sequence[ProxyEntry], *, for_child: bool) -> None:
    for each in entries:
        if each.name == name:
            raise ConflictError(f"two proxies are named '{mask(name)}'", "give each its own name")
        if for_child and prefix(each.name) == prefix(name):
            raise ConflictError(
                f"'{each.name}' and '{name}' are both {prefix(name)} in the command's environment",
                "rename one of them",
            )
