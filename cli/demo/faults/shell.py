"""What a user would type: `brownout run` in one terminal, commands in another."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from ....control.api_address import VARIABLE
from ....control.client import Client
from ....wire.errors import BrownoutError
from . import page

DEADLINE = 20.0
PROGRAM = (sys.executable, "-P", "-m", "brownout.cli")
"""The Brownout of this Python, whatever PATH and the folder say."""


class Shell:
    """Commands that talk to one `brownout run`."""

    def __init__(self, api: str) -> None:
        self._environment = {**os.environ, VARIABLE: api}
        self._api = api

    def run(self, words: Sequence[str]) -> None:
        """Run a command. Raises BrownoutError where it fails."""
        what = " ".join(("brownout", *words))
        try:
            done = subprocess.run(  # noqa: S603 - the words stand in the story
                [*PROGRAM, *words], env=self._environment, capture_output=True, text=True, timeout=DEADLINE
            )
        except subprocess.TimeoutExpired:
            raise BrownoutError(f"{what} did not end within {DEADLINE:g} s") from None
        if done.returncode:
            raise BrownoutError(f"{what} failed: {done.stderr.strip() or f'exit code {done.returncode}'}")

    def addresses(self) -> dict[str, str]:
        """Return where the proxies listen."""
        return {view["name"]: view["address"] or "" for view in Client(self._api).proxies()}


@contextlib.contextmanager
def running(upstreams: Mapping[str, str]) -> Iterator[Shell]:
    """Run `brownout run` with a proxy before each upstream while the block runs, and print its first lines.

    Raises BrownoutError where it does not start.
    """
    words = ["run", *(word for name, upstream in upstreams.items() for word in ("-p", f"{name}={upstream}"))]
    page.say("")
    page.command(words)
    with subprocess.Popen(  # noqa: S603 - what the demo started itself
        # With a command it takes a free port for the API. `cat` ends when we do, however we die, and it with `cat`.
        [*PROGRAM, *words, "--", "cat"],
        env={key: value for key, value in os.environ.items() if key != VARIABLE},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a ctrl-C is for us
    ) as process:
        assert process.stdin
        try:
            yield Shell(_api(process))
        finally:
            process.stdin.close()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()


def _api(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    api, last = "", ""
    timer = threading.Timer(DEADLINE, process.kill)
    timer.start()
    try:
        for line in process.stderr:
            last = line.rstrip()
            if last.startswith("api "):
                api = last.removeprefix("api ")
            page.say(last)
            # From here on nobody reads: `run` leaves out what a full pipe does not take.
            if last.startswith("seed "):
                return api
    finally:
        timer.cancel()
    raise BrownoutError(f"brownout run did not start: {last or f'exit code {process.wait()}'}")
