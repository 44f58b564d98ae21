"""`Chaos`: the same with a fleet of this process and with a running Brownout; and what each has for itself."""

import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from brownout.control.client import Client
from brownout.control.views import MarkView
from brownout.faults import Duration, Fault, Latency, Share, Spec, Stage, StageContext
from brownout.faults.config.file import Config, read
from brownout.faults.config.proxy_section import ProxyEntry
from brownout.faults.settings import SettingsError
from brownout.testing import Chaos, Proxied, servers
from brownout.testing.failure import section
from brownout.wire.address import Address
from brownout.wire.errors import BrownoutError, ConflictError, NotFoundError

from ..control.conftest import serving

DEADLINE = 60.0
FILE = """
seed: 7
proxies:
  before: {upstream: "127.0.0.1:9"}
  off: {upstream: "127.0.0.1:9", enabled: false}
  early-0: {upstream: "127.0.0.1:9"}
profiles:
  slow: {"early*": ["latency:200ms", {fault: latency, latency: 100ms, stream: upstream}]}
  begun: {before: [{fault: latency, latency: 1ms, name: theirs}]}
"""
HITS_OF_SEED_7 = {1, 2, 7, 8, 9, 11, 12, 13, 17, 18, 19, 24, 29, 30, 32, 39, 40, 41, 45, 46, 49, 50}  # on early, reset


class Shout(Fault, frozen=True):
    """Upper case."""

    name = "shout"

    def start(self, context: StageContext) -> Stage:
        return lambda segment: [segment._replace(data=segment.data.upper())] if segment.data else [segment]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "brownout.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def running(file: Path) -> Iterator[str]:
    """The API of a `brownout run` that began with a profile."""
    argv = [sys.executable, "-m", "brownout.cli", "run", str(file), "--profile", "begun", "--api", "127.0.0.1:0"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        assert process.stdout
        api = next(line.split()[1] for line in process.stdout if line.startswith("api "))
        late.cancel()
        yield api
        process.send_signal(signal.SIGTERM)


@pytest.fixture(params=["embedded", "remote"])
def chaos(request: pytest.FixtureRequest, file: Path) -> Iterator[Chaos]:
    api = "none" if request.param == "embedded" else request.getfixturevalue("running")
    with Chaos(config=file, seed=7, api=api) as chaos:
        yield chaos


def connected(proxy: Proxied) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=DEADLINE)


def trip(client: socket.socket, data: bytes = b"x") -> float:
    """How long an echo takes."""
    start = time.monotonic()
    client.sendall(data)
    assert client.recv(100) == data
    return time.monotonic() - start


def hits(proxy: Proxied, count: int = 50) -> set[int]:
    """Which of `count` connections, one after the other, are reset."""
    found = set()
    for number in range(1, count + 1):
        try:
            with connected(proxy) as client:
                trip(client)
        except ConnectionError:
            found.add(number)
    return found


def fleets() -> set[threading.Thread]:
    """The threads on which embedded proxies run; other tests' servers may have some that end, or begin, meanwhile."""
    return {thread for thread in threading.enumerate() if thread.name == "brownout"}


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.005)


# What both do


