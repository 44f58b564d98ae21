import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from brownout.cli import reload
from brownout.cli.errors import CombinedError
from brownout.cli.file import File, Stamp
from brownout.cli.reload import Reloader, Steps, difference
from brownout.control.client import Client
from brownout.faults.config import file as config
from brownout.faults.config.file import Config
from brownout.faults.config.proxy_section import ProxyEntry
from brownout.faults.profile import Profile
from brownout.testing import servers

from .conftest import DEADLINE, Run
from .test_live import Terminal, api, terminal  # noqa: F401  # a fixture

Start = Callable[..., Run]

# What is to be done


def parsed(text: str) -> Config:
    return config.parse(text, environ={})


OLD = parsed("""
proxies: {a: "h:1", b: "redis://h:1", gone: "h:3"}
profiles: {all: {"*": [noop]}, redises: {"redis:": [noop]}, idle: {a: [noop]}, dropped: {a: [noop]}}
""")
THERE = {"a": "tcp", "b": "redis", "gone": "tcp", "by-hand": "tcp"}
ALL = ("all", "redises", "dropped")


def steps(text: str, proxies: dict[str, str] = THERE, applied: tuple[str, ...] = ALL, old: Config = OLD) -> Steps:
    return difference(old, parsed(text), proxies=proxies, applied=applied, shipped={})


def test_what_differs_is_what_is_done() -> None:
    found = steps("""
proxies: {a: "h:1", b: {upstream: "redis://h:2", enabled: false}, new: "redis://h:4"}
profiles: {all: {"*": [reset]}, redises: {"redis:": [noop]}, idle: {a: [reset]}, more: {a: [reset]}}
""")
    assert found.removed == ["gone"]
    assert found.changed == {"b": ProxyEntry("b", "redis://h:2", "127.0.0.1:0", False)}
    assert found.added == [ProxyEntry("new", "redis://h:4")]
    assert found.dropped == ["dropped"]
    assert [each.name for each in found.profiles] == ["all", "redises"]
    assert found.others == 2


def test_what_was_removed_by_hand_stays_so() -> None:
    there = {"a": "tcp", "by-hand": "tcp"}
    found = steps('proxies: {a: "h:1", b: "redis://h:2"}\nprofiles: {all: {"*": [noop]}}', there, ("all",))
    assert (found.removed, found.changed, found.added) == ([], {}, [])


def test_a_new_proxy_whose_name_is_taken_and_a_profile_that_meets_none_refuse_it_all() -> None:
    with pytest.raises(CombinedError) as caught:
        steps(
            'proxies: {by-hand: "h:1", a: "h:1"}\nprofiles: {all: {"*": [noop]}, redises: {a: [noop]}}', THERE, ("all",)
        )
    assert str(caught.value) == "there is a proxy named by-hand already"
    old = parsed('proxies: {b: "redis://h:1"}')
    shipped = {"redises": OLD.profiles["redises"]}
    new = parsed('proxies: {b: "h:1"}')
    with pytest.raises(CombinedError, match=r"^profile redises: 'redis:' matches no proxy$"):
        difference(old, new, proxies={"b": "redis"}, applied=("redises",), shipped=shipped)
    assert difference(old, new, proxies={"b": "redis", "c": "redis"}, applied=("redises",), shipped=shipped).profiles


def test_a_shipped_profile_that_is_applied_meets_new_proxies() -> None:
    shipped = {"all": Profile("all", OLD.profiles["all"].targets)}
    found = difference(Config(), parsed('proxies: {a: "h:1"}'), proxies={}, applied=("all",), shipped=shipped)
    assert found.profiles == [shipped["all"]]
    assert found.dropped == []


