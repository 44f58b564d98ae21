"""`Chaos` with `toxiproxy://HOST:PORT`: a `brownout run` plays the Toxiproxy."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.control.client import Client, UnsupportedError
from brownout.faults import Latency
from brownout.faults.settings import SettingsError
from brownout.testing import Chaos, Proxied
from brownout.testing.failure import section
from brownout.wire.errors import BrownoutError, ConflictError, NotFoundError

from .suites import WITHOUT

pytest_plugins = ["pytester"]

DEADLINE = 60.0
FILE = """
seed: 7
profiles:
  slow: {"*": ["latency:200ms", {fault: latency, latency: 100ms, stream: upstream}]}
  lost: {"*": ["latency:200ms", "half_open"]}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """The API of a `brownout run` with a proxy `before`."""
    argv = [sys.executable, "-m", "brownout.cli", "run", "-p", "before=127.0.0.1:9", "--api", "127.0.0.1:0"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        assert process.stdout
        api = next(line.split()[1] for line in process.stdout if line.startswith("api "))
        late.cancel()
        yield api
        process.send_signal(signal.SIGTERM)


@pytest.fixture
def there(running: str) -> Iterator[Client]:
    """What is there, as Brownout itself tells it."""
    client = Client(running)
    yield client
    client.heal()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "brownout.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def chaos(running: str, file: Path) -> Iterator[Chaos]:
    with Chaos(config=file, api=f"toxiproxy://{running}") as chaos:
        yield chaos


def trip(proxy: Proxied) -> float:
    """How long an echo takes, from connecting on."""
    start = time.monotonic()
    with socket.create_connection((proxy.host, proxy.port), timeout=DEADLINE) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    return time.monotonic() - start


def test_a_fault_is_felt_until_its_block_ends(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("echo", upstream=echo)
    assert trip(proxy) < DEADLINE
    with proxy.inject("latency", latency="300ms") as handle:
        assert trip(proxy) >= 0.3
        handle.change(latency="600ms")
        assert trip(proxy) >= 0.6
    receipt = handle.receipt
    assert (receipt.proxy, receipt.name, receipt.seed) == ("echo", "latency", None)
    assert (receipt.matched, receipt.fired, receipt.bytes, receipt.unseen, receipt.active) == (0, 0, 0, True, True)
    assert receipt.healed_at is not None
    assert receipt.healed_at >= receipt.armed_at
    with pytest.raises(NotFoundError, match=r"^latency on echo is healed"):
        handle.change(latency="1ms")


def test_a_fault_may_be_an_instance_of_one_with_a_toxic(chaos: Chaos, there: Client) -> None:
    chaos["before"].inject(Latency(latency="2s"), stream="upstream", probability="50%")
    [view] = there.injections("before")
    del view["receipt"]
    assert view == {
        "fault": "latency", "name": "latency", "stream": "upstream", "latency": "2s", "probability": "50%"
    }  # fmt: skip


def test_a_fault_without_a_toxic_is_an_error_that_names_it(chaos: Chaos, there: Client) -> None:
    with pytest.raises(UnsupportedError, match=r"^half_open on before: a Toxiproxy has no such fault"):
        chaos["before"].inject("half_open")
    with pytest.raises(SettingsError):
        chaos["before"].inject("latency:5")
    assert there.injections("before") == []


def test_a_profile_of_the_configuration_is_applied(chaos: Chaos, there: Client) -> None:
    with chaos.profile("slow") as profile:
        assert [(handle.proxy, handle.name) for handle in profile] == [
            ("before", "slow~latency"), ("before", "slow~latency-2")
        ]  # fmt: skip
        assert [receipt.profile for receipt in profile.receipts] == ["slow", "slow"]
        assert [each["latency"] for each in there.injections("before")] == ["200ms", "100ms"]
    assert there.injections("before") == []
    with pytest.raises(UnsupportedError, match=r"^profile lost: half_open on before: a Toxiproxy has no such fault"):
        chaos.profile("lost")
    with pytest.raises(UnsupportedError, match=r"^profile blackout: refuse on before: a Toxiproxy has no such fault"):
        chaos.profile("blackout")
    assert there.injections("before") == []


def test_only_what_it_injected_is_healed(chaos: Chaos, running: str, there: Client) -> None:
    there.inject("before", {"fault": "noop", "name": "theirs"})
    with Chaos(api=f"toxiproxy://{running}") as ours:
        ours["before"].inject("noop")
        there.inject("before", {"fault": "noop", "name": "theirs-meanwhile"})
        assert ours["before"].heal() == 1
        ours["before"].inject("noop")
        assert ours.heal() == 1
        ours["before"].inject("noop")
    assert [each["name"] for each in there.injections("before")] == ["theirs", "theirs-meanwhile"]


def test_what_others_heal_is_healed(chaos: Chaos, there: Client) -> None:
    handle = chaos["before"].inject("noop")
    there.heal()
    there.inject("before", {"fault": "noop", "name": "latency"})
    assert handle.receipt.healed_at is not None
    handle.heal()
    assert [each["name"] for each in there.injections("before")] == ["latency"]


def test_proxies_are_made_disabled_enabled_and_gone(running: str, echo: str, there: Client) -> None:
    with Chaos(api=f"toxiproxy://{running}") as chaos:
        proxy = chaos.proxy("own", upstream=f"redis://:secret@{echo}/1")
        assert proxy.url == f"redis://:secret@{proxy.endpoint}/1"
        assert proxy.upstream == f"redis://:***@{echo}/1"
        assert proxy.turns is None
        assert chaos.proxy("own", upstream=f"redis://:secret@{echo}/1") is proxy
        with pytest.raises(ConflictError, match=rf"^the proxy own is in front of tcp://{echo}, not tcp://127.0.0.1:1"):
            chaos.proxy("own", upstream="127.0.0.1:1")
        address = proxy.address
        proxy.disable()
        with pytest.raises(ConnectionRefusedError):
            trip(proxy)
        proxy.enable()
        assert (proxy.address, trip(proxy) < DEADLINE) == (address, True)
        proxy.disable()
        chaos["before"].disable()
        chaos.reset()
        assert trip(proxy) < DEADLINE
        assert there.proxy("before")["enabled"] is True
    assert [view["name"] for view in there.proxies()] == ["before"]


def test_it_has_no_seed(chaos: Chaos, running: str) -> None:
    where = f"toxiproxy://{running}"
    assert (chaos.where, chaos.seed) == (where, None)
    for ask in (lambda: Chaos(api=where, seed=7), lambda: setattr(chaos, "seed", 7)):
        with pytest.raises(BrownoutError) as caught:
            ask()
        assert (caught.value.message, caught.value.hint) == (
            f"{where} has no seed, so it cannot be 7", "leave the seed out"
        )  # fmt: skip


def test_a_failed_test_says_what_is_not_known(chaos: Chaos, running: str) -> None:
    chaos["before"].inject("latency:300ms")
    assert section(chaos, "test_it.py::test_it") == (
        f"toxiproxy://{running} has no seed\nlatency on before: latency=300ms\n  nobody can count what it hit"
    )


def test_the_plugin_drives_it(pytester: pytest.Pytester, running: str, echo: str, there: Client) -> None:
    (pytester.path / "brownout.yaml").write_text(FILE)
    pytester.makepyfile(
        test_it=f"""
import pytest
def test_a_fault_is_left(chaos):
    chaos.proxy("echo", upstream="{echo}").inject("timeout")
def test_after_it(chaos):
    assert chaos.injected == [] and chaos["echo"].inject("timeout").name == "timeout"
@pytest.mark.brownout("slow")
def test_a_marker(chaos): assert [handle.name for handle in chaos.injected][:2] == ["slow~latency", "slow~latency-2"]
@pytest.mark.brownout("lost")
def test_a_profile_without_words(chaos): pass
@pytest.mark.brownout(seed=7)
def test_a_seed(chaos): pass
"""
    )
    args = ["-W", "error", "-p", "no:cacheprovider", "--brownout-api", f"toxiproxy://{running}"]
    result = pytester.run(sys.executable, "-m", "pytest", *WITHOUT, *args, timeout=60)
    result.assert_outcomes(passed=3, errors=2)
    assert f"brownout: the Toxiproxy at {running}, no seed" in result.outlines
    result.stdout.fnmatch_lines(["profile lost: half_open on before: a Toxiproxy has no such fault; *"])
    result.stdout.fnmatch_lines([f"toxiproxy://{running} has no seed, so it cannot be 7"])
    assert [(view["name"], view["injections"]) for view in there.proxies()] == [("before", [])]
