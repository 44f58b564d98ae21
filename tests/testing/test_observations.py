"""What a test learns of its clients: requests and connections, attempts, and the wait for them."""

import asyncio
import contextlib
import http.client
import http.server
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import redis.backoff
import redis.retry
import urllib3
from urllib3.util import Retry, Timeout

from brownout.proxy.record import connection_log, request_log
from brownout.testing import Chaos, NotSeenError, Proxied, embedded, remote, servers
from brownout.wire.errors import BrownoutError

from ..control.conftest import serving

DEADLINE = 60.0


@pytest.fixture(params=["embedded", "remote"])
def chaos(request: pytest.FixtureRequest) -> Iterator[Chaos]:
    """Proxies of this process, and those of a server with the API."""
    with contextlib.ExitStack() as stack:
        api = "none" if request.param == "embedded" else stack.enter_context(serving()).api
        yield stack.enter_context(Chaos(seed=7, api=api))


@pytest.fixture
def payments(chaos: Chaos, shop: str) -> Proxied:
    return chaos.proxy("payments", upstream=shop)


@contextlib.contextmanager
def retrying(times: int = 3, pause: float = 0.0, timeout: float = DEADLINE) -> Iterator[urllib3.PoolManager]:
    """A real client that tries again."""
    retry = Retry(times, backoff_factor=pause, status_forcelist=[503], allowed_methods=None)
    with urllib3.PoolManager(retries=retry, timeout=Timeout(timeout)) as pool:
        yield pool


def ask(proxy: Proxied, path: str = "/charge", method: str = "GET") -> int:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=DEADLINE)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        assert reply.read() == b"ok"
        return reply.status
    finally:
        connection.close()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.002)


@contextlib.contextmanager
def giving_up(proxy: Proxied, says: bytes) -> Iterator[None]:
    """A client that says something, and gives up on it at the end of the block."""
    with socket.create_connection((proxy.host, proxy.port), timeout=DEADLINE) as client:
        client.sendall(says)
        yield


ASK = b"GET /charge HTTP/1.1\r\nHost: x\r\n\r\n"


# Requests


def test_attempts_are_counted_and_their_pauses_measured(payments: Proxied) -> None:
    payments.inject("http.status", status=503, times=3)
    with retrying(pause=0.05) as client:
        assert client.request("POST", f"{payments.url}/charge/17?token=secret", body=b"{}").status == 200
    found = payments.requests
    assert [each.attempt for each in found] == [1, 2, 3, 4]
    assert [each.status for each in found] == [503, 503, 503, 200]
    assert [each.fault for each in found] == ["http.status"] * 3 + [""]
    assert {each.operation for each in found} == {"POST /charge/{}"}
    assert {each.request for each in found} == {"POST /charge/17?token=***"}
    assert found[0].pause is None
    assert found[2].pause >= 0.1  # urllib3 waits for nothing, 0.1 and 0.2 s
    assert found[3].pause >= 0.2
    assert found[3].began >= found[2].began + found[2].seconds + 0.2
    assert len({each.connection for each in found}) == 1
    assert "secret" not in repr(found)
    assert repr(found[0]).startswith("<POST /charge/{} 503 in 0.")


def test_a_client_that_gives_up_has_left_and_stays_so(payments: Proxied) -> None:
    payments.inject("http.delay", delay="1h", times=2)
    for number in (1, 2):
        with giving_up(payments, ASK):
            wait(lambda: len(payments.requests) == number)  # noqa: B023 - called at once
            assert payments.requests[-1].end == "open"
            time.sleep(0.01)
        payments.wait_for(count=number, within=DEADLINE)
    ask(payments)
    for _ in ("held", "healed"):
        found = payments.requests
        assert [(each.status, each.end, each.attempt) for each in found] == [
            (None, "left", 1),
            (None, "left", 2),
            (200, "", 3),
        ]
        assert found[0].seconds >= 0.01
        payments.heal()
        payments.wait_for_connections(3, within=DEADLINE)