def test_a_file_is_new_when_it_was_written_or_replaced_and_not_while_it_is_gone(tmp_path: Path) -> None:
    path, other = tmp_path / "brownout.yaml", tmp_path / "other"
    path.write_text("seed: 7")
    file = File(str(path))
    assert file.read().seed == 7
    assert not file.is_new()
    path.write_text("seed: 77")
    assert file.is_new()
    assert file.read().seed == 77
    before = path.stat()
    other.write_text("seed: 88")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert file.is_new()
    file.read()
    path.unlink()
    assert not file.is_new()
    path.write_text("seed: 8")
    assert file.is_new()


async def settled(stamps: list[Stamp | None]) -> list[Stamp | None]:
    """Let a watcher see these stamps, one a look, and return those that it still had not seen when it would read."""

    class Written(File):
        def stamp(self) -> Stamp | None:
            return stamps.pop(0)

    await Reloader(None, Written("x"), Config())._settled()
    return stamps


def test_a_file_is_not_read_while_somebody_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "SETTLE", 0)
    half, more, whole = (1, 10, 1), (2, 20, 1), (3, 30, 1)
    assert asyncio.run(settled([half, more, more, None, whole, whole, half])) == [half]


# What comes of it


class Edited:
    """A `brownout run FILE`, and the file."""

    def __init__(self, run: Start, path: Path, text: str, *args: str, **env: str) -> None:
        self.path = path
        path.write_text(text)
        self.run = run(str(path), "--api", "127.0.0.1:0", *args, **env)
        self.client = Client(self.run.api)
        self.run.out.until("seed ")

    def hang_up(self, text: str | None = None) -> str:
        """Write the file, send SIGHUP, and return what it said about that."""
        if text is not None:
            self.path.write_text(text)
        self.run.process.send_signal(signal.SIGHUP)
        return self.said()

    def said(self) -> str:
        since = len(self.run.out.seen)
        line = self.run.out.next("read again")
        self.told = self.run.out.seen[since:]
        assert line[8:].startswith(f" {self.path.name} read again: ")
        return line.partition(" read again: ")[2]

    def injected(self, proxy: str) -> dict[str, dict[str, object]]:
        return {str(each["name"]): each for each in self.client.injections(proxy)}


@pytest.fixture
def edited(run: Start, tmp_path: Path) -> Callable[..., Edited]:
    return lambda text, *args, **env: Edited(run, tmp_path / "brownout.yaml", text, *args, **env)


FILE = """
seed: 7
proxies:
  a: "{echo}"
  b: "{echo}"
profiles:
  slow:
    a: [{{fault: latency, latency: 1ms}}, noop]
    b: [noop]
"""


def pings(link: socket.socket) -> bool:
    link.sendall(b"ping")
    return link.recv(4) == b"ping"


def test_a_connection_to_a_real_server_outlives_a_reload(edited: Callable[..., Edited]) -> None:
    with servers.redis() as server:
        text = f'seed: 7\nproxies: {{cache: "redis://127.0.0.1:{server.port}"}}\nprofiles: {{p: {{cache: [{{fault: latency, latency: 1ms}}, noop]}}}}'
        it = edited(text, "--profile", "p")
        host, port = it.run.address("cache")
        client = redis.Redis(host, port, single_connection_client=True)
        number = client.client_id()
        before = it.injected("cache")
        more = text.replace("proxies: {", f'proxies: {{more: "redis://127.0.0.1:{server.port}", ').replace(
            "1ms", "200ms"
        )
        assert it.hang_up(more) == "1 proxy added, 1 injection changed"
        assert client.client_id() == number
        after = it.injected("cache")
        assert after["noop"]["receipt"] == {**before["noop"]["receipt"], "bytes": after["noop"]["receipt"]["bytes"]}
        assert after["latency"]["receipt"]["armed_at"] == before["latency"]["receipt"]["armed_at"]
        assert (after["latency"]["latency"], after["latency"]["receipt"]["matched"]) == ("200ms", 1)
        assert it.client.proxy("cache")["address"] == f"{host}:{port}"
        assert it.client.proxy("cache")["connections"] == {"open": 1, "total": 1}
        client.close()
        host, port = it.run.address("more")
        assert redis.Redis(host, port).ping()


