"""toxiproxy-python, the package, through its whole life against `brownout run`."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from .conftest import DEADLINE, Trip


@pytest.fixture
def server(api: str) -> Iterator[Toxiproxy]:
    """Its client; the address is the package's, for everybody, so it is put back."""
    host, port = api.split(":")
    server = Toxiproxy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(APIConsumer, "host", APIConsumer.host)
        patch.setattr(APIConsumer, "port", APIConsumer.port)
        server.update_api_consumer(host, int(port))
        yield server
        server.destroy_all()


def test_it_is_there(server: Toxiproxy) -> None:
    assert server.running()
    assert isinstance(json.loads(server.version())["version"], str)


def test_create_disable_enable_destroy(server: Toxiproxy, echo: str, trip: Trip, reserve: Callable[[], str]) -> None:
    proxy = server.create(upstream=echo, name="echo", listen=reserve())
    assert (proxy.name, proxy.upstream, proxy.enabled) == ("echo", echo, True)
    assert server.get_proxy("echo").listen == proxy.listen
    assert trip(proxy.listen) < DEADLINE
    with pytest.raises(ProxyExists):
        server.create(upstream=echo, name="echo")
    with proxy.down():
        assert server.get_proxy("echo").enabled is False
        with pytest.raises(ConnectionRefusedError):
            trip(proxy.listen)
    assert trip(proxy.listen) < DEADLINE
    assert server.destroy(proxy) is True
    assert server.get_proxy("echo") is None
    with pytest.raises(ConnectionRefusedError):
        trip(proxy.listen)
    with pytest.raises(NotFound):
        proxy.destroy()


def test_a_proxy_begins_disabled_where_it_is_asked_to(
    server: Toxiproxy, echo: str, trip: Trip, reserve: Callable[[], str]
) -> None:
    listen = reserve()
    proxy = server.create(upstream=echo, name="echo", listen=listen, enabled=False)
    assert (proxy.enabled, proxy.listen) == (False, listen)
    proxy.enable()
    assert trip(listen) < DEADLINE


def test_populate_keeps_what_is_the_same_and_replaces_what_differs(
    server: Toxiproxy, echo: str, trip: Trip, reserve: Callable[[], str]
) -> None:
    one, two, moved = reserve(), reserve(), reserve()
    made = server.populate(
        [{"name": "one", "upstream": echo, "listen": one}, {"name": "two", "upstream": echo, "listen": two}]
    )
    assert [proxy.name for proxy in made] == ["one", "two"]
    server.get_proxy("one").add_toxic(type="latency", attributes={"latency": 1})
    made = server.populate(
        [{"name": "one", "upstream": echo, "listen": one}, {"name": "two", "upstream": echo, "listen": moved}]
    )
    assert [(proxy.name, proxy.listen) for proxy in made] == [("two", moved)]
    assert list(server.get_proxy("one").toxics()) == ["latency_downstream"]
    assert trip(moved) < DEADLINE
    with pytest.raises(ConnectionRefusedError):
        trip(two)


def test_toxics_come_are_felt_and_go(server: Toxiproxy, echo: str, trip: Trip) -> None:
    proxy = server.create(upstream=echo, name="echo")
    proxy.add_toxic(type="latency", attributes={"latency": 300})
    proxy.add_toxic(name="up", type="latency", stream="upstream", toxicity=0.5, attributes={"latency": 1, "jitter": 1})
    found = proxy.toxics()
    assert list(found) == ["up", "latency_downstream"]
    toxic = found["latency_downstream"]
    assert (toxic.type, toxic.stream, toxic.toxicity, toxic.attributes) == (
        "latency", "downstream", 1, {"latency": 300, "jitter": 0}
    )  # fmt: skip
    assert proxy.get_toxic("up").toxicity == 0.5
    assert trip(proxy.listen) >= 0.3
    assert proxy.destroy_toxic("latency_downstream") is True
    assert proxy.get_toxic("latency_downstream") is None
    with pytest.raises(NotFound):
        proxy.destroy_toxic("latency_downstream")
    with pytest.raises(ProxyExists):  # its word for any 409
        proxy.add_toxic(name="up", type="noop")
    with pytest.raises(InvalidToxic):
        proxy.add_toxic(type="rain")


def test_a_timeout_closes_a_link_that_is_open(server: Toxiproxy, echo: str) -> None:
    proxy = server.create(upstream=echo, name="echo")
    host, port = proxy.listen.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
        link.sendall(b"x")
        assert link.recv(1) == b"x"
        began = time.monotonic()
        proxy.add_toxic(type="timeout", attributes={"timeout": 300})
        assert link.recv(1) == b""
        assert time.monotonic() - began >= 0.3


def test_a_black_hole_is_silent_until_it_is_destroyed(server: Toxiproxy, echo: str) -> None:
    proxy = server.create(upstream=echo, name="echo")
    proxy.add_toxic(type="timeout", attributes={"timeout": 0})
    host, port = proxy.listen.split(":")
    with socket.create_connection((host, int(port)), timeout=0.2) as link:
        link.sendall(b"x")
        with pytest.raises(TimeoutError):
            link.recv(1)
        link.settimeout(DEADLINE)
        proxy.destroy_toxic("timeout_downstream")
        assert link.recv(1) == b""


def test_reset_enables_and_heals(server: Toxiproxy, echo: str, trip: Trip) -> None:
    proxies = [server.create(upstream=echo, name=name) for name in ("one", "two")]
    proxies[0].add_toxic(type="timeout")
    proxies[1].disable()
    assert server.reset() is True
    assert [trip(proxy.listen) < DEADLINE for proxy in proxies] == [True, True]
    assert proxies[0].toxics() == {}


def test_destroy_all_leaves_nothing(server: Toxiproxy, echo: str) -> None:
    for name in ("one", "two"):
        server.create(upstream=echo, name=name)
    assert sorted(server.proxies()) == ["one", "two"]
    server.destroy_all()
    assert server.proxies() == {}
