"""Which proxy a connection comes to: configured, met, expected; and what faults do there."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from brownout.proxy.intercept.naming import names, protocol_of, url
from brownout.supervisor.sockaddr import Destination

from .conftest import Done

GREETED = """
    def serve(listener, greeting=b""):
        while True:
            sock, _ = listener.accept()
            sock.sendall(greeting)
            threading.Thread(target=lambda: [sock.sendall(data) for data in iter(lambda: sock.recv(65536), b"")], daemon=True).start()
"""
TRIP = """
    port = int(sys.argv[1])
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            found = trip(sock)
    except OSError as error:
        found = errno.errorcode.get(error.errno, type(error).__name__)
    say(found=found, took=time.monotonic() - began)
"""
RESP = b"*1\r\n$4\r\nPING\r\n"


def file(folder: Path, **config: object) -> str:
    (folder / "brownout.yaml").write_text(yaml.safe_dump(config))
    return "brownout.yaml"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_configured_proxy_gets_what_goes_to_its_upstream(
    run: Callable[..., Done], tmp_path: Path, echo: int, host: str
) -> None:
    config = file(
        tmp_path, proxies={"cache": f"redis://{host}:{echo}"}, profiles={"slow": {"cache": ["latency:400ms"]}}
    )
    done = run(TRIP, config, "--profile", "slow", "--strict", args=(echo,))
    assert (done.code, done.one["found"]) == (0, True), done.err
    assert done.one["took"] >= 0.4
    assert list(done.proxies) == ["cache"]


FAULTS = {
    "reset": ("ECONNRESET", 0), "refuse": ("ECONNREFUSED", 0), "connect_delay:400ms": (True, 0.4),
    "connection_limit:0": ("ECONNRESET", 0), "hang": ("TimeoutError", 1), "noop": (True, 0),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_connections_are_what_they_are(
    run: Callable[..., Done], tmp_path: Path, echo: int, fault: str
) -> None:
    found, least = FAULTS[fault]
    config = file(tmp_path, proxies={"cache": f"redis://127.0.0.1:{echo}"}, profiles={"it": {"cache": [fault]}})
    done = run(TRIP.replace("timeout=30", "timeout=1.5"), config, "--profile", "it", "--strict", args=(echo,))
    assert (done.code, done.one["found"]) == (0, found), done.err
    assert done.one["took"] >= least
    if fault != "noop":
        assert "fired 1" in done.err


@pytest.mark.parametrize("key", ["redis", "*", "red*", "redis:"])
def test_a_profile_waits_for_what_nobody_knows_yet(
    run: Callable[..., Done], tmp_path: Path, echo: int, key: str
) -> None:
    config = file(tmp_path, profiles={"slow": {key: ["latency:400ms"]}})
    program = TRIP.replace("trip(sock)", f"sock.sendall({RESP!r}) or sock.recv(64) == {RESP!r}")
    done = run(program, config, "--profile", "slow", "--strict", args=(echo,))
    assert (done.code, done.one["found"]) == (0, True), done.err
    assert done.one["took"] >= 0.4, "the first bytes already are late"
    assert (list(done.proxies), done.proxies["redis"]["protocol"]) == (["redis"], "redis")


def test_what_is_never_met_has_done_nothing(run: Callable[..., Done], tmp_path: Path, echo: int) -> None:
    config = file(
        tmp_path, profiles={"gone": {"cache": ["refuse"]}, "sql": {"postgres:": ["reset"]}, "any": {"ap*": ["reset"]}}
    )
    done = run(TRIP, config, "--profile", "gone", "--profile", "sql", "--profile", "any", "--strict", args=(echo,))
    assert (done.code, done.one["found"]) == (3, True)
    last = done.err.splitlines()[-1] if "exit 3" in done.err.splitlines()[-1] else next(line for line in done.err.splitlines() if "exit 3" in line)  # fmt: skip
    for name in ("gone on cache", "sql on postgres:", "any on ap*"):
        assert name in last
    assert "the command has not connected to it" in last


def test_names_come_from_protocols_and_from_hosts(run: Callable[..., Done]) -> None:
    done = run(
        GREETED
        + f"""
    first = [{RESP!r}, b"", {RESP!r}, b"GET / HTTP/1.1\\r\\nHost: api.example.com\\r\\n\\r\\n", b"gibberish"]
    for number, words in enumerate(first):
        listener = socket.create_server(("127.0.0.1", 0))
        greeting = b"J\\0\\0\\0\\n8.0.36\\0" + b"x" * 66 if number == 1 else b""
        threading.Thread(target=serve, args=(listener, greeting), daemon=True).start()
        with socket.create_connection(listener.getsockname()) as sock:
            if words:
                sock.sendall(words)
            assert sock.recv(10)
    say(done=True)
    """,
        "--only", "127.0.0.1:*",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {name: each["protocol"] for name, each in done.proxies.items()} == {
        "redis": "redis", "mysql": "mysql", "redis-2": "redis", "api.example.com": "http", "tcp": "tcp"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("to", "client", "server", "protocol", "usual"),
    [
        (Destination("10.0.0.1", 5432), b"", b"", "auto", "postgres"),
        (Destination("10.0.0.1", 5432), b"\x00\xff", b"", "tcp", "10.0.0.1:5432"),
        (Destination("127.0.0.1", 40000), RESP, b"", "redis", "redis"),
        (
            Destination("127.0.0.1", 8080),
            b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
            b"",
            "http",
            "127.0.0.1:8080",
        ),
        (Destination("127.0.0.1", 40000), b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"", "http", "http"),
        (
            Destination("10.0.0.1", 80),
            b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
            b"",
            "http",
            "api.example.com",
        ),
        (Destination("127.0.0.1", 40000), b"", b"", "auto", "tcp"),
        (Destination("", 0, "/run/redis.sock"), RESP, b"", "redis", "redis"),
    ],
)
def test_what_a_destination_is_called(to: Destination, client: bytes, server: bytes, protocol: str, usual: str) -> None:
    assert protocol_of(client, server) == protocol
    found = list(names(to, protocol, client))
    assert found[0] == usual
    assert (to.path or to.endpoint) in found
    assert len(set(found)) == len(found)
    assert (to.path or to.endpoint) in url(to, protocol)


HERE = Destination("127.0.0.1", 40000)


@pytest.mark.parametrize(
    ("variable", "value", "to", "usual"),
    [
        ("PAYMENTS_URL", "http://127.0.0.1:40000", HERE, "payments"),
        ("PAYMENTS_URL", "http://localhost:40000/v1?a=b", HERE, "payments"),
        ("PAYMENTS_URL", "http://user:secret@127.0.0.1:40000/", HERE, "payments"),
        ("PAYMENTS_URL", "http://[::1]:40000", Destination("::1", 40000), "payments"),
        ("TAX_RATES_API_BASE_URL", "127.0.0.1:40000", HERE, "tax-rates"),
        ("SEARCH_PORT", "40000", HERE, "search"),
        ("SEARCH_PORT", "8080", Destination("127.0.0.1", 8080), "search"),
        ("SEARCH_PORT", "4000", HERE, "http"),
        ("SEARCH_URL", "http://other:40000", HERE, "http"),
        ("SEARCH_URL", "http://127.0.0.1:400001", HERE, "http"),
        ("SEARCH_PORT", "8080", Destination("10.0.0.1", 8080), "10.0.0.1:8080"),
        ("http_proxy", "http://127.0.0.1:40000", HERE, "http"),
        ("PORT", "40000", HERE, "http"),
    ],
)
def test_a_local_service_is_called_by_the_variable_that_has_its_address(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, to: Destination, usual: str
) -> None:
    monkeypatch.setattr(os, "environ", {variable: value})
    assert next(names(to, "http", b"GET / HTTP/1.1\r\nHost: 127.0.0.1:40000\r\n\r\n")) == usual


@pytest.mark.parametrize(
    ("fixture", "to", "protocol", "usual"),
    [
        ("rates", HERE, "http", "rates"),
        ("fake_tax_rates", HERE, "http", "fake-tax-rates"),
        ("make_httpserver", HERE, "http", "httpserver"),
        ("_rates", HERE, "tcp", "rates"),
        ("rates", Destination("127.0.0.1", 8080), "http", "rates"),
        ("cache", HERE, "redis", "redis"),
    ],
)
def test_a_service_that_a_fixture_has_started_is_called_like_that(
    monkeypatch: pytest.MonkeyPatch, fixture: str, to: Destination, protocol: str, usual: str
) -> None:
    monkeypatch.setattr(os, "environ", {})
    assert next(names(to, protocol, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", fixture)) == usual


def test_the_protocol_names_what_there_is_mostly_one_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"DATABASE_URL": "postgres://127.0.0.1:40000/shop"})
    assert list(names(HERE, "postgres", b""))[:2] == ["postgres", "database"]


def test_what_listens_inside_is_left_alone_unless_it_is_a_server(run: Callable[..., Done], tmp_path: Path) -> None:
    program = (
        GREETED
        + """
    if sys.argv[1:] == ["serve"]:
        listener = socket.create_server(("127.0.0.1", 0))
        say(port=listener.getsockname()[1])
        serve(listener)
    server = subprocess.Popen(
        ["redis-server", __file__, "serve"], executable=sys.executable, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}"},
    )
    redis = json.loads(server.stdout.readline())["port"]
    mine = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(mine,), daemon=True).start()
    peers = []
    for port in (redis, mine.getsockname()[1]):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"*1\\r\\n$4\\r\\nPING\\r\\n")
            sock.recv(10)
            peers.append(sock.getpeername()[1] == port)
    server.kill()
    server.wait()
    say(same=peers)
    """
    )
    done = run(program)
    assert done.one == {"same": [False, True]}
    assert done.err.count(", a server that COMMAND starts itself") == 1
    assert run(program, "--only", "127.0.0.1:*").one == {"same": [False, False]}
    assert run(program, "--not", "127.0.0.1:*").one == {"same": [True, True]}


def test_unix_sockets_of_known_servers_are_carried(run: Callable[..., Done]) -> None:
    done = run(
        GREETED
        + """
    found = {}
    for name in (".s.PGSQL.5432", "redis.sock", "other.sock"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(name)
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        for blocking in (True, False):
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(blocking)
            sock.connect(os.path.abspath(name))
            sock.setblocking(True)
            found.setdefault(name, []).append([trip(sock), sock.getpeername() == name])
    missing = socket.socket(socket.AF_UNIX)
    found["missing"] = connect(missing, struct.pack("=H", socket.AF_UNIX) + os.path.abspath("no-redis.sock").encode() + b"\\0")
    say(**found)
    """
    )
    assert done.one == {
        ".s.PGSQL.5432": [[True, False]] * 2, "redis.sock": [[True, False]] * 2, "other.sock": [[True, True]] * 2, "missing": 2
    }  # fmt: skip
    assert len(done.proxies) == 2


def test_a_server_that_begins_to_listen_while_it_is_dialled_is_not_passed_by(run: Callable[..., Done]) -> None:
    """What was refused by then is refused: a client that tries again until it is let in comes through the proxy."""
    done = run(
        """
        path = os.path.abspath("redis.sock")
        address = struct.pack("=H", socket.AF_UNIX) + path.encode() + b"\\0"
        turn, turns = os.pipe()
        if not os.fork():
            for _ in range(300):
                with socket.socket(socket.AF_UNIX) as listener:
                    listener.bind(path)
                    os.write(turns, b".")
                    listener.listen()
                    listener.accept()[0].close()
                os.unlink(path)
                os.write(turns, b".")
            os._exit(0)
        passed = 0
        for _ in range(300):
            os.read(turn, 1)
            with socket.socket(socket.AF_UNIX) as sock:
                while connect(sock, address):
                    pass
                passed += sock.getpeername() == path
            os.read(turn, 1)
        os.wait()
        say(passed=passed)
        """
    )
    assert done.one == {"passed": 0}, done.err


def test_a_proxy_that_is_added_meanwhile_gets_what_goes_to_its_upstream(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        from brownout.control.client import Client
        port = int(sys.argv[1])
        client = Client(os.environ["BROWNOUT_API"])
        client.add("mine", f"tcp://127.0.0.1:{port}")
        client.inject("mine", {"fault": "refuse"})
        sock = socket.socket()
        refused = connect(sock, v4(port))
        client.heal("mine")
        healed = connect(sock, v4(port))
        client.inject("later", {"fault": "latency", "latency": "1s"})
        say(results=[refused, healed, trip(sock)], names=[each["name"] for each in client.proxies()])
        """,
        args=(echo,),
    )
    assert done.one == {"results": [111, 0, True], "names": ["mine", "later"]}, done.err
    assert "later" in done.err, "what was injected for what never came is told"