def test_only_what_changed_is_changed(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo), "--profile", "slow")
    with socket.create_connection(it.run.address("a"), timeout=DEADLINE) as a:
        with socket.create_connection(it.run.address("b"), timeout=DEADLINE) as b:
            assert pings(a)
            assert pings(b)
            assert it.hang_up() == "nothing changed"
            text = FILE.format(echo=echo).replace("noop]\n    b: [noop]", "reset]").replace('b: "', 'c: "')
            text = text.replace("reset]", "{fault: latency, latency: 2ms, stream: upstream}]")
            assert it.hang_up(text) == "1 proxy added, 1 proxy removed, 1 injection added, 1 injection healed"
            assert b.recv(1) == b""
        assert pings(a)
        assert it.run.out.until("latency-2 fired")[9:] == "a: latency-2 fired for the first time, on connection 1"
        assert list(it.injected("a")) == ["latency", "latency-2"]
        assert [line.partition(" ")[2] for line in it.told[:-1]] == [
            "b: healed noop: matched 1, fired 0",
            "b: removed",
            "a: healed noop: matched 1, fired 0",
            "a: injected latency-2 stream=upstream latency=2ms",
            f"c {it.run.address('c')[0]}:{it.run.address('c')[1]} -> tcp://{echo}",
        ]
    assert (
        it.hang_up(FILE.format(echo=echo).partition("profiles:")[0])
        == "1 proxy added, 1 proxy removed, 2 injections healed"
    )
    assert it.client.injections("a") == []
    assert it.run.end() == 0


def test_proxies_move_and_are_switched(edited: Callable[..., Edited], echo: str, reserve: Callable[[], str]) -> None:
    first, second = reserve(), reserve()
    text = f"proxies: {{a: {{upstream: '{echo}', listen: '{first}'}}, b: {{upstream: '{echo}', listen: '{second}'}}}}"
    it = edited(text)
    third = reserve()
    moved = text.replace(second, third).replace(first, second)  # b must leave before a can come
    assert it.hang_up(moved) == "2 proxies changed"
    assert [each["address"] for each in it.client.proxies()] == [second, third]
    assert it.hang_up(moved.replace("}}", ", enabled: false}}")) == "1 proxy changed"
    assert [each["enabled"] for each in it.client.proxies()] == [True, False]
    it.client.update("a", enabled=False)
    assert it.hang_up(moved) == "1 proxy changed"
    assert [each["enabled"] for each in it.client.proxies()] == [False, True]


def test_proxies_swap_their_ports(edited: Callable[..., Edited], echo: str, reserve: Callable[[], str]) -> None:
    first, second, third = reserve(), reserve(), reserve()
    text = "proxies: {{a: {{upstream: '{echo}', listen: '{}'}}, b: {{upstream: '{echo}', listen: '{}'}}, c: {{upstream: '{echo}', listen: '{}'}}}}"
    it = edited(text.format(first, second, third, echo=echo))
    assert it.hang_up(text.format(second, first, third, echo=echo)) == "2 proxies changed"
    assert [each["address"] for each in it.client.proxies()] == [second, first, third]
    assert it.hang_up(text.format(first, third, second, echo=echo)) == "3 proxies changed"
    assert [each["address"] for each in it.client.proxies()] == [first, third, second]


def test_of_those_that_move_one_that_cannot_listens_where_it_did(
    edited: Callable[..., Edited], echo: str, reserve: Callable[[], str]
) -> None:
    first, second = reserve(), reserve()
    text = "proxies: {{a: {{upstream: '{echo}', listen: '{}'}}, b: {{upstream: '{echo}', listen: '{}'}}}}"
    it = edited(text.format(first, second, echo=echo))
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        taken = [f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other)]
        assert it.hang_up(text.format(*taken, echo=echo)) == "nothing changed, 2 errors"
    assert [each["address"] for each in it.client.proxies()] == [first, second]