def test_a_reply_that_a_fault_of_streams_holds_was_not_had(payments: Proxied) -> None:
    payments.inject("latency", latency="1h", times=1)
    with giving_up(payments, ASK):
        wait(lambda: [each.status for each in payments.requests] == [200])
    wait(lambda: [each.status for each in payments.requests] == [None])
    ask(payments)
    assert [(each.status, each.end, each.attempt) for each in payments.requests] == [(None, "left", 1), (200, "", 2)]


def test_a_request_of_which_only_a_part_came_is_an_attempt_as_well(payments: Proxied) -> None:
    half = b"POST /charge HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{"
    with giving_up(payments, half):
        wait(lambda: [each.end for each in payments.requests] == ["open"])
    payments.wait_for(within=DEADLINE)
    with retrying(times=0) as client:
        assert client.request("POST", f"{payments.url}/charge", body=b"{}").status == 200
    assert [(each.end, each.attempt) for each in payments.requests] == [("left", 1), ("", 2)]


def test_a_request_that_is_under_way_is_listed(chaos: Chaos) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = chaos.proxy("silent", upstream=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with socket.create_connection((proxy.host, proxy.port)) as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            upstream, _ = silent.accept()
            with upstream:
                assert upstream.recv(100)
                assert [(each.end, each.status, each.failed) for each in proxy.requests] == [("open", None, False)]
                with pytest.raises(
                    NotSeenError, match=r"saw 0 of 1 requests within 0\.01 s; it saw 1 request: GET /a open"
                ):
                    proxy.wait_for(within="10ms")


def test_keep_alive_requests_are_operations_of_their_own(payments: Proxied) -> None:
    connection = http.client.HTTPConnection(payments.host, payments.port, timeout=DEADLINE)
    for _ in range(3):
        connection.request("GET", "/charge")
        assert connection.getresponse().read() == b"ok"
    connection.close()
    found = payments.requests
    assert [(each.attempt, each.group, each.connection) for each in found] == [(1, 1, 1), (1, 2, 1), (1, 3, 1)]


def test_eight_threads_at_once_have_an_operation_each(payments: Proxied) -> None:
    payments.inject("http.status", status=503, times=8)
    together = threading.Barrier(8)

    def work(number: int) -> int:
        with retrying(times=9, pause=0.01) as client:
            together.wait(DEADLINE)
            return client.request("POST", f"{payments.url}/charge", body=b"%d" % number).status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [200] * 8
    found = payments.wait_for("POST /charge", count=16, within=DEADLINE)
    assert len(found) == 16
    assert {each.group for each in found} == set(range(1, 9))
    for group in range(1, 9):
        ours = [each for each in found if each.group == group]
        assert [each.attempt for each in ours] == list(range(1, len(ours) + 1))
        assert ours[-1].status == 200


def test_a_reset_of_chaos_begins_anew_and_leaves_out_what_began_before(chaos: Chaos, payments: Proxied) -> None:
    payments.inject("http.delay", delay="1h", times=1)
    with socket.create_connection((payments.host, payments.port)) as client:
        client.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        while not payments.requests:
            time.sleep(0.002)
        chaos.reset()
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert (payments.requests, payments.connections) == ([], [])
        ask(payments, "/new")
        assert [each.operation for each in payments.requests] == ["GET /new"]


def test_of_too_many_some_are_lost_and_that_is_said(
    chaos: Chaos, payments: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (embedded, remote):
        monkeypatch.setattr(module, "REQUESTS_KEPT", 2)
        monkeypatch.setattr(module, "CONNECTIONS_KEPT", 2)
    assert (request_log.KEPT, connection_log.KEPT) == (10_000, 10_000)
    for _ in range(2):
        ask(payments)
    assert (len(payments.requests), len(payments.connections)) == (2, 2)
    ask(payments)
    with pytest.raises(BrownoutError, match=r"^3 requests ended since the last reset, and only the last 2 are known"):
        _ = payments.requests
    with pytest.raises(BrownoutError, match=r"^3 connections ended since"):
        payments.wait_for_connections(3, within=DEADLINE)
    chaos.reset()
    assert (payments.requests, payments.connections) == ([], [])


# Connections


def test_redis_connects_again_and_each_connection_is_an_attempt(chaos: Chaos) -> None:
    with servers.redis() as server:
        cache = chaos.proxy("cache", upstream=server.url)
        cache.inject("reset", times=2)
        backoff = redis.backoff.ConstantBackoff(0.05)
        retry = redis.retry.Retry(backoff, 3)
        with redis.Redis.from_url(cache.url, retry=retry, socket_timeout=DEADLINE) as client:
            assert client.ping()
            first, second, third = cache.connections
        assert [each.end for each in (first, second, third)] == ["reset", "reset", "open"]
        assert [each.attempt for each in (first, second, third)] == [1, 2, 3]
        assert [each.fault for each in (first, second, third)] == ["reset", "reset", ""]
        assert min(second.pause, third.pause) >= 0.04
        assert third.received > 0
        assert [each.end for each in cache.wait_for_connections(3, within=DEADLINE)][2] == "closed by client"


def test_one_that_hears_nothing_and_connects_again_tries_again(chaos: Chaos, echo: str) -> None:
    cache = chaos.proxy("silent", upstream=echo)
    cache.inject("half_open", times=2)
    for number in (1, 2):
        with giving_up(cache, b"x"):
            wait(lambda: [each.sent for each in cache.connections] == [1] * number)  # noqa: B023 - called at once
        cache.wait_for_connections(number, within=DEADLINE)
    with socket.create_connection((cache.host, cache.port), timeout=DEADLINE) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert [(each.end, each.attempt) for each in cache.connections] == [
            ("closed by client", 1),
            ("closed by client", 2),
            ("open", 3),
        ]


def test_what_a_fault_closes_is_over_when_it_begins_to_end(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("closing", upstream=echo)
    proxy.inject("timeout", timeout="0", times=2)
    for _ in range(2):
        with socket.create_connection((proxy.host, proxy.port), DEADLINE) as client, contextlib.suppress(OSError):
            assert client.recv(1) == b""
    with socket.create_connection((proxy.host, proxy.port), DEADLINE) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert [(each.end, each.attempt) for each in proxy.connections] == [("closed", 1), ("closed", 2), ("open", 3)]


def test_requests_of_what_is_not_parsed_are_an_error(chaos: Chaos, echo: str) -> None:
    cache = chaos.proxy("cache", upstream=f"redis://{echo}")
    for ask_for in (lambda: cache.requests, cache.wait_for, lambda: asyncio.run(cache.wait_for_async())):
        with pytest.raises(BrownoutError, match=r"^cache carries redis, whose requests are not parsed") as error:
            ask_for()
        assert "wait_for_connections" in error.value.hint
    assert cache.connections == []


def test_an_upstream_that_is_not_there_shows_in_the_connections(chaos: Chaos, reserve: Callable[[], str]) -> None:
    proxy = chaos.proxy("gone", upstream=f"http://{reserve()}")
    for _ in range(2):
        with pytest.raises(ConnectionError):
            ask(proxy)
    found = proxy.wait_for_connections(2, within=DEADLINE)
    assert [(each.end, each.opened, each.attempt) for each in found] == [("dial_refused", False, n) for n in (1, 2)]
    with pytest.raises(NotSeenError) as error:
        proxy.wait_for("GET /charge", within="10ms")
    assert error.value.message == (
        "gone saw 0 of 1 requests for GET /charge within 0.01 s; "
        "it saw no request, and it saw 2 connections: dial_refused (2 times)"
    )


# Waiting


@pytest.mark.parametrize("operation", ["GET /users/17", "GET /users/{}", "GET /users/*", "~^GET /users/[0-9]+", "*"])
def test_an_operation_is_named_as_it_was_sent_as_reports_have_it_or_by_a_pattern(
    payments: Proxied, operation: str
) -> None:
    ask(payments, "/users/17?page=2")
    assert [each.request for each in payments.wait_for(operation)] == ["GET /users/17?page=***"]


def test_it_waits_for_what_comes(payments: Proxied) -> None:
    ask(payments)
    ask(payments, "/other")
    threads = [threading.Thread(target=ask, args=(payments,)) for _ in range(2)]
    later = threading.Timer(0.05, lambda: [thread.start() for thread in threads])
    later.start()
    found = payments.wait_for("GET /charge", count=3, within=DEADLINE)
    assert [each.operation for each in found] == ["GET /charge"] * 3
    later.join()
    for thread in threads:
        thread.join()


def test_a_request_whose_client_leaves_counts_once(payments: Proxied) -> None:
    payments.inject("http.delay", delay="1h", times=1)

    def leave() -> None:
        with retrying(times=0, timeout=0.05) as client, contextlib.suppress(urllib3.exceptions.HTTPError):
            client.request("GET", f"{payments.url}/charge")

    thread = threading.Thread(target=leave)
    thread.start()
    assert [each.end for each in payments.wait_for("GET /charge", within=DEADLINE)] == ["left"]
    thread.join()
    healed = threading.Timer(0.02, payments.heal)
    healed.start()
    with pytest.raises(NotSeenError, match="saw 1 of 2 requests"):
        payments.wait_for("GET /charge", count=2, within="200ms")
    healed.join()


def test_what_was_seen_instead_is_said(payments: Proxied) -> None:
    for path in ("/charge", "/charge", "/health"):
        ask(payments, path)
    with pytest.raises(NotSeenError) as error:
        payments.wait_for("GET /charges", count=2, within=0.01)
    assert isinstance(error.value, AssertionError)
    assert error.value.message == (
        "payments saw 0 of 2 requests for GET /charges within 0.01 s; "
        "it saw 3 requests: GET /charge 200 (2 times), GET /health 200"
    )
    assert error.value.hint == "did you mean GET /charge?"
    with pytest.raises(NotSeenError) as error:
        payments.wait_for("GET /charge", count=3, within=0.01)
    assert error.value.message.startswith("payments saw 2 of 3 requests for GET /charge within 0.01 s; it saw 3")
    assert error.value.hint == ""
    with pytest.raises(NotSeenError, match=r"^payments saw 3 of 4 connections end within 0\.01 s; it saw 3 conn"):
        payments.wait_for_connections(4, within=0.01)


def test_what_is_seen_instead_stays_short(payments: Proxied) -> None:
    for letter in "abcdefgh":
        ask(payments, f"/{letter}")
    with pytest.raises(NotSeenError, match=r"it saw 8 requests: GET /a 200, .*GET /e 200, and 3 more kinds"):
        payments.wait_for("GET /never", within=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "it cannot wait for 0 of them"),
        ({"operation": "~("}, "'~(' is not a regular expression"),
        ({"within": "5"}, "5 has no unit"),
    ],
)
def test_a_wrong_wait_is_an_error(payments: Proxied, wrong: dict, message: str) -> None:
    with pytest.raises(BrownoutError, match=f"^{re.escape(message)}"):
        payments.wait_for(**wrong)


def test_a_coroutine_waits_and_its_loop_goes_on(payments: Proxied) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(payments.wait_for_async("GET /charge", count=2, within=DEADLINE))
        for _ in range(2):
            await asyncio.to_thread(ask, payments)
        assert [each.status for each in await waiting] == [200, 200]
        assert len(await payments.wait_for_connections_async(2, within=DEADLINE)) == 2
        with pytest.raises(NotSeenError, match="saw 2 of 3 requests"):
            await payments.wait_for_async("GET /charge", count=3, within=0.01)
        with pytest.raises(NotSeenError, match="saw 2 of 3 connections end"):
            await payments.wait_for_connections_async(3, within=0.01)

    asyncio.run(main())


def followers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "brownout follower"]


