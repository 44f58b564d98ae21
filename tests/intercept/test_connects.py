"""connect() of a caught program is what it is without us: for every kind of socket, and where it fails."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from .conftest import Done

KINDS = """
    port = int(sys.argv[1])
    mapped = socket.socket(socket.AF_INET6)
    mapped.connect(("::ffff:127.0.0.1", port))
    six = socket.socket(socket.AF_INET6)
    six.connect(("::1", port))
    only = socket.socket(socket.AF_INET6)
    only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    only.connect(("::1", port))
    bound = socket.socket(socket.AF_INET6)
    bound.bind(("::1", 0))
    bound.connect(("::1", port))
    timed = socket.create_connection(("localhost", port), timeout=30)
    everywhere = socket.create_connection(("0.0.0.0", port))
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    async def trips():
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()
            await writer.wait_closed()
        return True

    sockets = (mapped, six, only, bound, timed, everywhere, plain)
    say(trips=[trip(each) for each in sockets], asyncio=asyncio.run(trips()), blocking=plain.getblocking())
    say(peers=[each.getpeername()[:2] for each in sockets])
"""


def test_every_kind_of_socket_comes_to_its_destination(run: Callable[..., Done], echo: int) -> None:
    done = run(KINDS, args=(echo,))
    trips, peers = done.said
    assert trips == {"trips": [True] * 7, "asyncio": True, "blocking": True}
    assert all(port != echo for _, port in peers["peers"]), "each went through a proxy"
    (proxy,) = done.proxies.values()
    assert (proxy["connections"]["total"], proxy["bytes"]) == (9, {"upstream": 36, "downstream": 36})
    assert proxy["upstream"].rpartition(":")[2] == str(echo)


def test_a_refused_connect_says_so(run: Callable[..., Done], alone: Callable[..., list[dict[str, Any]]]) -> None:
    program = """
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            blocking = socket.socket()
            first, second = (connect(blocking, v4(port)) for _ in range(2))
            other = socket.socket()
            other.setblocking(False)
            began = connect(other, v4(port))
            import select
            poll = select.poll()
            poll.register(other, select.POLLOUT)
            poll.poll(30000)
            ended = other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

            async def tried():
                try:
                    await asyncio.open_connection("127.0.0.1", port)
                except OSError as error:
                    return error.errno

            asked = socket.socket()  # as hiredis does: it asks by a second connect()
            asked.setblocking(False)
            connect(asked, v4(port))
            poll.register(asked, select.POLLOUT)
            poll.poll(30000)
            time.sleep(0.1)
            say(errnos=[first, second, began, ended, asyncio.run(tried()), connect(asked, v4(port))])
    """
    done = run(program)
    assert done.one == {"errnos": [111, 111, 115, 111, 111, 111]} == alone(program)[0]
    assert "times)" in next(line for line in done.err.splitlines() if "refused: 127.0.0.1:" in line)


def test_a_socket_that_was_refused_can_be_used_again(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        import select
        with socket.socket() as closed, socket.socket() as sock:
            closed.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            found = [connect(sock, v4(closed.getsockname()[1]))]
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            poll.poll(30000)
            found.append(connect(sock, v4(closed.getsockname()[1])))  # asks how it went
            found.append(connect(sock, v4(port)))
            poll.poll(30000)
            sock.setblocking(True)
            say(found=found, trip=trip(sock), caught=sock.getpeername()[1] != port)
        """,
        args=(echo,),
    )
    assert done.one == {"found": [115, 111, 115], "trip": True, "caught": True}, done.err


def test_a_wrong_call_gets_the_kernels_own_answer(
    run: Callable[..., Done], alone: Callable[..., list[dict[str, Any]]], echo: int
) -> None:
    program = """
        port = int(sys.argv[1])
        made = lambda family=socket.AF_INET, kind=socket.SOCK_STREAM: socket.socket(family, kind)
        found = {
            "short": [connect(made(), v4(port)[:length], length) for length in (1, 2, 4, 8, 15)],
            "null": connect(made(), None, 16),
            "long": connect(made(), v4(port) + bytes(200)),
            "descriptor": [connect(9999, v4(port)), connect(0, v4(port))],
            "family": [connect(made(socket.AF_INET6), v4(port)), connect(made(), struct.pack("=H", 77) + bytes(14))],
            "unspecified": connect(made(), bytes(16)),
            "unix": connect(made(socket.AF_UNIX), struct.pack("=H", socket.AF_UNIX) + b"/nowhere"),
            "port": connect(made(), v4(0)),
        }
        listening = made()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        found["listening"] = connect(listening, v4(port))
        twice = made()
        found["twice"] = [connect(twice, v4(port)) for _ in range(3)]
        later = made()
        later.setblocking(False)
        first = connect(later, v4(port))
        time.sleep(0.2)
        found["later"] = [first, connect(later, v4(port)), connect(later, v4(port))]
        datagrams = made(kind=socket.SOCK_DGRAM)
        found["datagrams"] = [connect(datagrams, v4(port)), datagrams.getpeername() == ("127.0.0.1", port)]
        found["datagrams"] += [connect(datagrams, v4(53)), datagrams.getpeername() == ("127.0.0.1", 53)]
        left = made()
        connect(left, v4(port))
        found["left"] = [connect(left, bytes(16)), connect(left, v4(port)), trip(left)]
        say(**found)
    """
    done = run(program, args=(echo,))
    assert done.one == alone(program, echo)[0]
    assert "not seen: 127.0.0.1:53 (UDP: only TCP is intercepted)" in done.err
    assert done.err.count("not seen") == 1, "a lookup of names asks by UDP which address is near"


