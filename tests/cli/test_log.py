"""`brownout log`: what was carried, and what is being carried."""

import http.client
import http.server
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from brownout.proxy.record.caller import Caller
from brownout.supervisor.process import Process

from ..control.conftest import Running, carried, entry, serving
from .conftest import DEADLINE, PROGRAM, Run, command, environment
from .test_live import Terminal


@pytest.fixture
def running() -> Iterator[Running]:
    with serving() as running:
        yield running


def carry(running: Running, *names: str, upstream: str = "http://127.0.0.1:9", **values: object) -> None:
    """Let proxies have carried a request each, and be there before."""

    async def feed() -> None:
        for name in names:
            proxy = running.fleet.proxies.get(name) or await running.fleet.add(name, upstream)
            carried(proxy, entry(0, name, **values))

    running.call(feed())


def shown(running: Running, *args: str) -> list[str]:
    """The lines of a list, without their times of day."""
    result = command("log", *args, BROWNOUT_API=running.api)
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.partition("  ")[2] for line in result.stdout.splitlines()]


REST = "503  0.12 ms    345 B    678 B  POST /charge/17?token=*  <- http.status, latency"


class NoPage(http.server.BaseHTTPRequestHandler):
    """Knows no method: 501."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), NoPage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("options", "request_"), [((), "GET /a?b=***"), (("--show-values",), "GET /a?b=c")], ids=["masked", "shown"]
)
def test_the_values_of_a_query_are_shown_to_who_asks_for_them(
    run: Callable[..., Run], site: str, options: tuple[str, ...], request_: str
) -> None:
    process = run("-p", f"site={site}", "--api", "127.0.0.1:0", *options)
    connection = http.client.HTTPConnection(*process.address("site"), timeout=DEADLINE)
    connection.request("GET", "/a?b=c")
    connection.getresponse().read()
    connection.close()
    log = command("log", "--json", BROWNOUT_API=process.api)
    assert [json.loads(line)["request"] for line in log.stdout.splitlines()] == [request_]


def test_what_was_carried_is_shown_oldest_first(running: Running) -> None:
    carry(running, "a")
    carry(running, "a", operation="GET /", summary="GET /", status="200", outcome="2xx", faults=())
    assert shown(running) == [REST, "200  0.12 ms    345 B    678 B  GET /"]
    carry(running, "bee")
    assert shown(running) == [f"a    {REST}", "a    200  0.12 ms    345 B    678 B  GET /", f"bee  {REST}"]
    assert shown(running, "bee") == [REST]
    assert shown(running, "--lines", "1") == [REST]
    assert shown(running, "-n", "0") == []


def test_in_a_pipe_all_is_shown_and_nothing_is_cut(running: Running) -> None:
    carry(running, *["a"] * 150, summary="GET /" + "x" * 300)
    lines = shown(running)
    assert (len(lines), "GET /" + "x" * 300 in lines[0]) == (150, True)


def test_at_a_terminal_the_last_hundred_are_shown_and_long_requests_are_cut(running: Running) -> None:
    carry(running, *["a"] * 150, summary="GET /" + "x" * 300)
    terminal = Terminal(80, 24, "log", BROWNOUT_API=running.api)
    try:
        assert terminal.end() == 0
    finally:
        terminal.close()
    lines = terminal.raw.splitlines()
    assert len(lines) == 100
    assert lines[-1].endswith("503  0.12 ms  GET /" + "x" * 20 + "…\x1b[33m\x1b[1m  <- http.status, latency\x1b[0m")


def test_json_is_an_object_a_line(running: Running) -> None:
    carry(running, "a", "b")
    result = command("log", "--json", BROWNOUT_API=running.api)
    assert [json.loads(line) for line in result.stdout.splitlines()] == running.client.requests()


def test_an_unknown_proxy_is_an_error(running: Running) -> None:
    carry(running, "payments")
    result = command("log", "paiments", BROWNOUT_API=running.api)
    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        "error: there is no proxy named 'paiments'\nhint:  did you mean payments?\n",
    )


def test_nothing_carried_says_why(running: Running) -> None:
    hint = "a protocol, so no request is logged; upstreams need a scheme such as http://\n"
    running.client.add("tcp", "127.0.0.1:9")
    for args, said in (
        ([], f"no proxy follows {hint}"), (["tcp"], f"tcp does not follow {hint}"), (["--json"], f"no proxy follows {hint}"),
    ):  # fmt: skip
        result = command("log", *args, BROWNOUT_API=running.api)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", said)
    running.client.add("open", "auto://127.0.0.1:9")
    running.client.add("web", "http://127.0.0.1:9")
    for args in (["open"], []):
        result = command("log", *args, BROWNOUT_API=running.api)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing was carried yet\n")


def test_a_toxiproxy_has_no_log(running: Running) -> None:
    result = command("log", "--follow", "--api", f"toxiproxy://{running.api}")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: the Toxiproxy at {running.api} keeps no requests\nhint:  a Brownout does\n",
    )


# Following


class Log(Run):
    command = "log"


@pytest.fixture
def log(running: Running) -> Iterator[Callable[..., Log]]:
    processes = []

    def start(*args: str) -> Log:
        processes.append(Log(*args, BROWNOUT_API=running.api))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


def followed(running: Running) -> None:
    """Wait until somebody follows."""
    deadline = time.monotonic() + DEADLINE
    while not running.fleet.request_log.listeners:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_following_shows_what_comes_at_once(running: Running, log: Callable[..., Log]) -> None:
    carry(running, "a", "b", summary="GET /before")
    process = log("--follow", "a")
    process.out.until("GET /before")
    carry(running, "b", summary="GET /other")
    carry(running, "a", summary="GET /after")
    process.out.until("GET /after")
    assert ["GET /other" in line for line in process.out.seen] == [False, False]
    assert process.end(signal.SIGINT) == 130
    assert "".join(process.err.all()) == ""


def test_following_without_what_was(running: Running, log: Callable[..., Log]) -> None:
    carry(running, "a", summary="GET /before")
    process = log("-f", "-n", "0", "--json")
    followed(running)
    carry(running, "a", summary="GET /after")
    assert json.loads(process.out.until("GET /after"))["seq"] == 2
    assert len(process.out.seen) == 1


def test_a_brownout_that_ends_is_said(running: Running, log: Callable[..., Log]) -> None:
    carry(running, "a")
    process = log("--follow")
    followed(running)
    running.call(running.server.close())
    assert process.err.until("ended") == f"the Brownout at {running.api} has ended"
    assert process.wait() == 0


def test_what_came_too_fast_is_said(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    carry(running, "web")
    monkeypatch.setattr("brownout.control.client.Client.follow_requests", lambda *_, **__: iter([{"missed": 12}]))
    lines = command("log", "--follow", BROWNOUT_API=running.api).stdout.splitlines()
    assert lines[1:] == ["... 12 left out, they came too fast"]


def test_a_closed_pipe_is_silent(running: Running) -> None:
    carry(running, *["a"] * 3000)
    for more in ("", "--follow"):
        shell = f"{' '.join(PROGRAM)} log {more} | head -n 1"
        done = subprocess.run(shell, shell=True, capture_output=True, env=environment(BROWNOUT_API=running.api))
        assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


def test_a_line_says_whose_request_it_is_where_that_is_asked_for(running: Running) -> None:
    gw0 = running.fleet.workers.add("gw0", 10, "")
    gw0.turn_to("tests/test_shop.py::test_pay", 0.0)
    carry(running, "web", caller=Caller(Process(10, "python orders.py", container=""), gw0))
    carry(running, "web")
    carry(running, "web", caller=Caller(Process(11, "psql", container="3f2a8c1d9e0b")))
    assert shown(running, "--callers") == [
        f"python orders.py (gw0 test_pay)  {REST}", f"{'-':<31}  {REST}", f"{'psql (3f2a8c1d9e0b)':<31}  {REST}",
    ]  # fmt: skip
    assert shown(running) == [REST, REST, REST]
