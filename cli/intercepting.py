"""`--intercept`: the connections of COMMAND, with no address changed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..wire.errors import BrownoutError
from . import errors
from .dependencies import configuration, lines
from .options import write_json

if TYPE_CHECKING:
    from ..control.serve import Server
    from ..proxy import Fleet
    from ..proxy.intercept import Choice, Interception
    from .output import Output

WRONG = 2
_LIKE = "brownout run --intercept --profile slow-network -- pytest"
_INSTEAD = "let a variable lead to the proxy instead: --env DATABASE_URL={db.url}"


def choice(
    asked: bool, only: Sequence[str], spared: Sequence[str], command: Sequence[str], wrong: list[BrownoutError]
) -> Choice | None:
    """Read what is to be intercepted, None: nothing. What is wrong with it is added to `wrong`."""
    if not asked:
        if only or spared:
            option = "--only" if only else "--not"
            wrong.append(BrownoutError(f"{option} is for --intercept, which is not given", _LIKE))
        return None
    if not command:
        wrong.append(BrownoutError("--intercept needs a COMMAND", _LIKE))
    if sys.platform != "linux":
        wrong.append(BrownoutError(f"--intercept needs Linux, and this is {platform.system()}", _INSTEAD))
        return None
    from ..proxy.intercept import Choice

    return Choice(tuple(only), tuple(spared))


class Told(NamedTuple):
    """How it is told what COMMAND talked to: as JSON, and as a configuration file at a path.

    `prefix` is what stands before each line of text.
    """

    as_json: bool = False
    path: Path | None = None
    prefix: str = ""


async def begin(
    fleet: Fleet, chosen: Choice, told: Told | None, server: Server | None, stack: AsyncExitStack
) -> Interception:
    """Get ready to catch the connections of the command. Raises InterceptError."""
    from ..proxy.intercept import Interception, Streams

    ours = () if server is None else (server.address.port,)
    streams = Streams(stdout=sys.stderr if told is not None and told.as_json else None)
    interception = Interception(fleet, chosen, ours, streams)
    stack.push_async_callback(interception.close)
    await interception.open()
    return interception


def tell(fleet: Fleet, interception: Interception, told: Told, code: int, output: Output) -> int:
    """Say what the command talked to; return the exit code."""
    from ..control.dependencies import dependencies_view
    from .child import NOT_EXECUTABLE, NOT_FOUND

    if interception.lost:
        wrong = "the process that answers connect() for the command was ended, so connect() has failed there"
        errors.show(BrownoutError(wrong, "how the command ended is not known"))
    view = dependencies_view(fleet, interception)
    if code in (NOT_FOUND, NOT_EXECUTABLE) and not view["dependencies"]:
        return code
    if told.as_json:
        write_json(view)
    else:
        for line in lines(view):
            output.say(f"{told.prefix}{line}")
    if told.path is None:
        return code
    try:
        with told.path.open("x", encoding="utf-8") as file:
            file.write(configuration(view))
    except OSError as error:
        errors.show(BrownoutError(f"--write {told.path}: cannot be written: {error.strerror}"))
        return code or WRONG
    output.say(f"written to {told.path}")
    return code
