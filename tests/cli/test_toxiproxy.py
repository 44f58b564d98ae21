"""`brownout toxiproxy` as toxiproxy-server: what it is given, what it says, how it ends, what it counts."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from brownout.cli.toxiproxy_log import Log
from brownout.control.client import Client

from .conftest import DEADLINE, Run, command

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"


class Standin(Run):
    """A `brownout toxiproxy` as a process of its own, and what it logged."""

    command = "toxiproxy"

    @property
    def api(self) -> str:
        return str(json.loads(self.out.until("Starting Toxiproxy HTTP server"))["address"])

    def logged(self, *keys: str) -> list[tuple[object, ...]]:
        """What the lines so far have under some keys; each line is JSON with a level, a time and a message."""
        lines = [json.loads(line) for line in self.out.seen]
        for line in lines:
            assert list(line)[:3] == ["level", "time", "message"]
        return [tuple(line.get(key) for key in keys) for line in lines]

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.api, timeout=DEADLINE)
        try:
            connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def scrape(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The samples of each metric, by the values of its labels, which come in the order of their names."""
        status, text = self.ask("/metrics")
        assert status == 200
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels[key] for key in sorted(sample.labels))] = (
                    sample.value
                )
        return found


Start = Callable[..., Standin]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(*args: str, **env: str) -> Standin:
            process = Standin(*args, **env)
            stack.callback(process.close)
            return process

        yield begin


@pytest.mark.parametrize(
    "args",
    [
        ("-host=127.0.0.1", "-port={port}"),
        ("-host", "127.0.0.1", "-port", "{port}"),
        ("--host=127.0.0.1", "--port={port}", "--seed=7", "--proxy-metrics"),
        ("--host", "127.0.0.1", "--port", "{port}", "-seed", "-7", "-runtime-metrics=true"),
        ("-port={port}", "-proxy-metrics=false", "-config="),
    ],
)
def test_flags_have_one_dash_or_two(start: Start, args: tuple[str, ...], reserve: Callable[[], str]) -> None:
    port = reserve().rpartition(":")[2]
    process = start(*(each.format(port=port) for each in args))
    assert process.api in (f"127.0.0.1:{port}", f"localhost:{port}")
    assert Client(process.api).health()["status"] == "ok"
    seeds = [seed for (seed,) in process.logged("seed") if seed is not None]
    assert seeds == [Client(process.api).health()["seed"]]
    if any("seed" in each for each in args):
        assert seeds == [7 if "--seed=7" in args else -7]
    metrics = any(each in ("--proxy-metrics", "-runtime-metrics=true") for each in args)
    assert process.ask("/metrics")[0] == (200 if metrics else 404)


def test_the_version_has_the_form_of_the_servers() -> None:
    for flag in ("-version", "--version", "-version=true"):
        result = command("toxiproxy", flag)
        assert (result.exit_code, result.stdout) == (0, "toxiproxy-server version 2.12.0\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-nope"], "no such option '--nope'"),
        (["--nope=1"], "no such option '--nope'"),
        (["-port", "http"], "invalid value for '--port'"),
        (["-port=70000"], "invalid value for '--port'"),
        (["-proxy-metrics=maybe"], "option '--proxy-metrics' does not take a value"),
        (["-config"], "option '--config' requires an argument"),
        (["redis"], "got unexpected extra argument"),
        (["-seed=x"], "invalid value for '--seed'"),
    ],
)
def test_a_flag_that_is_none_is_an_error_with_the_usage(words: list[str], message: str) -> None:
    result = command("toxiproxy", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}")
    assert "brownout toxiproxy [OPTIONS], see brownout toxiproxy --help" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0(start: Start, number: signal.Signals) -> None:
    process = start("-host=127.0.0.1", "-port=0")
    assert process.api
    assert process.end(number) == 0
    process.out.all()
    assert process.logged("level", "message", "signal")[-1] == ("info", "Shutting down", number.name)
    assert process.err.all() == []


def test_a_busy_port_is_an_error_exit(start: Start, echo: str, tmp_path: Path, reserve: Callable[[], str]) -> None:
    listen = reserve()
    config = tmp_path / "config.json"
    config.write_text(json.dumps([{"name": "a", "listen": listen, "upstream": echo}]))
    process = start("-host=127.0.0.1", f"-port={echo.rpartition(':')[2]}", f"-config={config}")
    assert process.wait() == 2
    error, hint = process.err.all()
    assert error.startswith(f"error: the API cannot listen at {echo}: ")
    assert hint == "hint:  choose another --host or --port, or end the process that has it"
    assert [line for line in process.out.all() if listen in line] == []


