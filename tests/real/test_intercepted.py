"""Clients that know nothing of Brownout, beneath `brownout run --intercept`: each meets what is injected.

They run side by side beneath one Brownout. Each calls a real server by an address of its own, so that each has a receipt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from brownout.testing import servers

from ..somebody import as_somebody

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="--intercept needs Linux"),
]

HERE = Path(__file__).parent
DEADLINE = 120.0
LATENCY = 0.4
PROFILES = {"slow": {"*": ["latency:400ms"]}, "cut": {"*": [{"fault": "reset", "bytes": "1B"}]}}
HINTS = {
    "curl": "apt-get install curl",
    "node": "apt-get install nodejs",
    "psql": "apt-get install postgresql",
    "pgbench": "apt-get install postgresql",
    "redis-cli": "apt-get install redis-tools",
}


class Client(NamedTuple):
    """A client: its server, and as regular expressions what it ends with when each of its connections is reset, and
    what it says else.

    `tries` is how many connections it makes where they are reset. `words` are those of a command, with {url}, {host},
    {port} and {folder}, that of the unix socket; a client without is a function of intercepted_clients.py.
    """

    server: str
    reset: str
    said: str = "pong"
    connections: int = 1
    tries: int = 1
    words: tuple[str, ...] = ()
    unix: bool = False


SELECT = ("-p", "{port}", "-U", "postgres", "-Atc", "SELECT 'pong'")
PGBENCH = (
    "pgbench",
    "-n",
    "-c4",
    "-t1",
    "-f",
    "pong.sql",
    "-h",
    "{host}",
    "-p",
    "{port}",
    "-U",
    "postgres",
    "postgres",
)
CLIENTS = {
    "curl": Client("http", "exit 56", words=("curl", "-sS", "{url}")),
    "requests": Client("http", "ConnectionError"),
    "httpx": Client("http", "ReadError"),
    "httpx-asyncio": Client("http", "ReadError"),
    "aiohttp-asyncio": Client("http", "ClientOSError", tries=2),
    "aiohttp-uvloop": Client("http", "ClientOSError", tries=2),
    "threads": Client("http", "40 ConnectionResetError", "40 pong", 40, 40),
    "fork-server": Client("http", "4 ConnectionResetError", "4 pong", 4, 4),
    "node-fetch": Client("http", "ECONNRESET|UND_ERR_SOCKET", words=("node", "intercepted.mjs", "fetch", "{url}")),
    "psql": Client("postgres", "exit 2", words=("psql", "-h", "{host}", *SELECT)),
    "psql-unix": Client("postgres", "exit 2", words=("psql", "-h", "{folder}", *SELECT), unix=True),
    "pgbench": Client("postgres", "exit 1", "(?s).* actually processed: 4/4.*", 5, words=PGBENCH),
    "psycopg": Client("postgres", "OperationalError"),
    "psycopg-asyncio": Client("postgres", "OperationalError"),
    "asyncpg-asyncio": Client("postgres", "ConnectionDoesNotExistError"),
    "asyncpg-uvloop": Client("postgres", "ConnectionDoesNotExistError"),
    "gunicorn": Client("postgres", "4 HTTPError", "4 pong", 4, 4),
    "node-pg": Client("postgres", "ECONNRESET|.* terminated .*", words=("node", "intercepted.mjs", "pg", "{url}")),
    "redis-cli": Client("redis", "exit 1", words=("redis-cli", "-u", "{url}", "echo", "pong")),
    "redis-py": Client("redis", "ConnectionError"),
    "redis-py-asyncio": Client("redis", "ConnectionError"),
    "redis-py-unix": Client("redis", "ConnectionError", unix=True),
    "node-ioredis": Client("redis", "ECONNRESET|.* closed.", words=("node", "intercepted.mjs", "ioredis", "{url}")),
    "bulk": Client("redis", "ConnectionError", "there: True, back: True"),
}
SMALL = [name for name in CLIENTS if name != "bulk"]
HOSTS = {name: f"127.0.0.{number}" for number, name in enumerate(CLIENTS, start=10)}
"""Where a client finds Redis or Postgres. HTTP servers differ in their ports."""


class Pong(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"pong")

    def log_message(self, *args: object) -> None:
        pass


class Site(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent about connections that were reset."""


class Seen(NamedTuple):
    """What came of a client: what it said or ended with, after how many seconds, and what its proxy counted."""

    said: str
    seconds: float
    connections: int
    fired: int
    sent: int
    received: int