@pytest.mark.parametrize("pause", [0, 1.5])
def test_who_looks_whether_a_server_is_up_gives_it_no_name(run: Callable[..., Done], pause: float) -> None:
    done = run(
        GREETED
        + f"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        at = listener.getsockname()
        for _ in range(2):
            socket.create_connection(at).close()
        time.sleep({pause})
        with socket.create_connection(at) as sock:
            sock.sendall({RESP!r})
            say(found=sock.recv(64) == {RESP!r})
    """,
        "--only", "127.0.0.1:*",
    )  # fmt: skip
    assert done.one["found"]
    assert {name: each["connections"]["total"] for name, each in done.proxies.items()} == {"redis": 1 if pause else 3}
    assert ("nothing said: 127.0.0.1:" in done.err) == bool(pause)
    assert "(2 connections)" in done.err or not pause


HOWS = {"no_answer": ("TimeoutError", "EINPROGRESS"), "no_route": "EHOSTUNREACH", "timed_out": "ETIMEDOUT", "refused": "ECONNREFUSED"}  # fmt: skip


@pytest.mark.parametrize("how", HOWS)
def test_unreachable_is_an_error_of_connect_itself(
    run: Callable[..., Done], tmp_path: Path, echo: int, how: str
) -> None:
    config = file(
        tmp_path, proxies={"db": f"postgres://127.0.0.1:{echo}"}, profiles={"gone": {"db": [f"unreachable:{how}"]}}
    )
    done = run(
        """
        from brownout.control.client import Client
        port = int(sys.argv[1])
        found = []
        for timeout in (1.5, None):
            sock = socket.socket()
            sock.settimeout(timeout)
            if timeout is None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 1, 0))
            try:
                sock.connect(("127.0.0.1", port))
                found.append("connected")
            except OSError as error:
                found.append(errno.errorcode.get(error.errno, type(error).__name__))
        client = Client(os.environ["BROWNOUT_API"])
        client.heal()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            say(found=found, healed=trip(sock))
        """,
        config, "--profile", "gone", "--strict",
        args=(echo,),
    )  # fmt: skip
    wanted = HOWS[how]
    assert done.one == {"found": list(wanted) if isinstance(wanted, tuple) else [wanted] * 2, "healed": True}, done.err
    assert (done.code, "gone on db  matched 2, fired 2" in done.err) == (0, True), done.err


def test_an_upstream_that_is_changed_is_the_one_that_is_reached(run: Callable[..., Done], echo: int) -> None:
    done = run(
        GREETED
        + """
    from brownout.control.client import Client
    port = int(sys.argv[1])
    other = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(other, b"other"), daemon=True).start()
    client = Client(os.environ["BROWNOUT_API"])
    client.add("db", f"tcp://127.0.0.1:{port}")
    found = []
    for upstream in (port, other.getsockname()[1], port):
        client.update("db", upstream=f"tcp://127.0.0.1:{upstream}")
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"same!")
            found.append(sock.recv(5).decode())
    client.update("db", enabled=False)
    found.append(connect(socket.socket(), v4(port)))
    client.remove("db")
    found.append(connect(socket.socket(), v4(port)))
    say(found=found)
    """,
        args=(echo,),
    )
    assert done.one == {"found": ["same!", "other", "same!", 111, 0]}, done.err


def test_one_server_by_several_addresses_is_one_dependency(run: Callable[..., Done]) -> None:
    done = run(
        GREETED
        + """
    tcp = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = tcp.getsockname()[1]
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f".s.PGSQL.{port}")
    unix.listen()
    for each in (tcp, unix):
        threading.Thread(target=serve, args=(each,), daemon=True).start()
    startup = b"\\0\\0\\0\\x08\\x04\\xd2\\x16\\x2f"
    for family, at in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port)), (socket.AF_UNIX, os.path.abspath(f".s.PGSQL.{port}"))):
        with socket.socket(family) as sock:
            sock.connect(at)
            sock.sendall(startup)
            assert sock.recv(8) == startup
    say(done=True)
    """,
        "--only", "*",
    )  # fmt: skip
    assert {name: each["connections"]["total"] for name, each in done.proxies.items()} == {"postgres": 3}, done.err


def test_of_very_many_destinations_the_last_ones_share_a_proxy(run: Callable[..., Done], tmp_path: Path) -> None:
    few = """