def test_a_broken_edit_changes_nothing_and_says_everything(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo), "--profile", "slow")
    before = it.client.proxies()
    broken = FILE.format(echo=echo).replace("latency: 1ms", "latency: 1").replace('b: "', 'b: "redsi://')
    assert it.hang_up(broken) == "nothing changed, 2 errors"
    assert [line.split(": ")[:3] for line in it.told if line.startswith("error: ")] == [
        ["error", f"{it.path}:5", "proxies.b"],
        ["error", f"{it.path}:8", "profiles.slow.a[0].latency"],
    ]
    assert it.told[1].startswith("hint:  did you mean redis://?")
    assert it.client.proxies() == before
    [event] = it.client.journal(kind="reloaded")
    assert event["detail"]["file"] == str(it.path)
    assert event["detail"]["done"] == []
    assert len(event["detail"]["errors"]) == 2
    assert it.hang_up(FILE.format(echo=echo)) == "nothing changed"


def test_what_was_made_by_hand_stays(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo), "-p", f"mine={echo}", "--profile", "slow")
    it.client.add("api", echo)
    it.client.inject("a", {"fault": "noop", "name": "by-hand"})
    it.client.heal_one("b", "noop")
    text = FILE.format(echo=echo).replace("[noop]", "[{fault: noop, times: 3}]").replace("1ms, noop", "2ms, noop")
    assert it.hang_up(text.replace("latency: 1ms", "latency: 2ms")) == "1 injection changed"
    assert [each["name"] for each in it.client.proxies()] == ["a", "b", "mine", "api"]
    assert list(it.injected("a")) == ["latency", "noop", "by-hand"]
    assert it.injected("b") == {}
    assert it.hang_up(text.replace('  b: "', f'  mine: "{echo}"\n  b: "')) == "nothing changed, 1 error"
    assert it.told[0] == "error: there is a proxy named mine already"


def test_a_port_that_is_taken_is_said_and_the_rest_is_done(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo), "--profile", "slow")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        text = FILE.format(echo=echo).replace(
            "proxies:", f'proxies:\n  busy: {{upstream: "{echo}", listen: "{taken}"}}\n  new: "{echo}"'
        )
        text = text.replace("slow:", 'slow:\n    "*": [{fault: noop, name: everywhere}]')
        assert it.hang_up(text) == "2 proxies added, 4 injections added, 1 error"
        assert f"error: busy: {taken} is in use" in it.told
        assert {each["name"]: each["enabled"] for each in it.client.proxies()} == {
            "a": True,
            "b": True,
            "busy": False,
            "new": True,
        }
        assert it.hang_up() == "nothing changed, 1 error"
    assert it.hang_up() == "1 proxy changed"
    assert it.client.proxy("busy")["address"] == taken
    assert list(it.injected("busy")) == ["everywhere"]


def test_env_stays_and_that_is_said_once(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo))
    assert it.hang_up(f"env: {{U: '{{a.url}}'}}\n{FILE.format(echo=echo)}") == "nothing changed, 1 error"
    assert it.told[:2] == ["error: env stays as it is while it runs", "hint:  restart to use the new one"]


def test_strict_stays_and_that_is_said_once(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo))
    assert it.hang_up(f"strict: true\n{FILE.format(echo=echo)}") == "nothing changed, 1 error"
    assert it.told[:2] == ["error: strict stays as it is while it runs", "hint:  restart to use the new one"]
    assert it.hang_up() == "nothing changed"


def test_the_seed_stays_and_that_is_said_once(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo))
    text = FILE.format(echo=echo).replace("seed: 7", "seed: 8")
    assert it.hang_up(text) == "nothing changed, 1 error"
    assert it.told[:2] == ["error: the seed stays 7 while it runs", "hint:  restart to use 8"]
    assert it.client.health()["seed"] == 7
    assert it.hang_up() == "nothing changed"
    assert it.hang_up(text.replace("slow:", "slower:")) == "2 profiles changed"
    assert it.client.profile("slower")["source"] == "file"


