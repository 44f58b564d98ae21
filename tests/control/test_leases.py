"""Leases: what clients of the API made goes with them. Time passes when told to."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from brownout.control import leases
from brownout.control.client import Client
from brownout.testing.clock import VirtualClock
from brownout.wire.errors import BrownoutError, ConflictError

from .conftest import Running


class Time:
    """The time of the fleet."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._clock = VirtualClock()

    def __enter__(self) -> "Time":
        self._real, self._running.fleet.clock = self._running.fleet.clock, self._clock
        return self

    def __exit__(self, *exc: object) -> None:
        self._running.fleet.clock = self._real

    def passes(self, seconds: float) -> None:
        async def work() -> None:
            self._clock.run(seconds)

        self._running.call(work())


@pytest.fixture
def time(running: Running) -> Iterator[Time]:
    with Time(running) as time:
        yield time


@pytest.fixture
def leased(running: Running, time: Time) -> Client:
    running.client.add("echo", running.echo)
    client = running.client
    client.begin_lease(30)
    return client


def placed(running: Running) -> list[str]:
    return [str(each["name"]) for view in running.client.proxies() for each in view["injections"]]


def test_what_was_injected_stays_while_the_lease_is_renewed(running: Running, leased: Client, time: Time) -> None:
    leased.inject("echo", "latency:1s")
    for _ in range(5):
        time.passes(29)
        leased.renew_lease()
    assert placed(running) == ["latency"]


def test_any_request_under_it_renews_a_lease(running: Running, leased: Client, time: Time) -> None:
    leased.inject("echo", "latency:1s")
    for _ in range(5):
        time.passes(29)
        leased.health()
    assert placed(running) == ["latency"]


def test_what_was_made_is_undone_when_nothing_is_heard_of_the_client(
    running: Running, leased: Client, time: Time
) -> None:
    client = running.client
    client.add("off", "127.0.0.1:9", enabled=False)
    client.add("on", "127.0.0.1:9")
    client.inject("echo", {"fault": "latency", "latency": "1s", "name": "others"})
    leased.inject("echo", "latency:1s")
    leased.apply("half-open")
    leased.update("off", enabled=True)
    leased.update("on", enabled=False)
    leased.update("on", enabled=True)
    leased.update("on", enabled=False)
    leased.add("made", "127.0.0.1:9")
    assert leased.add("on", "127.0.0.1:9", enabled=False)["enabled"] is False  # found, not made
    time.passes(29.9)
    assert len(placed(running)) == 5
    time.passes(0.2)
    assert placed(running) == ["others"]
    running.call(until(lambda: "made" not in running.fleet.proxies and running.fleet.proxies["on"].enabled))
    assert {view["name"]: view["enabled"] for view in client.proxies()} == {"echo": True, "off": False, "on": True}


@pytest.mark.parametrize("again", [False, True], ids=["its own", "applied again by another client"])
def test_a_profile_that_waits_for_a_protocol_goes_with_its_lease(
    running: Running, leased: Client, time: Time, again: bool
) -> None:
    async def learn(name: str) -> None:
        running.fleet.proxies[name].learn("http")

    for name in ("soon", "late"):
        running.client.add(name, "auto://127.0.0.1:9")
    leased.apply("flaky-api")
    if again:
        running.client.apply("flaky-api")
    running.call(learn("soon"))
    assert placed(running) == ["http.status", "http.delay", "http.lost_reply"]
    time.passes(31)
    running.call(learn("late"))
    assert len(placed(running)) == (6 if again else 0)


async def until(done: Callable[[], bool]) -> None:
    while not done():
        await asyncio.sleep(0.001)


def test_the_journal_has_the_reason_before_what_was_healed(running: Running, leased: Client, time: Time) -> None:
    leased.inject("echo", "latency:1s")
    time.passes(31)
    kinds = [event["kind"] for event in running.client.journal()][-3:]
    assert kinds == ["injected", "lease_expired", "healed"]
    (expired,) = running.client.journal(kind="lease_expired")
    assert (expired["proxy"], expired["detail"]) == ("", {"lease": leased.lease, "duration": "30s"})


def test_a_client_that_comes_back_too_late_is_told_with_every_request(
    running: Running, leased: Client, time: Time
) -> None:
    leased.inject("echo", "latency:1s")
    time.passes(31)
    for call in (leased.renew_lease, leased.proxies, lambda: leased.inject("echo", "reset"), leased.heal):
        with pytest.raises(BrownoutError) as caught:
            call()
        assert caught.value.status == 410
        assert caught.value.message.startswith(
            "nothing was heard of this client for 30s: what it had made was undone at 20"
        )
    assert placed(running) == []
    assert running.ask("GET", "/v1/health", **{"Brownout-Lease": "unheard-of"})[0] == 410


def test_ending_a_lease_undoes_at_once_what_is_left(running: Running, leased: Client, time: Time) -> None:
    leased.inject("echo", "latency:1s")
    leased.inject("echo", "reset")
    leased.heal_one("echo", "reset")
    status, answer = running.ask("DELETE", f"/v1/leases/{leased.lease}")
    assert (status, answer) == (200, {"healed": 1})
    assert placed(running) == []
    assert running.client.journal(kind="lease_expired") == []
    assert running.ask("DELETE", f"/v1/leases/{leased.lease}")[0] == 410


def test_an_injection_of_the_same_name_that_another_made_since_stays(
    running: Running, leased: Client, time: Time
) -> None:
    leased.inject("echo", "latency:1s")
    running.client.heal()
    running.client.inject("echo", "latency:2s")
    time.passes(31)
    assert placed(running) == ["latency"]


def test_two_leases_know_nothing_of_each_other(running: Running, leased: Client, time: Time) -> None:
    other = running.client
    other.begin_lease(60)
    leased.inject("echo", "latency:1s")
    other.inject("echo", "reset")
    time.passes(31)
    assert placed(running) == ["reset"]
    time.passes(30)
    assert placed(running) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"duration": "0s"}', "0ms is not the duration of a lease"),
        ('{"duration": "2h"}', "2h is not the duration of a lease"),
        ('{"duration": "30"}', "30 has no unit"),
        ('{"seconds": 30}', "unknown setting 'seconds'"),
    ],
)
def test_a_wrong_duration_is_refused(running: Running, body: str, message: str) -> None:
    status, answer = running.ask("POST", "/v1/leases", body)
    assert (status, message in answer["error"]) == (400, True)


def test_there_is_an_end_to_leases_and_to_what_is_remembered(
    running: Running, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "MOST", 2)
    clients = [running.client for _ in range(4)]
    for client in clients[:2]:
        client.begin_lease(30)
    with pytest.raises(ConflictError):
        clients[2].begin_lease(30)
    time.passes(31)
    for client in clients[2:]:
        client.begin_lease(30)
    time.passes(31)
    with pytest.raises(BrownoutError, match="there is no such lease"):
        clients[0].renew_lease()
    with pytest.raises(BrownoutError, match="nothing was heard of this client"):
        clients[3].renew_lease()


def test_a_port_that_was_taken_meanwhile_is_in_the_journal(running: Running, leased: Client, time: Time) -> None:
    taken = running.client.proxy("echo")["address"]
    running.client.update("echo", listen=taken)
    leased.update("echo", enabled=False)
    host, _, port = str(taken).partition(":")
    with socket.create_server((host, int(port))):
        time.passes(31)
        running.call(until(lambda: bool(running.fleet.journal.events(kind="listen_failed"))))
    (failed,) = running.client.journal(kind="listen_failed")
    assert failed["proxy"] == "echo"
