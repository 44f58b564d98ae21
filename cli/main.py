"""The `brownout` command: its subcommands, and how it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

from ..wire.errors import BrownoutError
from . import errors
from .group import Group, Meant
from .options import examples

WRONG = 2
INTERRUPTED = 130
_HOMES = {
    "run": ".run",
    "deps": ".deps",
    "verify": ".verify",
    "report": ".report_command",
    "inject": ".inject",
    "change": ".inject",
    "heal": ".inject",
    "profile": ".profile",
    "status": ".status",
    "log": ".log",
    "proxy": ".proxies",
    "faults": ".catalogue",
    "check": ".check",
    "schema": ".check",
    "toxiproxy": ".toxiproxy",
    "demo": ".demo.command",
    "version": ".version",
}
"""The modules of the commands, in the order of their use."""
_WITH_FILES = ("run", "check", "report", "toxiproxy")
"""Commands that take the names of files, which may be any bytes."""
_UNWRITABLE = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk that is full, or a terminal that is gone, says."""


def _check_text(words: Sequence[str]) -> None:
    """Check that words are UTF-8, as what is sent to the API must be. Raises BrownoutError."""
    for word in () if words[:1] and words[0] in _WITH_FILES else words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise BrownoutError(f"{word!r} is not UTF-8", "names and settings are text") from None


class Program(Group):
    """A group whose errors are a sentence and a hint on stderr, with exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # as click declares it
    ) -> NoReturn:
        """Run a command and exit."""
        try:
            _check_text(sys.argv[1:] if args is None else args)
            code = super().main(args, "brownout", complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            errors.show_usage(error)
            sys.exit(WRONG)
        except click.Abort:
            sys.exit(INTERRUPTED)
        except BrownoutError as error:
            errors.show(error)
            sys.exit(WRONG)
        except OSError as error:
            if error.errno not in _UNWRITABLE or error.filename is not None:
                raise
            errors.discard(sys.stdout)
            errors.show(BrownoutError(f"the output cannot be written: {error.strerror}"))
            sys.exit(WRONG)
        sys.exit(code if isinstance(code, int) else 0)


def _meant() -> Mapping[str, Meant]:
    from .meant import MEANT

    return MEANT


@click.group(
    cls=Program,
    homes=_HOMES,
    aliases={"logs": "log"},
    meant=_meant,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "brownout verify -- pytest                         which tests survive which failure",
        "brownout run -p redis=redis://127.0.0.1:6379      start a proxy in front of a Redis",
        "brownout inject redis latency:300ms               make it slow",
        "brownout status                                   see what that hit",
        "brownout heal                                     undo it",
    ),
)
@click.version_option(package_name="brownout", message="brownout %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Show what your service does when a dependency is slow, stuck, wrong or gone."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> NoReturn:
    """Run the command line."""
    _open_what_is_closed()
    cli.main()


def _open_what_is_closed() -> None:
    """Take the place of a standard descriptor that is closed (`>&-`): a socket there would end uvloop."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            stream = open(number, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115 (it stays open)
            setattr(sys, name, stream)