def test_a_fault_is_felt_on_an_open_link_until_its_block_ends(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    with connected(proxy) as client:
        trip(client)
        with proxy.inject("latency", latency="1s") as handle:
            assert trip(client) >= 1
        assert trip(client) < 1
    receipt = handle.receipt
    assert (receipt.proxy, receipt.name, receipt.seed) == ("early", "latency", 7)
    assert (receipt.matched, receipt.fired, receipt.bytes, receipt.untouched, receipt.active) == (1, 1, 1, (), True)
    assert receipt.healed_at is not None
    assert receipt.healed_at >= receipt.armed_at


def test_a_receipt_is_a_line_in_a_failed_assertion(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    with proxy.inject("latency:1ms", name="slow") as slow:
        shown = repr(slow.receipt)
        assert re.fullmatch(r"<receipt of slow on early: matched 0, chosen 0, fired 0 \(no connection came.*\)>", shown)
        with connected(proxy) as client:
            trip(client)
        assert repr(slow.receipt) == "<receipt of slow on early: matched 1, chosen 1, fired 1>"
    with proxy.inject("refuse") as down:
        assert repr(down.receipt).startswith("<receipt of refuse on early: unseen")
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)


def test_it_says_where_it_is_and_keeps_the_secret(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early-secret", upstream=f"redis://user:secret@{echo}/3")
    assert proxy.host == "127.0.0.1"
    assert proxy.address == ("127.0.0.1", proxy.port)
    assert proxy.endpoint == f"127.0.0.1:{proxy.port}" != echo
    assert proxy.url == f"redis://user:secret@127.0.0.1:{proxy.port}/3"
    assert proxy.upstream == f"redis://user:***@{echo}/3"
    assert "secret@" not in repr(proxy)
    with pytest.raises(ConflictError) as error:
        chaos.proxy("early-secret", upstream=f"redis://user:hidden@{echo}/4")
    assert error.value.message == (
        f"the proxy early-secret is in front of redis://user:***@{echo}/3, not redis://user:***@{echo}/4"
    )


def test_a_name_means_one_proxy(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    assert chaos.proxy("early", upstream=echo) is chaos.proxy("early") is chaos["early"] is proxy


@pytest.mark.parametrize(
    ("wrong", "kind", "message", "hint"),
    [
        (lambda chaos: chaos["erly"], NotFoundError, "there is no proxy named 'erly'", 'did you mean early?; chaos.proxy("erly", upstream=...) makes it'),
        (lambda chaos: chaos.profile("slwo"), NotFoundError, "there is no profile named 'slwo'", "did you mean slow?"),
        (lambda chaos: chaos["early"].inject("latncy"), SettingsError, "unknown fault 'latncy'", "did you mean latency?"),
        (lambda chaos: chaos["early"].inject("latency", latency="300"), SettingsError, "latency: 300 has no unit", "a duration is written like 300ms or 300s"),
        (lambda chaos: chaos["early"].inject(Latency(latency="1s"), latncy="2s"), SettingsError, "unknown setting 'latncy'", None),
        (lambda chaos: chaos.proxy("early", upstream="rdis://a:1"), BrownoutError, "unknown scheme in 'rdis://a:1'", None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_would_be_right(
    chaos: Chaos, echo: str, wrong: Callable[[Chaos], object], kind: type[BrownoutError], message: str, hint: str | None
) -> None:
    chaos.proxy("early", upstream=echo)
    with pytest.raises(kind) as error:
        wrong(chaos)
    assert error.value.message == message
    assert hint is None or error.value.hint == hint


def test_a_change_is_felt_and_healing_lets_go(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    with connected(proxy) as client:
        handle = proxy.inject("latency", latency="100s")
        client.sendall(b"x")
        wait(lambda: handle.receipt.bytes == 1)
        handle.change(latency="50ms")
        assert client.recv(1) == b"x"
        assert handle.settings["latency"] == "50ms"
        handle.change(latency="100s")
        client.sendall(b"y")
        handle.heal()
        assert client.recv(1) == b"y"
    with pytest.raises(NotFoundError, match="latency on early is healed"):
        handle.change(latency="1s")


def test_a_handle_heals_its_own_and_not_its_namesake(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    first = proxy.inject("latency:1s")
    first.heal()
    wait(lambda: time.time() > first.receipt.armed_at.timestamp() + 0.002)  # the API's stamps have milliseconds
    second = proxy.inject("latency:2s")
    first.heal()
    assert (first.name, second.name) == ("latency", "latency")
    assert second.receipt.healed_at is None
    assert proxy.heal() == 1


def test_a_receipt_outlives_what_heals_itself(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    handle = proxy.inject("latency", latency="1ms", for_="300ms")
    with connected(proxy) as client:
        trip(client)
    wait(lambda: handle.receipt.healed_at is not None)
    assert (handle.receipt.matched, handle.receipt.fired) == (1, 1)


def test_disabled_it_refuses_and_enabled_it_is_where_it_was(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    address = proxy.address
    proxy.disable()
    assert proxy.address == address
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.enable()
    with connected(proxy) as client:
        trip(client)
    assert proxy.address == address


def test_a_reset_makes_everything_as_it_was(chaos: Chaos, echo: str) -> None:
    proxy, other = chaos.proxy("early", upstream=echo), chaos.proxy("early-too", upstream=echo)
    proxy.inject("latency:1s")
    other.inject("half_open")
    proxy.disable()
    chaos["off"].enable()
    chaos["before"].disable()
    chaos.reset()
    assert chaos.heal() == 0
    for each in (proxy, other):
        with connected(each) as client:
            trip(client)
    with contextlib.suppress(ConnectionResetError):  # it listens, and nobody is behind it: not ConnectionRefusedError
        connected(chaos["before"]).close()
    with pytest.raises(ConnectionRefusedError):
        connected(chaos["off"])


def test_healing_counts_what_it_heals(chaos: Chaos, echo: str) -> None:
    proxy, other = chaos.proxy("early", upstream=echo), chaos.proxy("early-too", upstream=echo)
    for fault in ("latency:1s", "latency:1s", "reset"):
        proxy.inject(fault)
    other.inject("reset")
    assert proxy.heal() == 3
    assert chaos.heal() == 1


def test_settings_come_as_text_as_units_or_as_a_fault(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    made = [
        proxy.inject("latency:300ms", probability="30%", name="a"),
        proxy.inject("latency", latency=Duration(0.3), probability=Share(0.3), name="b"),
        proxy.inject(Latency(latency="300ms"), probability="30%", name="c"),
    ]
    assert [{key: value for key, value in handle.settings.items() if key != "name"} for handle in made] == [
        {"fault": "latency", "stream": "downstream", "latency": "300ms", "probability": "30%"}
    ] * 3


def test_the_chances_of_a_seed_are_the_same_wherever_the_proxy_is(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    for _ in range(2):  # a fresh injection counts from the start
        with proxy.inject("reset", probability="30%"):
            assert hits(proxy) == HITS_OF_SEED_7


def test_a_profile_is_applied_and_healed_as_one(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)
    with chaos.profile("slow"), chaos.profile("slow") as profile, connected(proxy) as client:
        assert trip(client) >= 0.3
    assert [(receipt.proxy, receipt.name, receipt.fired, receipt.profile) for receipt in profile.receipts] == [
        ("early-0", "latency", 0, "slow"), ("early-0", "latency-2", 0, "slow"),
        ("early", "latency", 1, "slow"), ("early", "latency-2", 1, "slow"),
    ]  # fmt: skip
    assert chaos.heal() == 0


def test_a_running_event_loop_is_not_in_the_way(chaos: Chaos, echo: str) -> None:
    proxy = chaos.proxy("early", upstream=echo)

    async def main() -> float:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        with proxy.inject("latency", latency="200ms"):
            start = time.monotonic()
            writer.write(b"x")
            await reader.readexactly(1)
        took = time.monotonic() - start
        writer.close()
        await writer.wait_closed()
        return took

    assert asyncio.run(main()) >= 0.2


def test_threads_may_call_at_once(chaos: Chaos, echo: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                with chaos.proxy("early", upstream=echo).inject("latency:1ms", name=f"of-{number}") as handle:
                    handle.change(latency="2ms")
                    assert handle.receipt.name == f"of-{number}"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert failures == []
    assert chaos.heal() == 0


def test_a_real_client_feels_it(chaos: Chaos) -> None:
    with servers.redis() as server:
        proxy = chaos.proxy("early-redis", upstream=server.url)
        with redis.Redis.from_url(proxy.url, socket_timeout=0.2, retry=None) as client:
            assert client.ping() is True
            with proxy.inject("half_open") as handle, pytest.raises(redis.TimeoutError):
                client.ping()
            assert client.ping() is True
        assert handle.receipt.fired >= 1


# A fleet of this process


def embedded(**options: object) -> Chaos:
    return Chaos(api="none", **options)


def test_a_fault_of_ones_own_is_injected_as_it_is(echo: str) -> None:
    with embedded() as chaos, connected(chaos.proxy("echo", upstream=echo)) as client:
        with chaos["echo"].inject(Shout(), probability="100%"):
            client.sendall(b"x")
            assert client.recv(1) == b"X"
        trip(client)


def test_a_link_that_was_hung_up_before_does_not_count(echo: str) -> None:
    with embedded() as chaos:
        proxy = chaos.proxy("echo", upstream=echo)
        for _ in range(200):
            with connected(proxy):
                pass
            with proxy.inject("latency:1ms") as handle:
                assert handle.receipt.matched == 0


def test_a_link_of_which_one_direction_is_closed_does_not_keep_us_for_long(echo: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, embedded() as chaos:
        proxy = chaos.proxy("mute", upstream=f"127.0.0.1:{mute.getsockname()[1]}")
        with connected(proxy) as client, mute.accept()[0]:
            client.shutdown(socket.SHUT_WR)
            start = time.monotonic()
            assert proxy.inject("latency:1ms").receipt.matched == 1
            assert 0.2 < time.monotonic() - start < 5  # a quarter of a second, on a machine that may do other things


def test_it_does_without_uvloop(echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with embedded() as chaos, connected(chaos.proxy("echo", upstream=echo)) as client:
        chaos["echo"].inject("latency:100ms")
        assert trip(client) >= 0.1


def test_the_seed_is_the_given_one_else_the_files_else_drawn(file: Path) -> None:
    with embedded(config=file, seed=9) as given, embedded(config=read(file)) as of_file:
        assert (given.seed, of_file.seed) == (9, 7)
    drawn = set()
    for _ in range(3):
        with embedded() as chaos:
            drawn.add(chaos.seed)
    assert len(drawn) > 1
    assert all(0 <= seed < 10**6 for seed in drawn)


def test_another_seed_is_for_what_is_injected_from_then_on(echo: str) -> None:
    with embedded(seed=7) as chaos:
        proxy = chaos.proxy("echo", upstream=echo)
        before = proxy.inject("latency:1ms")
        chaos.seed = 8
        after = proxy.inject("latency:1ms")
        assert (before.receipt.seed, after.receipt.seed) == (7, 8)


def test_all_that_cannot_listen_is_said_at_once_and_nothing_is_left() -> None:
    before = fleets()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        entries = {name: ProxyEntry(name, "127.0.0.1:9", at) for name in ("a", "b")}
        with pytest.raises(BrownoutError) as error:
            embedded(config=Config(proxies=entries))
    assert error.value.message == f"{at} is in use; {at} is in use"
    assert fleets() <= before


def test_a_port_that_was_taken_meanwhile_is_an_error_of_the_reset(echo: str) -> None:
    with embedded() as chaos:
        proxy = chaos.proxy("echo", upstream=echo)
        proxy.inject("refuse")
        with socket.create_server((proxy.host, proxy.port)), pytest.raises(ConflictError, match="is in use"):
            chaos.reset()
        chaos.reset()
        with connected(proxy) as client:
            trip(client)


def test_closed_it_says_so_and_stays_closed(echo: str) -> None:
    chaos = embedded()
    proxy = chaos.proxy("echo", upstream=echo)
    chaos.close()
    chaos.close()
    with pytest.raises(BrownoutError, match="this Chaos is closed"):
        proxy.inject("reset")


def test_it_leaves_no_thread_no_descriptor_and_no_warning(echo: str) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    with embedded():  # what the first one loads stays
        pass
    gc.collect()
    threads, files = fleets(), descriptors()
    for _ in range(5):
        with embedded() as chaos, connected(chaos.proxy("echo", upstream=echo)) as client:
            chaos["echo"].inject("latency:1ms")
            trip(client)
    gc.collect()  # a ResourceWarning is an error here
    assert fleets() <= threads
    wait(lambda: descriptors() <= files)


def test_the_thread_of_the_proxies_does_not_wait_for_itself(echo: str) -> None:
    errors: list[BrownoutError] = []

    class Caller(Fault, frozen=True):
        """Calls back."""

        name = "caller"

        def start(self, context: StageContext) -> Stage:
            try:
                chaos.heal()
            except BrownoutError as error:
                errors.append(error)
            return lambda segment: [segment] if segment.data else []

    with embedded() as chaos, connected(chaos.proxy("echo", upstream=echo)) as client:
        trip(client)
        chaos["echo"].inject(Caller())
        trip(client)
    assert [error.message for error in errors] == ["the thread of the proxies cannot wait for itself"]


def script(text: str) -> tuple[int, str, str]:
    argv = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(text)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE)
    slow = re.compile("^Executing .* took .* seconds\n", re.MULTILINE)  # asyncio says so where the machine is busy
    return done.returncode, done.stdout, slow.sub("", done.stderr)


def test_an_interpreter_that_ends_without_closing_it_ends_quietly(echo: str) -> None:
    assert script(f"""
        import atexit, socket, threading
        from brownout.testing import Chaos
        atexit.register(lambda: print([thread.name for thread in threading.enumerate()]))
        chaos = Chaos(api="none")
        proxy = chaos.proxy("echo", upstream="{echo}")
        client = socket.create_connection((proxy.host, proxy.port))
        client.sendall(b"x")
        client.recv(1)
        proxy.inject("latency:100s")
        client.sendall(b"x")
        client.detach()
        print("the end")
    """) == (0, "the end\n['MainThread']\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_told_and_the_parent_goes_on(echo: str) -> None:
    assert script(f"""
        import os, socket, warnings
        warnings.simplefilter("ignore")  # Python 3.12 and later warn of any fork beside threads
        from brownout.testing import Chaos
        from brownout.wire.errors import BrownoutError
        with Chaos(api="none") as chaos:
            proxy = chaos.proxy("echo", upstream="{echo}")
            if not (pid := os.fork()):
                try:
                    proxy.inject("reset")
                except BrownoutError as error:
                    said = str(error)
                chaos.close()
                os._exit(3 if said == f"these proxies belong to process {{os.getppid()}}, "
                                      f"not to its forked child {{os.getpid()}}" else 4)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            with socket.create_connection((proxy.host, proxy.port)) as client:
                client.sendall(b"x")
                print(client.recv(1))
    """) == (0, "3\nb'x'\n", "")


def test_a_short_import_brings_nothing_heavy() -> None:
    code, out, err = script("""
        import sys, brownout.testing, brownout.testing.plugin
        print(sorted(name for name in sys.modules if name.startswith("brownout.")))
    """)
    assert (code, err) == (0, "")
    ours = ["testing", "testing.plugin", "testing.pytest_session", "wire", "wire.lazily"]
    assert out == f"{[f'brownout.{name}' for name in ours]}\n"


# A running Brownout


def test_the_environment_says_where_it_runs(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_API", running)
    with Chaos() as chaos, embedded() as ours:
        assert (chaos.where, chaos.seed, ours.where) == (running, 7, "embedded")


def test_what_was_there_before_stays(running: str, echo: str) -> None:
    client = Client(running)
    client.inject("before", {"fault": "latency", "latency": "1ms", "name": "also-theirs"})
    try:
        with Chaos(api=running) as chaos:
            ours = chaos.proxy("ours", upstream=echo)
            ours.inject("reset")
            chaos["before"].inject("reset")
            assert chaos.heal() == 2
        assert [each["name"] for each in client.injections("before")] == ["theirs", "also-theirs"]
        assert "ours" not in [view["name"] for view in client.proxies()]
    finally:
        client.heal_one("before", "also-theirs")


@pytest.mark.parametrize(
    ("listen", "host", "reached"),
    [
        ("0.0.0.0:80", "", "127.0.0.1:80"),
        ("[::]:80", "", "[::1]:80"),
        ("0.0.0.0:80", "chaos.test", "chaos.test:80"),
        ("127.0.0.1:80", "chaos.test", "127.0.0.1:80"),
    ],
)
def test_a_proxy_on_every_address_is_reached_where_its_brownout_is(listen: str, host: str, reached: str) -> None:
    class Elsewhere:
        pass

    driver = Elsewhere()
    driver.host = host
    view = {"name": "wide", "address": listen}
    now: MarkView = {"clock": 0.0, "requests": 0, "connections": 0}
    proxy = Proxied(driver, view, Address.upstream("redis://db/1"), lambda handle: None, lambda: now)
    assert (proxy.endpoint, proxy.url) == (reached, f"redis://{reached}/1")


def test_another_seed_than_it_runs_with_is_an_error(running: str) -> None:
    with pytest.raises(BrownoutError) as error:
        Chaos(api=running, seed=9)
    assert error.value.message == f"the Brownout at {running} runs with seed 7, not 9"
    assert error.value.hint.startswith("brownout run --seed 9; ")


def test_nobody_answers(reserve: Callable[[], str]) -> None:
    address = reserve()
    with pytest.raises(BrownoutError, match=f"no Brownout answers at {address}"):
        Chaos(api=address)


def test_a_password_that_only_the_other_one_knows(running: str, echo: str) -> None:
    client = Client(running)
    client.add("guarded", f"redis://:secret@{echo}")
    try:
        with Chaos(api=running) as chaos:
            with pytest.raises(
                BrownoutError, match=re.escape(f"guarded is in front of redis://:***@{echo}, and the API")
            ):
                _ = chaos["guarded"].url
            proxy = chaos.proxy("guarded", upstream=f"redis://:secret@{echo}")
            assert proxy.url == f"redis://:secret@{proxy.endpoint}"
        assert client.proxy("guarded")["name"] == "guarded"
    finally:
        client.remove("guarded")


def test_the_other_one_must_know_a_fault_of_ones_own(running: str, echo: str) -> None:
    with Chaos(api=running) as chaos, pytest.raises(SettingsError, match="unknown fault 'shout'"):
        chaos.proxy("echo", upstream=echo).inject(Shout())


@pytest.mark.parametrize("where", ["embedded", "remote"])
def test_an_injection_has_a_match(where: str, echo: str) -> None:
    with serving() as running, Chaos(api="none" if where == "embedded" else running.api) as chaos:
        proxy = chaos.proxy("api", upstream=f"http://{echo}")
        handle = proxy.inject("http.status", status=503, match={"method": "POST", "json.paid": True})
        assert handle.settings["match"] == {"method": "POST", "json.paid": "true"}
        handle.change(match={"path": "/a*", "header.x": "1"})
        assert handle.settings["match"] == {"path": "/a*", "header.x": "1"}
        assert (
            section(chaos, "test_it.py::test_it").splitlines()[1]
            == "http.status on api: status=503 match: path=/a* header.x=1"
        )
        fault = Spec.parse("http.status:500").fault
        assert proxy.inject(fault, name="own", match={"path": "/b"}).settings["match"] == {"path": "/b"}
        with pytest.raises(SettingsError, match=r"^match\.pth: unknown key"):
            proxy.inject("http.status", status=503, match={"pth": "/"})
        with pytest.raises(SettingsError, match=r"^match\.pth: unknown key"):
            proxy.inject(fault, match={"pth": "/"})
        with pytest.raises(SettingsError, match=r"^match picks requests"):
            proxy.inject(Latency(latency=Duration(1)), match={"path": "/"})
        with pytest.raises(SettingsError, match=r"^match is empty"):
            handle.change(match={})