def test_who_does_not_answer_holds_nobody_up(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        at = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(at)
        blocked = socket.socket()
        threading.Thread(target=blocked.connect_ex, args=(at,), daemon=True).start()
        begun = socket.socket()
        begun.setblocking(False)
        result = begun.connect_ex(at)
        took = []
        for _ in range(50):
            began = time.monotonic()
            socket.create_connection(("127.0.0.1", port)).close()
            took.append(time.monotonic() - began)
        patient = socket.socket()
        patient.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 0, 200_000))
        began = time.monotonic()
        ended = connect(patient, v4(at[1]))
        say(result=result, median=sorted(took)[25], ended=ended, waited=time.monotonic() - began)
        """,
        "--only", "127.0.0.1:*",
        args=(echo,),
    )  # fmt: skip
    assert (done.one["result"], done.one["ended"]) == (115, 115)
    assert done.one["median"] < 1, "behind a connect() that nobody answers they would have waited for ever"
    assert done.one["waited"] >= 0.2


def test_signals_interrupt_nothing_that_they_would_not_interrupt(run: Callable[..., Done], echo: int) -> None:
    done = run(STORM, args=(echo, 1000))
    assert done.one == {"results": {"0": 1000}, "trips": 1000}
    (proxy,) = done.proxies.values()
    assert proxy["connections"]["total"] == 1000, "each came once"


STORM = """
    ticks = []
    signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    port, count = int(sys.argv[1]), int(sys.argv[2])
    results, trips = {}, 0
    for _ in range(count):
        with socket.socket() as sock:
            result = connect(sock, v4(port))
            results[result] = results.get(result, 0) + 1
            trips += trip(sock)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert len(ticks) > 100, len(ticks)
    say(results=results, trips=trips)
"""


def test_a_refused_socket_of_ipv6_alone_is_told_so(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        from brownout.control.client import Client
        port = int(sys.argv[1])

        def tried(port, blocks):
            with socket.socket(socket.AF_INET6) as sock:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setblocking(blocks)
                sock.connect_ex(("::1", port))
                import select
                poll = select.poll()
                poll.register(sock, select.POLLOUT)
                poll.poll(30000)
                return sock.connect_ex(("::1", port))

        with socket.socket(socket.AF_INET6) as closed:
            closed.bind(("::1", 0))
            found = [tried(closed.getsockname()[1], blocks) for blocks in (True, False)]
        Client(os.environ["BROWNOUT_API"]).inject("echo", "refuse")
        say(found=found, injected=[tried(port, blocks) for blocks in (True, False)])
        """,
        "-p", f"echo=[::1]:{echo}",
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"found": [111, 111], "injected": [111, 111]}, done.err


def test_threads_that_connect_the_same_socket_are_both_answered(run: Callable[..., Done]) -> None:
    done = run(
        """
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        fillers = [socket.socket() for _ in range(3)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 2, 0))
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(connect(sock, v4(full.getsockname()[1])))) for _ in range(2)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        say(found=sorted(found))
        """,
        "--only", "127.0.0.1:*",
    )  # fmt: skip
    assert done.one == {"found": [114, 115]}, "EALREADY, and EINPROGRESS as its time was over"


def test_a_server_that_speaks_first_is_heard_at_once(run: Callable[..., Done]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as sock:
                        sock.sendall(b"hello")

        server = threading.Thread(target=serve)
        server.start()
        done = run(
            """
            def took():
                began = time.monotonic()
                with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as sock:
                    assert sock.recv(5) == b"hello"
                return time.monotonic() - began

            say(fastest=min(took() for _ in range(20)))
            """,
            args=(listener.getsockname()[1],),
        )
        listener.shutdown(socket.SHUT_RDWR)
        server.join(60)
    assert done.one["fastest"] < 0.15, "an ACK that is kept back comes after 0.2 s"
