"""Start what the shop depends on, outside of it: a Redis, a Postgres, and the three services.

python -m shop.outside                       prints where all of it is, and runs until ctrl-C
python -m shop.outside -- COMMAND            runs COMMAND with these variables, and ends with it
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import asyncpg
from redis import Redis

from brownout.testing import servers
from brownout.wire.errors import BrownoutError

from .passwords import hashed
from .services.tokens import issued

SERVICES = ("tokens", "gateway", "notifications")
CUSTOMER, PASSWORD = "ann@example.com", "correct horse"
"""A customer who is there from the start, and signed in."""
DEADLINE = 10.0


@contextlib.contextmanager
def outside(*names: str) -> Iterator[dict[str, dict[str, str]]]:
    """Run all of it while the block runs, with a database of its own for each of the names.

    Yields the variables of each name: REDIS_URL, POSTGRES_URL, TOKENS_URL, GATEWAY_URL and NOTIFICATIONS_URL. Raises
    BrownoutError for what cannot be started.
    """
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(servers.redis())
        postgres = stack.enter_context(servers.postgres())
        urls = {f"{name.upper()}_URL": stack.enter_context(_service(name)) for name in SERVICES}
        found = {}
        for number, name in enumerate(names):
            at = {"REDIS_URL": f"{redis.url}/{number}", "POSTGRES_URL": f"{postgres.url.rpartition('/')[0]}/{name}"}
            asyncio.run(_fill(postgres.url, at["POSTGRES_URL"], name))
            with Redis.from_url(at["REDIS_URL"]) as cache:
                cache.set(f"session:{issued(CUSTOMER)}", CUSTOMER)
            found[name] = at | urls
        yield found


@contextlib.contextmanager
def _service(name: str) -> Iterator[str]:
    """Run a service on a free port, on which we listen for it from the start on: nobody can come too early."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        words = [sys.executable, "-m", "shop.services", name, "--fd", str(number), "--until-eof"]
        with subprocess.Popen(
            words,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            pass_fds=[number],
            start_new_session=True,  # a ctrl-C is for us
        ) as process:
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                process.kill()


async def _fill(server: str, url: str, name: str) -> None:
    """Make a database, with its tables and a customer."""
    connection = await asyncpg.connect(server, ssl=False)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        await connection.execute("INSERT INTO accounts VALUES ($1, $2)", CUSTOMER, hashed(CUSTOMER, PASSWORD))
    finally:
        await connection.close()


def run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with these variables, and return its exit code."""
    with subprocess.Popen(command, env={**os.environ, **variables}) as process:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # it is for the command, whose end we wait for
                return process.wait()


def main() -> None:
    """Do what the words say."""
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with outside("shop") as found, contextlib.suppress(KeyboardInterrupt):
            if command:
                sys.exit(run(command, found["shop"]))
            for name, value in found["shop"].items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
            signal.pause()
    except BrownoutError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
