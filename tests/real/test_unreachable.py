"""The connect timeout of a client is another one than its read timeout: unreachable meets the one, hang the other."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from conftest import Gate, Town

SHORT, LONG = 0.3, 60.0


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web_gate(town: "Town") -> Iterator["Gate"]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield town.add(f"http://127.0.0.1:{server.server_port}", "web")
    server.shutdown()
    thread.join()
    server.server_close()


def by_httpx(gate: "Gate", connect: float, read: float) -> None:
    httpx.get(f"http://{gate.host}:{gate.port}/", timeout=httpx.Timeout(LONG, connect=connect, read=read))


def by_requests(gate: "Gate", connect: float, read: float) -> None:
    requests.get(f"http://{gate.host}:{gate.port}/", timeout=(connect, read))


@pytest.mark.parametrize(
    ("get", "no_connect", "no_read"),
    [
        (by_httpx, httpx.ConnectTimeout, httpx.ReadTimeout),
        (by_requests, requests.ConnectTimeout, requests.ReadTimeout),
    ],
)
def test_http_clients_tell_connect_and_read_time_outs_apart(
    web_gate: "Gate",
    get: Callable[["Gate", float, float], None],
    no_connect: type[Exception],
    no_read: type[Exception],
) -> None:
    get(web_gate, LONG, LONG)
    web_gate.inject("unreachable")
    with pytest.raises(no_connect):
        get(web_gate, SHORT, LONG)
    web_gate.heal()
    web_gate.inject("hang")
    with pytest.raises(no_read):
        get(web_gate, LONG, SHORT)
    web_gate.heal()
    get(web_gate, LONG, LONG)


def test_redis_tells_them_apart(redis_gate: "Gate") -> None:
    def ping(connect: float, read: float) -> None:
        client = redis.Redis(
            host=redis_gate.host,
            port=redis_gate.port,
            socket_connect_timeout=connect,
            socket_timeout=read,
            retry=Retry(NoBackoff(), 0),
        )
        with contextlib.closing(client):
            client.ping()

    redis_gate.inject("unreachable")
    with pytest.raises(redis.TimeoutError, match="connecting to server"):
        ping(SHORT, LONG)
    redis_gate.heal()
    redis_gate.inject("hang")
    with pytest.raises(redis.TimeoutError, match="reading from socket"):
        ping(LONG, SHORT)
    redis_gate.heal()
    ping(LONG, LONG)


def test_postgres_has_one_time_out_for_both(postgres_gate: "Gate") -> None:
    where = {"host": postgres_gate.host, "port": postgres_gate.port, "user": "postgres", "dbname": "postgres"}
    for fault in ("unreachable", "hang"):
        postgres_gate.inject(fault)
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(**where, connect_timeout=2)
        postgres_gate.heal()
    psycopg.connect(**where, connect_timeout=60).close()
