"""`ToxiproxyClient`, against a Brownout that plays the Toxiproxy, and against servers that answer what they are told."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from toxiproxy.api import APIConsumer

from brownout.control.client import Client, NoAnswerError, UnsupportedError
from brownout.control.client_at import client_at
from brownout.control.toxiproxy.client import ToxiproxyClient
from brownout.control.toxiproxy.entries import Entry, ToxicEntry
from brownout.control.toxiproxy.toxics import TYPES
from brownout.faults import Spec
from brownout.faults.config.file import parse
from brownout.faults.profile import Profile, ProfileError
from brownout.faults.settings import SettingsError
from brownout.proxy import Proxy
from brownout.wire.errors import BrownoutError, ConflictError, NotFoundError

from ..conftest import Running
from ..test_client import stranger

PROFILES = """
profiles:
  slow: {"*": ["latency:200ms", {fault: latency, latency: 10ms, stream: upstream}], cache: ["bandwidth:10KB/s"]}
  lost: {echo: ["latency:200ms"], cache: ["reset", "half_open", {fault: latency, latency: 1ms, times: 3}]}
  named: {echo: [{fault: latency, latency: 1ms, name: mine}, {fault: latency, latency: 2ms}]}
  absent: {"nowhere*": ["latency:200ms"]}
  satellite: {echo: ["latency:300ms"]}