import sys
from brownout.proxy.intercept import interception
interception.MOST = 2
sys.argv = sys.argv[3:]
from brownout.cli.start import main
main()
"""
    config = file(tmp_path, profiles={"late": {"*": ["connect_delay:100ms"]}})
    done = run(
        GREETED
        + """
    found = []
    for number in range(5):
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listener, str(number).encode()), daemon=True).start()
        for _ in range(2):
            with socket.create_connection(listener.getsockname()) as sock:
                found.append(sock.recv(1).decode())
    say(found="".join(found))
    """,
        config, "--profile", "late", "--only", "127.0.0.1:*",
        before=(sys.executable, "-c", few),
    )  # fmt: skip
    assert done.one == {"found": "0011223344"}, done.err
    assert {name: each["connections"]["total"] for name, each in done.proxies.items()} == {
        "tcp": 2,
        "tcp-2": 2,
        "others": 6,
    }


@pytest.mark.parametrize("fault", ["refuse", "unreachable", "unreachable:no_route"])
def test_nobody_gets_through_a_fault_that_lets_nobody_in_while_the_destination_has_no_name(
    run: Callable[..., Done], tmp_path: Path, echo: int, fault: str
) -> None:
    config = file(tmp_path, profiles={"gone": {"*": [fault]}})
    done = run(TRIP, config, "--profile", "gone", "--strict", args=(echo,))
    assert done.one["found"] == "ECONNRESET", done.err
    assert done.code == 0, "what fired is not vacuous"
    assert "matched 1, fired 1" in done.err


def test_what_a_daemon_listens_on_is_inside_although_who_opened_it_has_ended(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    done = run(
        GREETED
        + """
    read, write = os.pipe()
    until, held = os.pipe()
    if os.fork() == 0:
        listener = socket.create_server(("127.0.0.1", 0))
        if os.fork() == 0:
            for stream in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), stream)
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            os.write(write, str(listener.getsockname()[1]).encode())
            os.close(held)
            os.read(until, 1)
        os._exit(0)
    os.wait()
    with socket.create_connection(("127.0.0.1", int(os.read(read, 16)))) as sock:
        say(found=trip(sock))
        """
    )
    assert done.one == {"found": True}
    assert done.proxies == {}, "it is the service, not a dependency"


def test_a_proxy_that_takes_the_place_of_another_gets_its_connections(
    run: Callable[..., Done], tmp_path: Path, echo: int
) -> None:
    config = file(tmp_path, proxies={"cache": f"redis://127.0.0.1:{echo}"})
    done = run(
        """
        from brownout.control.client import Client
        port = int(sys.argv[1])
        client = Client(os.environ["BROWNOUT_API"])
        upstream = client.proxy("cache")["upstream"]
        client.remove("cache")
        client.add("other", upstream)
        client.inject("other", "refuse")
        found = []
        for _ in range(100):
            with socket.socket() as sock:
                found.append(connect(sock, v4(port)))
            if found[-1]:
                break
            time.sleep(0.05)
        say(found=found[-1], names=[each["name"] for each in client.proxies()])
        """,
        config,
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"found": 111, "names": ["other"]}, done.err


def test_what_waits_for_a_name_is_told_where_it_is_asked_for(
    run: Callable[..., Done], tmp_path: Path, echo: int
) -> None:
    config = file(tmp_path, proxies={"never": "tcp://10.9.9.9:99"}, profiles={"slow": {"never": ["latency:1s"]}})
    done = run(
        """
        def brownout(*words):  # that of BROWNOUT_API
            words = [sys.executable, "-m", "brownout.cli", *words]
            return subprocess.run(words, capture_output=True, text=True, check=True)

        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).sendall(b"ping")
        injected = brownout("inject", "reddis", "latency:1s")
        say(out=injected.stdout, err=injected.stderr, status=brownout("status").stdout)
        """,
        config, "--profile", "slow",
        args=(echo,),
    )  # fmt: skip
    told = done.one
    assert told["out"] == "injected latency on reddis: latency=1s\n"
    assert told["err"] == "note:  reddis waits for the command to connect there; it has connected to never and tcp\n"
    assert [line.split()[:4] for line in told["status"].splitlines() if line.startswith("reddis")] == [
        ["reddis", "not", "met", "yet"]
    ]
    assert "slow on never      nothing fired: no connection came; let the service connect to 10.9.9.9:99" in done.err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_client_that_ends_its_stream_without_a_word_gets_what_it_waits_for(
    run: Callable[..., Done], host: str
) -> None:
    done = run(
        """
    def serve(listener):
        sock, _ = listener.accept()
        found = sock.recv(64)
        sock.sendall(b"at the end" if found == b"" else found)
        sock.close()

    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    with socket.create_server((sys.argv[1], 0), family=family) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with socket.create_connection(listener.getsockname()[:2]) as sock:
            sock.shutdown(socket.SHUT_WR)
            say(found=sock.recv(64).decode())
        """,
        "--only", "*",
        args=(host,),
    )  # fmt: skip
    assert done.one == {"found": "at the end"}, done.err


def test_a_proxy_that_was_moved_stays_so_whatever_else_is_met(
    run: Callable[..., Done], tmp_path: Path, echo: int
) -> None:
    config = file(tmp_path, proxies={"cache": f"tcp://127.0.0.1:{echo}"})
    done = run(
        """
        from brownout.control.client import Client

        def serve(listener):
            while True:
                sock, _ = listener.accept()
                sock.recv(64)
                sock.sendall(b"moved")
                sock.close()

        def ask(host, port):
            with socket.create_connection((host, port)) as sock:
                sock.sendall(b"ping")
                return sock.recv(64).decode()

        port = int(sys.argv[1])
        with socket.create_server(("0.0.0.0", 0)) as listener:
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            there = listener.getsockname()[1]
            found = [ask("127.0.0.1", port)]
            Client(os.environ["BROWNOUT_API"]).update("cache", upstream=f"tcp://127.0.0.1:{there}")
            found += [ask("127.0.0.1", port), ask("127.0.0.3", there), ask("127.0.0.1", there), ask("127.0.0.1", port)]
            say(found=found)
        """,
        config, "--only", "*",
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"found": ["ping", *["moved"] * 4]}, done.err


def test_what_a_proxy_was_moved_away_from_is_not_dialled(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        from brownout.control.client import Client
        client = Client(os.environ["BROWNOUT_API"])
        with socket.create_server(("127.0.0.1", 0)) as old:
            client.add("db", "tcp://127.0.0.1:%d" % old.getsockname()[1])
            with socket.create_connection(old.getsockname()) as sock:
                old.accept()[0].close()
            client.update("db", upstream=f"tcp://127.0.0.1:{sys.argv[1]}")
            with socket.create_connection(old.getsockname()) as sock:
                moved = trip(sock)
            old.settimeout(0.3)
            try:
                old.accept()
                reached = True
            except TimeoutError:
                reached = False
            say(moved=moved, reached=reached)
        """,
        "--only", "127.0.0.1:*",
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"moved": True, "reached": False}, done.err
