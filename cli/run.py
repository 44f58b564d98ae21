"""run: proxies, the API, and a command in their midst."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ..control import bearer
from ..control.api_address import DEFAULT, VARIABLE
from ..wire.errors import BrownoutError
from ..wire.mask import mask
from ..wire.protocols import PROTOCOLS
from .options import examples
from .typed import Change, Typed, keep, refusal
from .upstream import named

if TYPE_CHECKING:
    from ..faults.profile import Profile


class Run(click.Command):
    """A command whose words after `--` are another command's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what stands after `--` as it is. Raises UsageError for a command that does not."""
        end = args.index("--") if "--" in args else len(args)
        typed = keep(ctx, args)
        rest = super().parse_args(ctx, args[:end])
        if not ctx.resilient_parsing:
            _check_words(typed, ctx.params.get("file"), ctx.params["command"])
        ctx.params["command"] = tuple(args[end + 1 :])
        return rest


def _check_words(typed: Typed, file: str | None, stray: Sequence[str]) -> None:
    """Refuse what people mistakenly write in place of FILE: a proxy, a URL or a command. Raises BrownoutError."""
    absent = file is not None and not os.path.lexists(file)
    if file is not None and absent and ("=" in file or "://" in file or file in PROTOCOLS):
        at = typed.words.index(file)
        line = typed.line([Change(at, ("-p", named(file)))])
        raise refusal(f"{mask(file)}: there is no such file", "to give a proxy, use -p", [line])
    command = file if file is not None and absent and shutil.which(file) else stray[0] if stray else None
    if command is not None:
        line = typed.line([Change(typed.words.index(command), ("--", command))])
        raise refusal(f"'{command}' is one argument too many", "put the command after --", [line])


def _profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from ..faults.config.file import read, with_shipped

    own: dict[str, Profile] = {}
    with contextlib.suppress(BrownoutError):  # who completes a word is told nothing else
        own = read(ctx.params["file"]).profiles if ctx.params.get("file") else {}
    known = with_shipped(own)
    return [CompletionItem(name, help=each.description) for name, each in known.items() if name.startswith(incomplete)]


@click.command(
    cls=Run,
    epilog=examples(
        "brownout run -p redis=redis://127.0.0.1:6379",
        "brownout run brownout.yaml --watch",
        "brownout run -p db=127.0.0.1:15432=postgres://127.0.0.1:5432 --seed 7",
        "brownout run -p redis=redis://127.0.0.1:6379 -- pytest tests",
        "brownout run brownout.yaml --profile slow-network -- pytest tests",
        "brownout run -p db=postgres://127.0.0.1:5432 --env DB={db.url} -- ./serve",
        "brownout run --intercept --profile slow-network -- pytest tests",
    ),
)
@click.argument("file", required=False, type=click.Path(), metavar="[FILE]")
@click.option(
    "-p",
    "--proxy",
    "proxies",
    multiple=True,
    metavar="NAME=UPSTREAM",
    help="A proxy in front of a URL, HOST:PORT or PORT, on a free port. NAME=LISTEN=UPSTREAM sets the port.",
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    shell_complete=_profiles,
    help="Apply a profile of FILE, or one that comes with Brownout, before anything can connect.",
)
@click.option(
    "--env",
    "env",
    multiple=True,
    metavar="NAME=TEMPLATE",
    help="With COMMAND: set a variable to a proxy's address, like DATABASE_URL={db.url}. Overrides FILE.",
)
@click.option(
    "--intercept",
    is_flag=True,
    help="With COMMAND, on Linux: intercept every TCP connection that it opens. No address changes.",
)
@click.option(
    "--only",
    "only",
    multiple=True,
    metavar="GLOB",
    help="With --intercept: only these destinations, like HOST:PORT or *:5432.",
)
@click.option(
    "--not", "spared", multiple=True, metavar="GLOB", help="With --intercept: leave these destinations alone."
)
@click.option("--watch", is_flag=True, help="Reread FILE whenever it changes, as on SIGHUP.")
@click.option(
    "--strict", is_flag=True, help="With COMMAND: exit with 3 instead of 0 if anything that was injected did nothing."
)
@click.option(
    "--verdicts", is_flag=True, help="With COMMAND: list at its end what its clients did that makes failures worse."
)
@click.option(
    "--expect",
    "expect",
    multiple=True,
    metavar="NAME=VALUE",
    help="What --verdicts expects, like max_attempts=4 or idempotent='POST /search'. Implies --verdicts.",
)
@click.option("-q", "--quiet", is_flag=True, help="With COMMAND: print no summary of what the faults did.")
@click.option("--report", metavar="PATH", help="Write a JSON report of what happened, at the end.")
@click.option(
    "--api",
    metavar="HOST:PORT|none",
    help=f"Where the API listens.  [env: {VARIABLE}; default: {DEFAULT}; with COMMAND: a free port]",
)
@click.option(
    "--token",
    metavar="TOKEN",
    envvar=bearer.VARIABLE,
    help=f"The token that the API asks for.  [env: {bearer.VARIABLE}]",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A host name with dots, or a glob, by which clients may call the API. Not needed with a token.",
)
@click.option("--seed", type=int, metavar="N", help="Random seed (default: FILE's, else random; always printed).")
@click.option("--dial-timeout", metavar="DURATION", help="How long connecting to an upstream may take.  [default: 10s]")
@click.option("--show-values", is_flag=True, help="Show the values of queries in `brownout log`. They may be secrets.")
@click.option("--callers", is_flag=True, help="On Linux: find out which program opens each connection, and show it.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def run(
    file: str | None,
    proxies: tuple[str, ...],
    profiles: tuple[str, ...],
    env: tuple[str, ...],
    intercept: bool,
    only: tuple[str, ...],
    spared: tuple[str, ...],
    watch: bool,
    strict: bool,
    verdicts: bool,
    expect: tuple[str, ...],
    quiet: bool,
    report: str | None,
    api: str | None,
    token: str | None,
    hosts: tuple[str, ...],
    seed: int | None,
    dial_timeout: str | None,
    show_values: bool,
    callers: bool,
    command: tuple[str, ...],
) -> None:
    """Run proxies until ctrl-C, or as long as COMMAND runs.

    The proxies are those of FILE and of -p. COMMAND finds them in its environment. For each proxy there are
    BROWNOUT_<NAME>_URL, _ADDRESS, _HOST and _PORT: NAME is in capitals, with _ for anything but letters and digits.
    BROWNOUT_API and BROWNOUT_TOKEN lead to the API. FILE's `env:` and --env set more variables: {db.url}, {db.host},
    {db.port} and {db.address} are those of the proxy db.

    Brownout exits with the exit code of COMMAND. With a COMMAND the API takes a free port, so several can run at once.
    You can give -p, --env, --profile, --expect and --allow-host several times.
    """
    from . import plan

    if api is None and not command:
        api = os.environ.get(VARIABLE) or None
    asked = plan.make(
        proxies,
        api,
        seed,
        command,
        dial_timeout,
        file=file,
        profiles=profiles,
        env=env,
        intercept=intercept,
        only=only,
        spared=spared,
        watch=watch,
        strict=strict,
        verdicts=verdicts,
        expect=expect,
        quiet=quiet,
        report=report,
        token=token,
        hosts=hosts,
        show_values=show_values,
        callers=callers,
    )
    from .session import run as run_session

    sys.exit(run_session(asked))