def test_no_host_is_every_interface_and_warned_of(start: Start) -> None:
    for args, warned in ((("-host=",), True), (("-host=0.0.0.0",), True), (("-host=0.0.0.0", "-token=t"), False)):
        process = start(*args, "-port=0")
        assert process.api.startswith("0.0.0.0:")
        assert process.end() == 0
        process.out.all()
        warning = f"everyone who reaches {process.api} can change all of this; a --token prevents that"
        assert [message for level, message in process.logged("level", "message") if level == "warn"] == (
            [warning] * warned
        )


def test_the_token_and_the_host_are_looked_at(start: Start) -> None:
    process = start("-host=127.0.0.1", "-port=0", "--token", "s3cret")
    assert process.ask("/version")[0] == 401
    assert process.ask("/version", Authorization="Bearer s3cret", Host="a.example")[0] == 200
    process = start("-host=127.0.0.1", "-port=0", "--allow-host=a.example")
    assert [process.ask("/version", Host=host)[0] for host in ("a.example", "b.example", "toxiproxy")] == [
        200,
        403,
        200,
    ]


# The config file


def test_a_config_is_in_place_before_the_first_answer(
    start: Start, echo: str, tmp_path: Path, reserve: Callable[[], str]
) -> None:
    config, (one, two) = tmp_path / "config.json", (reserve(), reserve())
    entries = [
        {"name": "one", "listen": one, "upstream": echo, "enabled": True},
        {
            "name": "two",
            "listen": two,
            "upstream": echo,
            "toxics": [{"type": "limit_data", "attributes": {"bytes": 4}}],
        },
    ]
    config.write_text(json.dumps(entries))
    process = start("-host=127.0.0.1", "-port=0", f"-config={config}")
    shown = json.loads(process.ask("/proxies")[1])
    assert [(name, each["listen"], each["upstream"]) for name, each in shown.items()] == [
        ("one", one, echo),
        ("two", two, echo),
    ]
    assert ("info", "Populated proxies from file", 2) in process.logged("level", "message", "proxies")
    host, port = two.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
        link.sendall(b"ping")
        assert link.recv(4) == b"ping"
        assert link.recv(1) == b""


def test_a_toxic_of_a_config_that_is_wrong_is_warned_of_and_left_out(start: Start, echo: str, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    toxics = [{"type": "nope", "name": "typo"}, {"type": "noop"}]
    config.write_text(json.dumps([{"name": "one", "listen": "127.0.0.1:0", "upstream": echo, "toxics": toxics}]))
    process = start("-host=127.0.0.1", "-port=0", f"-config={config}")
    shown = json.loads(process.ask("/proxies")[1])
    assert [toxic["name"] for toxic in shown["one"]["toxics"]] == ["noop_downstream"]
    assert ("warn", "toxic left out", "one", "typo", "invalid toxic type") in process.logged(
        "level", "message", "proxy", "toxic", "reason"
    )


def test_an_entry_that_fails_stops_the_list(start: Start, echo: str, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    entries = [
        {"name": "one", "listen": "127.0.0.1:0", "upstream": echo},
        {"name": "two", "listen": echo, "upstream": echo},
        {"name": "three", "listen": "127.0.0.1:0", "upstream": echo},
    ]
    config.write_text(json.dumps(entries))
    process = start("-host=127.0.0.1", "-port=0", f"-config={config}")
    assert list(json.loads(process.ask("/proxies")[1])) == ["one"]
    [(error,)] = [(error,) for level, error in process.logged("level", "error") if level == "error"]
    assert echo in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "the config file cannot be read"),
        ("", "the config file is wrong"),
        ("[{", "the config file is wrong"),
        ('{"name": "a"}', "the config file is wrong"),
        ('[{"name": "a"}]', "the config file is wrong"),
    ],
)
def test_a_config_that_is_none_is_logged_and_it_runs_empty(
    start: Start, tmp_path: Path, text: str | None, message: str
) -> None:
    config = tmp_path / "config.json"
    if text is not None:
        config.write_text(text)
    process = start("-host=127.0.0.1", "-port=0", "-config", str(config))
    assert json.loads(process.ask("/proxies")[1]) == {}
    errors = [line for line in process.logged("level", "message", "config") if line[0] == "error"]
    assert errors == [("error", message, str(config))]
    assert process.end() == 0