class Street:
    """Real servers with an address for each client; node finds its packages in `folder`."""

    def __init__(self, folder: Path, program: Callable[..., str], stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._program = program
        self._stack = stack
        self._places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        hosts = {
            kind: [HOSTS[name] for name, client in CLIENTS.items() if client.server == kind and not client.unix]
            for kind in ("redis", "postgres")
        }
        self.redis = stack.enter_context(servers.redis(options=["--bind", "127.0.0.1", *hosts["redis"]]))
        addresses = ",".join(["127.0.0.1", *hosts["postgres"]])
        self.postgres = stack.enter_context(servers.postgres(options=["-c", f"listen_addresses={addresses}"]))
        self.urls = {name: self._url(client, HOSTS[name]) for name, client in CLIENTS.items()}

    def _url(self, client: Client, host: str) -> str:
        if client.server == "http":
            server = Site(("127.0.0.1", 0), Pong)
            thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
            thread.start()
            for end in (thread.join, server.server_close, server.shutdown):
                self._stack.callback(end)
            return f"http://127.0.0.1:{server.server_port}/"
        if client.server == "redis":
            return f"unix://{self.redis.socket}" if client.unix else f"redis://{host}:{self.redis.port}"
        return f"postgres://postgres@{host}:{self.postgres.port}/postgres"

    def _upstream(self, name: str) -> str:
        server = CLIENTS[name].server
        if CLIENTS[name].unix:
            return f"{server}+unix://{(self.redis if server == 'redis' else self.postgres).socket}"
        return self.urls[name]

    def _target(self, name: str) -> str | list[str]:
        client = CLIENTS[name]
        if not client.words:
            return self.urls[name]
        path = self._program(client.words[0], HINTS[client.words[0]], self._places)
        at = {"host": HOSTS[name], "port": self.postgres.port, "folder": self.postgres.socket.parent}
        return [path, *(word.format(url=self.urls[name], **at) for word in client.words[1:])]

    def run(self, names: Iterable[str], *options: str, before: Iterable[str] = ()) -> dict[str, Seen]:
        """Run clients beneath `brownout run --intercept`; the words `before` start it as somebody else."""
        proxies = {name: self._upstream(name) for name in names}
        file, report = self.folder / "brownout.yaml", self.folder / "report.json"
        file.write_text(json.dumps({"proxies": proxies, "profiles": PROFILES}))
        report.unlink(missing_ok=True)
        clients = [
            sys.executable,
            HERE / "intercepted_clients.py",
            json.dumps({name: self._target(name) for name in names}),
        ]
        brownout = [sys.executable, "-m", "brownout.cli", "run", file, "--intercept", "--report", report, *options]
        done = subprocess.run(
            [*before, *brownout, "--", *clients], cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        seen = {}
        for proxy in (each["proxy"] for each in json.loads(report.read_text())["proxies"]):
            fired = sum(each["receipt"]["fired"] for each in proxy["injections"])
            bytes_ = proxy["bytes"]
            counted = (proxy["connections"]["total"], fired, bytes_["upstream"], bytes_["downstream"])
            seen[proxy["name"]] = Seen(*said.pop(proxy["name"]), *counted)
        assert not said
        return seen


@pytest.fixture(scope="module")
def street(program: Callable[..., str], npm_install: Callable[..., None]) -> Iterator[Street]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bt-", dir="/tmp")))
        folder.chmod(0o777)  # an ordinary user writes a report there
        shutil.copy(HERE / "intercepted.mjs", folder)
        (folder / "pong.sql").write_text("SELECT 'pong';\n")
        npm_install(folder, "pg", "ioredis")
        yield Street(folder, program, stack)


def check(seen: dict[str, Seen], *, reset: bool = False) -> None:
    """See that each said what it is to say, by as many connections as it is to make, on each of which a fault fired."""
    wrong = {}
    for name, each in seen.items():
        client = CLIENTS[name]
        said, connections = (client.reset, client.tries) if reset else (client.said, client.connections)
        if not re.fullmatch(said, each.said) or (each.connections, each.fired) != (connections, connections):
            wrong[name] = each
    assert not wrong


def test_clients_that_know_nothing_of_it_meet_a_latency(street: Street) -> None:
    seen = street.run(SMALL, "--profile", "slow")
    check(seen)
    assert {name for name, each in seen.items() if each.seconds < LATENCY} == set()


def test_clients_that_know_nothing_of_it_meet_a_reset(street: Street) -> None:
    check(street.run(SMALL, "--profile", "cut"), reset=True)


def test_clients_of_an_ordinary_user_meet_what_is_injected(street: Street) -> None:
    names = ["curl", "psycopg", "redis-py-asyncio"]
    check(street.run(names, "--profile", "slow", before=[*as_somebody()]))
    check(street.run(names, "--profile", "cut", before=[*as_somebody()]), reset=True)


def test_64_mib_arrive_there_and_back(street: Street) -> None:
    seen = street.run(["bulk"])["bulk"]
    assert (seen.said, seen.connections) == ("there: True, back: True", 1)
    assert min(seen.sent, seen.received) > 64 * 2**20


def test_servers_that_a_suite_starts_are_found_by_their_names(program: Callable[..., str]) -> None:
    """As an ordinary user, since Postgres does not start as root."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    home = Path(program("initdb", "apt-get install postgresql", places)).resolve().parent
    with tempfile.TemporaryDirectory(prefix="bt-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        shutil.copy(HERE / "intercepted_suite.py", folder / "test_suite.py")
        (folder / "brownout.yaml").write_text(json.dumps({"profiles": {"cut": {"postgres": ["reset"]}}}))
        pytest_words = [
            "--",
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={name}/tmp",
        ]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_XDIST"))}
        environment = kept | {"POSTGRES_HOME": str(home), "HOME": name}

        def brownout(*words: str) -> subprocess.CompletedProcess[str]:
            command = [*as_somebody(), sys.executable, "-m", "brownout.cli", *words, *pytest_words]
            return subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEADLINE
            )

        healthy = brownout("deps", "--json")
        assert healthy.returncode == 0, healthy.stdout + healthy.stderr
        found = json.loads(healthy.stdout)["dependencies"]
        assert {each["name"]: each["protocol"] for each in found} == {"postgres": "postgres", "redis": "redis"}
        broken = brownout("run", "--intercept", "brownout.yaml", "--profile", "cut", "--strict")
        assert broken.returncode == 1, broken.stdout + broken.stderr
        assert "1 failed, 1 passed" in broken.stdout, broken.stdout


LIMITED = HERE.parent / "intercept" / "limited.py"
PIDFD_GETFD = "438"


def test_clients_meet_what_is_injected_where_sockets_cannot_be_taken(street: Street) -> None:
    names = [name for name in SMALL if not CLIENTS[name].unix]
    before = [sys.executable, str(LIMITED), PIDFD_GETFD]
    check(street.run(names, "--profile", "slow", before=before))
    check(street.run(names, "--profile", "cut", before=before), reset=True)