@pytest.mark.parametrize("what", ["wait_for_async", "wait_for_connections_async"])
def test_a_cancelled_wait_leaves_nothing(payments: Proxied, what: str) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(getattr(payments, what)(within=DEADLINE))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert followers() == []
    ask(payments)  # nobody is told
    assert len(payments.requests) == 1


def test_a_wait_that_is_over_leaves_no_listener(shop: str) -> None:
    with Chaos(seed=7, api="none") as chaos:
        payments = chaos.proxy("payments", upstream=shop)
        fleet = chaos._driver._fleet
        for wait_for in (payments.wait_for, payments.wait_for_connections):
            with pytest.raises(NotSeenError):
                wait_for(within=0.01)
        assert (fleet.request_log.listeners, fleet.connection_log.listeners) == (set(), set())


def test_threads_may_wait_at_once(payments: Proxied) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(payments.wait_for, "GET /charge", count, DEADLINE) for count in (1, 2, 3, 3)]
        for _ in range(3):
            ask(payments)
        assert [len(each.result(DEADLINE)) >= count for each, count in zip(waiting, (1, 2, 3, 3), strict=True)] == [
            True
        ] * 4
    assert followers() == []


def test_a_brownout_that_ends_meanwhile_is_an_error(shop: str) -> None:
    with serving() as running:
        chaos = Chaos(api=running.api)
        payments = chaos.proxy("payments", upstream=shop)
        ending = threading.Timer(0.05, lambda: running.call(running.server.close()))
        ending.start()
        with pytest.raises(BrownoutError, match=f"^the Brownout at {running.api} has ended$"):
            payments.wait_for(within=DEADLINE)
        ending.join()
        with contextlib.suppress(BrownoutError):  # nobody is there to be told
            chaos.close()


