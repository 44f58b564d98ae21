"""A protocol of another package, the one of docs/writing-a-protocol.md, on real sockets."""

import re
import sys
import types
from pathlib import Path

import pytest

from brownout.control.views import proxy_view
from brownout.faults.config.file import parse
from brownout.proxy.record.event import ParsingStopped
from brownout.wire.errors import BrownoutError

from .conftest import spec

PAGE = (Path(__file__).parents[2] / "docs/writing-a-protocol.md").read_text()


@pytest.fixture(autouse=True)
def kv(plug_in, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("kv")
    monkeypatch.setitem(sys.modules, "kv", module)
    found = re.search(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    exec(found[1], module.__dict__)
    plug_in("brownout.protocols", "kv", module.KV)
    plug_in("brownout.faults", "kv.busy", module.Busy)
    return module


class Store:
    """An upstream that replies to each command with its name; `got` is what came."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def __call__(self, reader, writer) -> None:
        while line := await reader.readline():
            self.got.append(line)
            writer.write(b"OK %b\n" % line.split()[1])
        writer.close()


async def opened(world, scheme: str = "kv"):
    store = Store()
    proxy = await world.proxy("store", f"{scheme}://{await world.serve(store)}")
    return store, proxy, *await world.connect(proxy)


async def told(reader, writer, *names: str) -> list[bytes]:
    writer.write(b"".join(b"GET %b\n" % name.encode() for name in names))
    return [await reader.readline() for _ in names]


@pytest.mark.parametrize("scheme", ["kv", "keyvalue"])
async def test_it_is_followed_by_each_of_its_names(world, scheme: str) -> None:
    _, proxy, reader, writer = await opened(world, scheme)
    assert await told(reader, writer, "a", "b") == [b"OK a\n", b"OK b\n"]
    entries = world.fleet.request_log.entries()
    assert [(each.operation, each.summary, each.status) for each in entries] == [
        ("GET", "GET a", "OK"),
        ("GET", "GET b", "OK"),
    ]
    assert proxy_view(proxy)["protocol"] == "kv"


async def test_a_fault_hits_what_its_own_key_matches(world) -> None:
    store, proxy, reader, writer = await opened(world)
    busy = proxy.inject(spec({"fault": "kv.busy", "why": "no", "match": {"name": "user:*", "verb": "get"}}))
    assert await told(reader, writer, "a", "user:1", "b", "user:2") == [
        b"OK a\n",
        b"ERROR no\n",
        b"OK b\n",
        b"ERROR no\n",
    ]
    assert store.got == [b"GET a\n", b"GET b\n"]
    assert (busy.matched, busy.fired) == (2, 2)
    proxy.heal()
    assert await told(reader, writer, "user:1") == [b"OK user:1\n"]
    assert world.events(ParsingStopped) == []


async def test_what_cannot_be_read_is_carried(world) -> None:
    store, proxy, reader, writer = await opened(world)
    busy = proxy.inject(spec("kv.busy"))
    writer.write(b"HELO a\nGET b\n")
    assert [await reader.readline() for _ in range(2)] == [b"OK a\n", b"OK b\n"]
    assert store.got == [b"HELO a\n", b"GET b\n"]
    assert world.events(ParsingStopped) == [ParsingStopped("store", 1, "unreadable line")]
    assert busy.fired == 0


@pytest.mark.parametrize("key", ["kv", "keyvalue"])
async def test_a_profile_means_it_by_each_of_its_names(world, key: str) -> None:
    _, proxy, reader, writer = await opened(world)
    await world.proxy("other", "redis://127.0.0.1:1")
    world.fleet.apply(parse(f'profiles: {{p: {{"{key}:": [kv.busy]}}}}').profiles["p"])
    assert list(proxy.injections) == ["kv.busy"]
    assert not world.fleet.proxies["other"].injections
    assert await told(reader, writer, "a") == [b"ERROR busy\n"]


async def test_faults_of_other_protocols_do_not_fit(world) -> None:
    proxy = await world.proxy("store", "keyvalue://127.0.0.1:1")
    with pytest.raises(BrownoutError, match=r"^http\.status acts on http requests, and store carries kv\n"):
        proxy.inject(spec("http.status:503"))
    web = await world.proxy("web", "http://127.0.0.1:1")
    with pytest.raises(BrownoutError, match=r"^kv\.busy acts on kv requests, and web carries http\n"):
        web.inject(spec("kv.busy"))


async def test_it_is_recognised_by_its_opening(world) -> None:
    store, proxy, reader, writer = await opened(world, "auto")
    proxy.inject(spec("kv.busy"))
    assert await told(reader, writer, "a") == [b"ERROR busy\n"]
    assert (proxy.protocol, store.got) == ("kv", [])