@pytest.mark.slow
def test_a_watched_file_is_read_when_it_changes(edited: Callable[..., Edited], echo: str, tmp_path: Path) -> None:
    it = edited(FILE.format(echo=echo), "--profile", "slow", "--watch")
    with socket.create_connection(it.run.address("a"), timeout=DEADLINE) as link:
        assert pings(link)
        it.path.write_text(FILE.format(echo=echo).replace("1ms", "2ms"))
        assert it.said() == "1 injection changed"
        other = tmp_path / ".brownout.yaml.swp"
        other.write_text(FILE.format(echo=echo).replace("1ms", "3ms"))
        other.replace(it.path)
        assert it.said() == "1 injection changed"
        it.path.unlink()
        since = it.client.journal()[-1]["seq"]
        it.client.inject("b", "reset")
        it.path.write_text(FILE.format(echo=echo).replace("1ms", "4ms"))
        assert it.said() == "1 injection changed"
        assert len(it.client.journal(kind="reloaded", since=since)) == 1
        assert it.injected("a")["latency"]["latency"] == "4ms"
        it.path.write_text("proxies: [")
        assert it.said() == "nothing changed, 1 error"
        assert pings(link)


def test_a_file_that_is_not_watched_is_not_read(edited: Callable[..., Edited], echo: str) -> None:
    it = edited(FILE.format(echo=echo))
    it.path.unlink()
    assert it.hang_up() == "nothing changed, 1 error"
    assert it.told[0] == f"error: {it.path}: there is no such file"


def test_a_sighup_beside_a_command_reads_the_file_and_is_not_handed_on(run: Start, echo: str, tmp_path: Path) -> None:
    path = tmp_path / "brownout.yaml"
    path.write_text(FILE.format(echo=echo))
    waits = "import time; print('up', flush=True); time.sleep(60)"
    process = run(
        str(path), "--watch", "--", sys.executable, "-c", f"{waits.replace('input()', 'import time; time.sleep(60)')}"
    )
    process.out.until("up")
    path.write_text(FILE.format(echo=echo).replace('a: "', 'c: "').replace("    a: ", "    c: "))
    process.process.send_signal(signal.SIGHUP)
    assert process.err.until("read again").endswith(" read again: 1 proxy added, 1 proxy removed, 1 profile changed")
    assert process.end() == 143


def test_the_table_shows_a_reload_and_its_errors(
    terminal: Callable[..., Terminal], echo: str, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = tmp_path / "b.yaml"
    path.write_text(FILE.format(echo=echo))
    screen = terminal(100, 24, "run", str(path), "--profile", "slow", "--watch", "--api", "127.0.0.1:0")
    assert "profile slow applied: 3 injections" in screen.until("seed 7")
    screen.until("b              0/0")
    path.write_text(FILE.format(echo=echo).replace('b: "', 'b: "redsi://'))
    shown = screen.until("read again: nothing changed, 1 error")
    assert shown.index(f"error: {path}:5: proxies.b") < shown.rindex("PROXY")
    path.write_text(FILE.format(echo=echo).replace("1ms", "2ms"))
    screen.until("b.yaml read again: 1 injection changed")
    since = len(screen.raw)
    screen.process.send_signal(signal.SIGHUP)
    screen.until("b.yaml read again: nothing changed", since)
    assert screen.process.poll() is None


def test_a_terminal_that_is_closed_ends_it(terminal: Callable[..., Terminal], echo: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "b.yaml"
    path.write_text(FILE.format(echo=echo))
    screen = terminal(80, 24, "run", str(path), "--api", "127.0.0.1:0")
    client = api(screen)
    screen.until("b              0/0")
    assert client.health()["pid"] == screen.process.pid
    screen.hang_up()
    screen.process.wait(DEADLINE)