"""
KNOWN = (
    "its faults: latency, bandwidth, slow_close, timeout, reset, slicer, limit_data, noop; "
    "of the trigger it knows probability"
)


@pytest.fixture(scope="session")
def profiles() -> dict[str, Profile]:
    return parse(PROFILES).profiles


@pytest.fixture
def client(running: Running, profiles: dict[str, Profile]) -> ToxiproxyClient:
    """Of a Brownout with two proxies."""
    for name in ("echo", "cache"):
        running.call(running.fleet.add(name, running.echo))
    return ToxiproxyClient(f"toxiproxy://{running.api}", profiles=profiles)


def echo(running: Running) -> Proxy:
    return running.fleet.proxies["echo"]


def toxics(running: Running, proxy: str = "echo") -> list[dict[str, object]]:
    return running.ask("GET", f"/proxies/{proxy}")[1]["toxics"]


def names(running: Running) -> dict[str, list[str]]:
    return {name: list(proxy.injections) for name, proxy in running.fleet.proxies.items()}


# What it does


def test_an_address_says_whose_client_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWNOUT_API", raising=False)
    assert isinstance(client_at(), Client)
    assert isinstance(client_at("127.0.0.1:1"), Client)
    found = client_at("toxiproxy://sidecar:8474")
    assert isinstance(found, ToxiproxyClient)
    assert (found.where, found.address.endpoint) == ("toxiproxy://sidecar:8474", "sidecar:8474")
    monkeypatch.setenv("BROWNOUT_API", "toxiproxy://[::1]:1")
    assert client_at().where == "toxiproxy://[::1]:1"


@pytest.mark.parametrize(
    "address", ["toxiproxy://sidecar", "toxiproxy://unix:///tmp/x", "toxiproxy://", "toxiproxy://a:1/b"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BrownoutError):
        ToxiproxyClient(address)


def test_the_verbs(client: ToxiproxyClient, running: Running) -> None:
    assert client.health() == {"status": "ok", "version": client.health()["version"], "pid": None, "seed": None}
    made = client.add("own", f"redis://{running.echo}", enabled=False)
    assert (made["enabled"], made["address"], made["upstream"]) == (False, None, f"tcp://{running.echo}")
    made = client.update("own", enabled=True)
    assert (made["enabled"], made["listen"]) == (True, made["address"])
    assert client.inject("own", "latency:1s")["name"] == "latency"
    assert client.inject("own", {"fault": "latency", "latency": "2s"})["name"] == "latency-2"
    assert client.inject("own", {"fault": "latency", "latency": "3s", "name": "mine"})["name"] == "mine"
    assert client.change("own", "latency", {"latency": "4s", "probability": "50%"})["latency"] == "4s"
    assert [each["latency"] for each in client.injections("own")] == ["4s", "2s", "3s"]
    assert client.injection("own", "latency")["probability"] == "50%"
    assert client.heal_one("own", "latency")["latency"] == "4s"
    assert (client.heal("own"), client.heal()) == (2, 0)
    assert client.fault("noop")["settings"] == []
    assert [fault["name"] for fault in client.faults()] == [
        "latency", "bandwidth", "slow_close", "timeout", "reset", "slicer", "limit_data", "noop"
    ]  # fmt: skip
    client.remove("own")
    assert [view["name"] for view in client.proxies()] == ["cache", "echo"]


@pytest.mark.parametrize(
    ("injection", "toxic"),
    [
        ("latency:300ms", {"type": "latency", "attributes": {"latency": 300, "jitter": 0}}),
        (
            {"fault": "latency", "latency": "1s", "jitter": "50ms", "stream": "upstream", "probability": "25%"},
            {"type": "latency", "stream": "upstream", "toxicity": 0.25, "attributes": {"latency": 1000, "jitter": 50}},
        ),
        ("bandwidth:1.6Mbit/s", {"type": "bandwidth", "attributes": {"rate": 200}}),
        ("slow_close:2s", {"type": "slow_close", "attributes": {"delay": 2000}}),
        ("timeout", {"type": "timeout", "attributes": {"timeout": 0}}),
        ("timeout:1s", {"type": "timeout", "attributes": {"timeout": 1000}}),
        ({"fault": "reset", "delay": "500ms"}, {"type": "reset_peer", "attributes": {"timeout": 500}}),
        (
            {"fault": "slicer", "average_size": "100B", "size_variation": "50B", "delay": "10ms"},
            {"type": "slicer", "attributes": {"average_size": 100, "size_variation": 50, "delay": 10_000}},
        ),
        ("limit_data:4KiB", {"type": "limit_data", "attributes": {"bytes": 4096}}),
        ("noop", {"type": "noop", "attributes": {}}),
    ],
)
def test_an_injection_becomes_a_toxic(
    client: ToxiproxyClient, running: Running, injection: str, toxic: dict[str, object]
) -> None:
    answer = client.inject("echo", injection)
    [there] = toxics(running)
    assert there == {"name": answer["name"], "stream": "downstream", "toxicity": 1, **toxic}
    # And back: what is told of it is what was asked for.
    assert {**Spec.parse(injection).to_mapping(), "name": answer["name"]} == {
        key: value for key, value in answer.items() if key != "receipt"
    }
    assert client.injections("echo") == [answer]


def test_a_proxy_and_a_receipt_say_what_is_not_known(client: ToxiproxyClient, running: Running) -> None:
    armed = client.inject("echo", "latency:1ms")["receipt"]["armed_at"]
    running.ask("POST", "/proxies/echo/toxics", json.dumps({"type": "noop"}))
    view = client.proxy("echo")
    receipts = [each.pop("receipt") for each in view["injections"]]
    address = echo(running).address
    assert address is not None
    assert view == {
        "name": "echo", "listen": address.endpoint, "address": address.endpoint,
        "upstream": f"tcp://{running.echo}", "protocol": "tcp", "enabled": True, "trouble": None,
        "connections": None, "bytes": None, "turns": None, "errors": {}, "callers": [],
        "injections": [
            {"fault": "latency", "name": "latency", "stream": "downstream", "latency": "1ms"},
            {"fault": "noop", "name": "noop_downstream", "stream": "downstream"},
        ],
    }  # fmt: skip
    unknown = {
        "seed": None, "active": True, "matched": 0, "chosen": 0, "fired": 0, "bytes": 0, "untouched": [],
        "untouched_total": 0, "unseen": True, "refused": None, "cause": "", "reason": "", "hint": "", "waits_for": "",
        "profile": "", "key": "", "worker": "", "healed_at": None,
    }  # fmt: skip
    assert receipts == [{**unknown, "armed_at": armed}, {**unknown, "armed_at": ""}]
    assert armed
    assert client.heal_one("echo", "latency")["receipt"]["healed_at"] >= armed


def test_healing_leaves_proxies_as_they_are(client: ToxiproxyClient, running: Running) -> None:
    client.update("cache", enabled=False)
    client.inject("cache", "noop")
    client.inject("echo", "noop")
    assert client.heal() == 2
    assert [(view["name"], view["enabled"]) for view in client.proxies()] == [("cache", False), ("echo", True)]


def test_a_proxy_that_is_there_is_found_or_differs(client: ToxiproxyClient, running: Running) -> None:
    there = client.proxy("echo")
    assert client.add("echo", running.echo) == there
    assert client.add("echo", f"redis://{running.echo}") == there
    assert client.add("echo", running.echo, str(there["address"])) == there
    for upstream, listen, enabled in [
        ("127.0.0.1:1", "127.0.0.1:0", True), (running.echo, "127.0.0.1:1", True), (running.echo, "127.0.0.1:0", False)
    ]:  # fmt: skip
        with pytest.raises(ConflictError, match=r"^the proxy 'echo' exists already and differs"):
            client.add("echo", upstream, listen, enabled=enabled)


@pytest.mark.parametrize("name", ["a b", "50%", "ä?#&", "~"])
def test_names_are_spelled_in_paths(client: ToxiproxyClient, running: Running, name: str) -> None:
    client.add(name, running.echo)
    client.inject(name, {"fault": "latency", "latency": "1s", "name": name})
    assert client.change(name, name, {"latency": "2s"})["latency"] == "2s"
    client.heal_one(name, name)
    assert client.update(name, enabled=False)["enabled"] is False
    client.remove(name)
    assert [view["name"] for view in client.proxies()] == ["cache", "echo"]


# What it cannot do


@pytest.mark.parametrize(
    ("injection", "why"),
    [
        ("half_open", "half_open on echo: a Toxiproxy has no such fault"),
        ({"fault": "latency", "latency": "1s", "times": 3, "for": "5s"}, "latency on echo: a Toxiproxy has no times=3, for=5s"),
        (
            {"fault": "latency", "latency": "1s", "distribution": "normal"},
            "latency on echo: a Toxiproxy has no distribution=normal",
        ),
        ({"fault": "bandwidth", "rate": "1MB/s", "shared": True}, "bandwidth on echo: a Toxiproxy has no shared=true"),
        (
            {"fault": "latency", "latency": "1s", "stream": "both"},
            "latency on echo: a toxic acts on one stream, inject it once on each",
        ),
        ({"fault": "latency", "latency": "1.5ms"}, "latency on echo: latency=1.5ms is not a whole number of ms"),
        (
            {"fault": "latency", "latency": "2ms", "jitter": "0.5ms"},
            "latency on echo: jitter=0.5ms is not a whole number of ms",
        ),
        ("latency:300000h", "latency on echo: no toxic says just that"),
        ("bandwidth:100B/s", "bandwidth on echo: rate=100B/s is not a whole number of KB/s"),
    ],
)  # fmt: skip
def test_what_has_no_words_is_refused_by_name(
    client: ToxiproxyClient, running: Running, injection: str, why: str
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        client.inject("echo", injection)
    assert (caught.value.message, caught.value.hint) == (why, KNOWN)
    assert toxics(running) == []


def test_a_change_that_has_no_words_changes_nothing(client: ToxiproxyClient, running: Running) -> None:
    before = client.inject("echo", "latency:1s")
    with pytest.raises(UnsupportedError, match=r"^latency on echo: a Toxiproxy has no times=2"):
        client.change("echo", "latency", {"latency": "2s", "times": 2})
    with pytest.raises(SettingsError, match=r"^name cannot change"):
        client.change("echo", "latency", {"name": "other"})
    assert client.injections("echo") == [before]


def test_what_a_toxiproxy_keeps_not_is_said(client: ToxiproxyClient, running: Running) -> None:
    with pytest.raises(UnsupportedError, match=rf"^the Toxiproxy at {running.api} keeps no journal"):
        client.journal()
    for ask in (client.requests, client.follow_requests):
        with pytest.raises(UnsupportedError, match=rf"^the Toxiproxy at {running.api} keeps no requests"):
            ask()
    with pytest.raises(UnsupportedError, match=r"^a Toxiproxy cannot connect to a unix socket: unix:///tmp/x.sock"):
        client.add("own", "unix:///tmp/x.sock")
    with pytest.raises(UnsupportedError, match=r"^a Toxiproxy cannot listen on a unix socket: unix:///tmp/x.sock"):
        client.update("echo", listen="unix:///tmp/x.sock")
    with pytest.raises(NotFoundError, match=r"^a Toxiproxy has no fault named 'half_open'"):
        client.fault("half_open")


def test_names_that_nothing_bears_have_a_nearest_one(client: ToxiproxyClient) -> None:
    with pytest.raises(NotFoundError) as missing:
        client.inject("eco", "noop")
    assert (missing.value.message, missing.value.hint) == ("there is no proxy named 'eco'", "did you mean echo?")
    client.inject("echo", "latency:1s")
    with pytest.raises(NotFoundError) as missing:
        client.heal_one("echo", "latenci")
    assert (missing.value.message, missing.value.hint) == (
        "echo has no injection named 'latenci'", "did you mean latency?"
    )  # fmt: skip
    with pytest.raises(NotFoundError, match=r"^there is no profile named 'slo'"):
        client.apply("slo")
    with pytest.raises(NotFoundError, match=r"^there is no profile named 'slo'"):
        client.heal_profile("slo")
    with pytest.raises(ConflictError, match=r"^echo has an injection named latency"):
        client.inject("echo", {"fault": "noop", "name": "latency"})


# Profiles


def test_a_profile_is_applied_and_healed(client: ToxiproxyClient, running: Running) -> None:
    client.inject("echo", "latency:1s")
    placed = client.apply("slow")
    assert [(each["proxy"], each["injection"]["name"]) for each in placed] == [
        ("cache", "slow~latency"), ("cache", "slow~latency-2"),
        ("echo", "slow~latency"), ("echo", "slow~latency-2"),
        ("cache", "slow~bandwidth"),
    ]  # fmt: skip
    assert {each["injection"]["receipt"]["profile"] for each in placed} == {"slow"}
    assert names(running) == {
        "echo": ["latency", "slow~latency", "slow~latency-2"],
        "cache": ["slow~latency", "slow~latency-2", "slow~bandwidth"],
    }
    assert (client.profile("slow")["applied"], client.profile("slow")["source"]) == (True, "file")
    assert client.heal_profile("slow") == 5
    assert client.heal_profile("slow") == 0
    assert names(running) == {"echo": ["latency"], "cache": []}
    assert client.profile("slow")["applied"] is False


def test_another_client_finds_what_a_profile_put_there(client: ToxiproxyClient, running: Running) -> None:
    client.apply("slow")
    other = ToxiproxyClient(client.where)
    assert other.proxy("echo")["injections"][0]["receipt"]["profile"] == "slow"
    assert other.heal_profile("slow") == 5


def test_a_profile_that_is_applied_again_is_healed_first(client: ToxiproxyClient, running: Running) -> None:
    client.apply("named")
    client.change("echo", "named~mine", {"latency": "9s"})
    client.apply("named")
    assert [(each["name"], each["latency"]) for each in client.injections("echo")] == [
        ("named~mine", "1ms"), ("named~latency", "2ms")
    ]  # fmt: skip


def test_a_profile_with_a_fault_that_has_no_words_changes_nothing(client: ToxiproxyClient, running: Running) -> None:
    client.apply("named")
    with pytest.raises(UnsupportedError) as caught:
        client.apply("lost")
    assert caught.value.message == (
        "profile lost: half_open on cache: a Toxiproxy has no such fault; latency on cache: a Toxiproxy has no times=3"
    )
    with pytest.raises(ProfileError, match=r"^profile absent: 'nowhere\*' matches no proxy"):
        client.apply("absent")
    assert names(running) == {"echo": ["named~mine", "named~latency"], "cache": []}


def test_a_profile_that_fails_half_way_is_taken_back(client: ToxiproxyClient, running: Running) -> None:
    async def hide() -> None:  # a fault that a Toxiproxy's API does not show has that name
        running.fleet.proxies["cache"].inject(Spec.parse({"fault": "half_open", "name": "slow~latency-2"}))

    running.call(hide())
    with pytest.raises(ConflictError):
        client.apply("slow")
    assert names(running) == {"echo": [], "cache": ["slow~latency-2"]}


def test_known_profiles_go_before_those_that_ship(client: ToxiproxyClient) -> None:
    listed = [(view["name"], view["source"]) for view in client.profiles()]
    assert listed[:6] == [
        ("slow", "file"), ("lost", "file"), ("named", "file"), ("absent", "file"), ("satellite", "file"),
        ("blackout", "shipped"),
    ]  # fmt: skip
    assert [each["injection"]["latency"] for each in client.apply("satellite")] == ["300ms"]


# How it speaks


def test_clients_of_two_toxiproxies_and_of_the_package_are_apart(
    client: ToxiproxyClient, running: Running, reserve: Callable[[], str]
) -> None:
    other = ToxiproxyClient(f"toxiproxy://{reserve()}")
    with pytest.raises(NoAnswerError):
        other.proxies()
    assert len(client.proxies()) == 2
    assert (APIConsumer.host, APIConsumer.port) == ("127.0.0.1", 8474)


def test_a_proxy_of_the_environment_is_not_asked(
    client: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch, reserve: Callable[[], str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{reserve()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(client.proxies()) == 2


def test_nobody_listening_is_said(reserve: Callable[[], str]) -> None:
    address = reserve()
    with pytest.raises(NoAnswerError) as caught:
        ToxiproxyClient(f"toxiproxy://{address}").proxies()
    assert caught.value.message == f"no Toxiproxy answers at {address}"
    assert caught.value.hint == "say where it is: --api toxiproxy://HOST:PORT"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nnot found",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n\xff\xff",
    ],
)
def test_a_stranger_is_not_taken_for_a_toxiproxy(answer: bytes) -> None:
    with (
        stranger(answer) as address,
        pytest.raises(BrownoutError, match=rf"^what answers at {address} is not a Toxiproxy"),
    ):
        ToxiproxyClient(f"toxiproxy://{address}").proxies()


def test_silence_is_an_error_in_time() -> None:
    with (
        stranger(None) as address,
        pytest.raises(BrownoutError, match=rf"^no answer from the Toxiproxy at {address} within 0.1 s"),
    ):
        ToxiproxyClient(f"toxiproxy://{address}", timeout=0.1).proxies()


# What others than Brownout answer


class Told(ThreadingHTTPServer):
    """A server that answers as it was told, path by path."""

    def __init__(self, answers: dict[str, tuple[int, bytes]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers[self.path]
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815 (the names that http.server looks for)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def client(self) -> ToxiproxyClient:
        return ToxiproxyClient(f"toxiproxy://127.0.0.1:{self.server_port}")


@pytest.fixture
def told() -> dict[str, tuple[int, bytes]]:
    return {}


@pytest.fixture
def elsewhere(told: dict[str, tuple[int, bytes]]) -> Iterator[ToxiproxyClient]:
    with Told(told) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.client
        server.shutdown()
        thread.join(10)


ENTRY = b'{"web":{"name":"web","listen":"[::]:80","upstream":"%s","enabled":true,"Logger":{},"toxics":[%s]}}'


@pytest.mark.parametrize(
    ("body", "version"), [(b'{"version": "2.12.0"}\n', "2.12.0"), (b'{"version": "git"}\n', "git"), (b"2.1.4", "2.1.4")]
)
def test_the_version_of_old_and_new_ones(
    told: dict[str, tuple[int, bytes]], elsewhere: ToxiproxyClient, body: bytes, version: str
) -> None:
    told["/version"] = 200, body
    assert elsewhere.health()["version"] == version


def test_a_toxic_of_an_unknown_type_is_shown_and_healed(
    told: dict[str, tuple[int, bytes]], elsewhere: ToxiproxyClient
) -> None:
    toxic = b'{"name":"rain","type":"packet_loss","stream":"downstream","toxicity":1,"attributes":{"loss_rate":0.1}}'
    told["/proxies"] = 200, ENTRY % (b"localhost", toxic)
    told["/proxies/web/toxics/rain"] = 204, b""
    view = elsewhere.injection("web", "rain")
    del view["receipt"]
    assert view == {"fault": "packet_loss", "name": "rain", "stream": "downstream", "loss_rate": 0.1}
    with pytest.raises(UnsupportedError, match=r"^Brownout does not know packet_loss, which rain on web is"):
        elsewhere.change("web", "rain", {"loss_rate": "2"})
    assert elsewhere.heal() == 1


def test_an_upstream_that_is_no_address_is_shown_as_it_is(
    told: dict[str, tuple[int, bytes]], elsewhere: ToxiproxyClient
) -> None:
    told["/proxies"] = 200, ENTRY % (b"http://me:secret@web:x", b"")
    [view] = elsewhere.proxies()
    assert (view["upstream"], view["protocol"], view["address"]) == ("http://me:***@web:x", "tcp", "[::]:80")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BrownoutError), (404, NotFoundError), (409, ConflictError), (500, BrownoutError)]
)
def test_what_it_refuses_comes_with_its_words(
    told: dict[str, tuple[int, bytes]], elsewhere: ToxiproxyClient, status: int, kind: type[BrownoutError]
) -> None:
    told["/proxies"] = 200, ENTRY % (b"localhost:1", b"")
    told["/proxies/web"] = status, b'{"error":"listen tcp :80: bind: permission denied","status":%d}' % status
    with pytest.raises(BrownoutError) as caught:
        elsewhere.update("web", enabled=True)
    where = elsewhere.address.endpoint
    assert type(caught.value) is kind
    assert caught.value.message == f"the Toxiproxy at {where} says: listen tcp :80: bind: permission denied"


def test_a_toxic_that_is_gone_meanwhile_is_not_counted(
    told: dict[str, tuple[int, bytes]], elsewhere: ToxiproxyClient
) -> None:
    toxic = b'{"name":"gone","type":"noop","stream":"downstream","toxicity":1,"attributes":{}}'
    told["/proxies"] = 200, ENTRY % (b"localhost:1", toxic)
    told["/proxies/web/toxics/gone"] = 404, b'{"error":"toxic not found","status":404}\n'
    assert elsewhere.heal() == 0


def recorded() -> Iterator[tuple[str, dict[str, object]]]:
    """What the real Toxiproxy answered, when its answers were recorded: proxies and toxics, with the scenario."""
    path = Path(__file__).parents[2] / "compat" / "golden.json"
    for scenario in json.loads(path.read_text()):
        for step in scenario["steps"]:
            if step["expect_status"] < 300 and step.get("reference_raw", "")[:1] in ("{", "["):
                found = json.loads(step["reference_raw"])
                for each in found if isinstance(found, list) else [found, *found.values()]:
                    if isinstance(each, dict):
                        yield scenario["name"], each


def test_what_the_real_one_answered_is_understood() -> None:
    proxies = [msgspec.convert(each, Entry).view({}) for _, each in recorded() if "upstream" in each]
    toxics = [msgspec.convert(each, ToxicEntry) for _, each in recorded() if "toxicity" in each]
    assert {view["enabled"] for view in proxies} == {True, False}
    assert {toxic.type for toxic in toxics} == set(TYPES)
    for toxic in toxics:
        assert toxic.known(), toxic
        assert toxic.view(armed_at="")["name"] == toxic.name


def test_a_match_has_no_words_there(client: ToxiproxyClient) -> None:
    with pytest.raises(UnsupportedError, match=r"^http\.status on echo: a Toxiproxy has no such fault"):
        client.inject("echo", {"fault": "http.status", "status": 503, "match": {"path": "/"}})
    with pytest.raises(SettingsError, match=r"^match picks requests of a protocol; this fault acts on bytes"):
        client.inject("echo", {"fault": "latency", "latency": "1s", "match": {"path": "/"}})
    client.inject("echo", "latency:1s")
    with pytest.raises(SettingsError, match=r"^match picks requests of a protocol; this fault acts on bytes"):
        client.change("echo", "latency", {"match": {"path": "/"}})