# The log


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        ("trace", {"debug", "info", "error"}),
        ("debug", {"debug", "info", "error"}),
        ("INFO", {"info", "error"}),
        ("warn", {"error"}),
        ("error", {"error"}),
        ("fatal", set()),
        ("panic", set()),
        ("loud", {"debug", "info", "error"}),
        ("", {"debug", "info", "error"}),
    ],
)
def test_log_level_says_what_is_logged(start: Start, level: str, levels: set[str], reserve: Callable[[], str]) -> None:
    port = reserve().rpartition(":")[2]
    process = start("-host=127.0.0.1", f"-port={port}", LOG_LEVEL=level)
    end = time.monotonic() + DEADLINE
    while not answers(int(port)):
        assert time.monotonic() < end
    client = Client(f"127.0.0.1:{port}")
    address = str(client.add("dead", reserve())["address"])
    host, listening = address.split(":")
    with socket.create_connection((host, int(listening)), timeout=DEADLINE) as link:
        assert link.recv(1) == b""
    while client.proxy("dead")["connections"]["open"]:
        assert time.monotonic() < end
    assert process.end() == 0
    process.out.all()
    lines = process.logged("level", "message", "proxy", "connection")
    assert {line[0] for line in lines} == levels
    assert ([line[1] for line in lines][:1] == ["unknown LOG_LEVEL 'loud'"]) == (level == "loud")
    assert (("error", "dial failed", "dead", 1) in lines) == ("error" in levels)
    assert (("debug", "connection closed", "dead", 1) in lines) == ("debug" in levels)
    assert (("info", "proxy added", "dead", None) in lines) == ("info" in levels)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_lines_that_nobody_reads_are_counted_in_json() -> None:
    read, write = os.pipe()
    with open(read, "rb") as reader, open(write, "w") as writer:
        log = Log(writer)
        for number in range(100):
            log.write("info", "x" * 3000, number=number)
        left = 100 - reader.read1(1 << 20).count(b"\n")
        log.write("info", "y" * 9000, more="z")
        missed, last = (json.loads(line) for line in reader.read1(1 << 20).splitlines())
    assert left > 50
    assert (missed["level"], missed["lines"]) == ("warn", left)
    assert (last["message"], "more" in last) == ("y" * 512, False)


# Metrics


def test_metrics_are_shown_to_programs_that_asked_for_them(start: Start) -> None:
    process = start("-host=127.0.0.1", "-port=0")
    assert process.ask("/metrics")[0] == 404
    process = start("-host=127.0.0.1", "-port=0", "-proxy-metrics")
    assert process.ask("/metrics", User_Agent=CHROME) == (403, "User agent not allowed\n")
    assert [process.ask("/metrics", method)[0] for method in ("GET", "POST", "PUT", "DELETE")] == [200] * 4
    assert process.scrape() == {}


def test_the_process_tells_what_python_has_and_nothing_of_go(start: Start) -> None:
    found = start("-host=127.0.0.1", "-port=0", "-runtime-metrics").scrape()
    assert next(iter(found["python_info"].values())) == 1
    assert found["process_resident_memory_bytes"][()] > 1_000_000
    assert "python_gc_collections_total" in found
    assert [name for name in found if name.startswith(("go_", "toxiproxy_", "brownout_"))] == []


def test_both_are_shown_beside_each_other(start: Start) -> None:
    process = start("-host=127.0.0.1", "-port=0", "-proxy-metrics", "-runtime-metrics")
    Client(process.api).add("echo", "127.0.0.1:1")
    assert {"python_info", "toxiproxy_proxy_sent_bytes_total"} <= process.scrape().keys()


RECEIVED, SENT = "toxiproxy_proxy_received_bytes_total", "toxiproxy_proxy_sent_bytes_total"


def until(
    process: Standin, name: str, labels: tuple[str, ...], value: float
) -> dict[str, dict[tuple[str, ...], float]]:
    end = time.monotonic() + DEADLINE
    while (found := process.scrape())[name][labels] != value:
        assert time.monotonic() < end, found
    return found


def test_values_move_while_a_link_is_open(start: Start, echo: str) -> None:
    process = start("-host=127.0.0.1", "-port=0", "-proxy-metrics")
    client = Client(process.api)
    listen = str(client.add("echo", echo)["address"])
    up, down = (("upstream", listen, "echo", echo), ("downstream", listen, "echo", echo))
    assert process.scrape() == {RECEIVED: {up: 0, down: 0}, SENT: {up: 0, down: 0}}
    with socket.create_connection(("127.0.0.1", int(listen.split(":")[1])), timeout=DEADLINE) as link:
        link.sendall(b"ping")
        assert link.recv(4) == b"ping"
        assert until(process, SENT, down, 4) == {RECEIVED: {up: 4, down: 4}, SENT: {up: 4, down: 4}}
        client.inject("echo", {"fault": "latency", "latency": "1h"})
        link.sendall(b"pong!")
        assert until(process, RECEIVED, down, 9) == {RECEIVED: {up: 9, down: 9}, SENT: {up: 9, down: 4}}
        client.heal()
        assert link.recv(5) == b"pong!"
        assert process.scrape() == {RECEIVED: {up: 9, down: 9}, SENT: {up: 9, down: 9}}
        client.inject("echo", {"fault": "timeout", "timeout": "1h", "stream": "upstream"})
        link.sendall(b"lost")
        until(process, RECEIVED, up, 13)
    end = time.monotonic() + DEADLINE
    while client.proxy("echo")["connections"]["open"]:
        assert time.monotonic() < end
        client.heal()
    assert process.scrape() == {RECEIVED: {up: 13, down: 9}, SENT: {up: 9, down: 9}}
