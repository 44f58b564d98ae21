"""The COMMAND of `run`: how it is started, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..control import bearer
from ..control.api_address import VARIABLE
from ..wire.errors import BrownoutError
from . import errors

if TYPE_CHECKING:
    from ..proxy.intercept import Supervised
    from .signals import Signals

TERMINATION_TIMEOUT = 10.0
"""Seconds for the command to end after a signal; then it is killed."""
NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128


async def run(
    command: Sequence[str],
    found: dict[str, str],
    signals: Signals,
    started: Callable[[], None] = lambda: None,
    supervised: Supervised | None = None,
) -> int:
    """Run the command with our stdin, stdout and stderr, and return its exit code as a shell has it.

    `started` is called when it runs: what it does to limits of this process the command does not inherit. Where it is
    to be `supervised`, its connections are caught.

    127 where there is no such command, 126 where it cannot be run, 128 and the number where a signal ended it.
    """
    ours = (VARIABLE, bearer.VARIABLE)
    environment = {key: value for key, value in os.environ.items() if key not in ours} | found
    process: asyncio.subprocess.Process | Supervised
    try:
        if supervised is None:
            process = await asyncio.create_subprocess_exec(*command, env=environment)
        else:
            process = supervised
            await supervised.start(command, environment)
    except FileNotFoundError:
        errors.show(BrownoutError(f"{command[0]}: command not found"))
        return NOT_FOUND
    except OSError as error:
        errors.show(BrownoutError(f"{command[0]}: cannot be run: {error.strerror or error}"))
        return NOT_EXECUTABLE
    try:
        started()
        code = await _wait(process, signals)
    finally:
        if process.returncode is None:
            process.kill()
    return code if code >= 0 else SIGNALLED - code


async def _wait(process: asyncio.subprocess.Process | Supervised, signals: Signals) -> int:
    """Wait for its end. A ctrl-C reaches it from the terminal; other signals, and a second ctrl-C, are handed on."""
    loop = asyncio.get_running_loop()
    ending = loop.create_task(process.wait())
    interrupted, asked = False, 0
    try:
        while not ending.done():
            asking = loop.create_task(signals.next())
            timeout = TERMINATION_TIMEOUT if asked else None
            await asyncio.wait({ending, asking}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if ending.done() or not asking.done():
                asking.cancel()
                number = signal.SIGTERM
            else:
                number = asking.result()
            if ending.done():
                break
            if number == signal.SIGINT and not interrupted:
                interrupted = True
                continue
            with contextlib.suppress(ProcessLookupError):
                if asked:
                    process.kill()
                else:
                    process.send_signal(signal.SIGTERM if number == signal.SIGINT else number)
            asked += 1
        return ending.result()
    finally:
        ending.cancel()