def test_a_chaos_that_is_closed_tells_nothing(shop: str) -> None:
    with Chaos(seed=7, api="none") as chaos:
        payments = chaos.proxy("payments", upstream=shop)
    with pytest.raises(BrownoutError, match="this Chaos is closed"):
        _ = payments.requests


def test_requests_are_seen_once_the_protocol_is_learnt(chaos: Chaos, shop: str) -> None:
    proxy = chaos.proxy("auto", upstream=shop.replace("http://", "auto://"))
    assert (proxy.protocol, proxy.requests) == ("auto", [])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, proxy)
        assert [each.status for each in proxy.wait_for(within=DEADLINE)] == [200]
        assert asked.result() == 200
    assert (proxy.protocol, [each.operation for each in proxy.requests]) == ("http", ["GET /charge"])


def test_a_profile_whose_protocol_is_learnt_later_is_healed_as_one(chaos: Chaos, shop: str) -> None:
    proxy = chaos.proxy("auto", upstream=shop.replace("http://", "auto://"))
    with chaos.profile("flaky-api") as profile:
        assert (profile.receipts, chaos.look_again()) == ([], ["flaky-api"])
        ask(proxy)
        assert [each.name for each in profile] == ["http.status", "http.delay", "http.lost_reply"]
        assert [each.matched for each in profile.receipts] == [1, 1, 1]
        assert (chaos.look_again(), len(chaos.injected)) == ([], 3)
    assert chaos.heal() == 0


@pytest.mark.parametrize("ends", ["block", "reset"])
def test_a_profile_that_was_healed_waits_for_no_protocol(chaos: Chaos, shop: str, ends: str) -> None:
    proxy = chaos.proxy("auto", upstream=shop.replace("http://", "auto://"))
    if ends == "block":
        with chaos.profile("flaky-api"):
            pass
    else:
        chaos.profile("flaky-api")
        chaos.reset()
        assert chaos.look_again() == []
    ask(proxy)
    assert (proxy.protocol, chaos.heal()) == ("http", 0)


def test_a_profile_applied_again_is_not_healed_by_its_first_handle(chaos: Chaos, shop: str) -> None:
    proxy = chaos.proxy("auto", upstream=shop.replace("http://", "auto://"))
    first, second = chaos.profile("flaky-api"), chaos.profile("flaky-api")
    first.heal()
    ask(proxy)
    assert [each.name for each in second] == ["http.status", "http.delay", "http.lost_reply"]
    assert list(first) == []
