"""Calls made up at random: no call is a bug's 500, and what was taken can always be shown."""

import json
import os
import random

import pytest

from .conftest import Running

SEEDS = range(int(os.environ.get("BROWNOUT_FUZZ_SEED", "1")), int(os.environ.get("BROWNOUT_FUZZ_SEED", "1")) + 4)
CALLS = 250
FAULTS = (
    *("latency", "bandwidth", "loss", "drip", "slicer", "corrupt", "limit_data", "path_mtu", "timeout", "slow_close"),
    *(
        "noop",
        "reset",
        "disconnect",
        "half_open",
        "idle_cut",
        "max_lifetime",
        "refuse",
        "unreachable",
        "hang",
        "connect_delay",
        "drain",
    ),
    *("connection_limit", "http.status", "http.delay", "http.lost_reply", "http.truncate", "http.header", "http.drip"),
)
KEYS = (
    *("latency", "jitter", "rate", "delay", "timeout", "bytes", "share", "how", "idle", "lifetime", "status", "body"),
    *("json", "headers", "retry_after", "retry_as", "probability", "quota", "after", "every", "times", "start", "for"),
    *("stream", "name", "match", "set", "add", "remove", "connections", "interval", "file", "html", "part", "buffer"),
)
TEXTS = (
    *("", "1", "0", "-1", "1s", "300ms", "1h", "1KB", "1KB/s", "30%", "3 of 10", "1" * 400 + "s", "inf", "infs", "nan"),
    *(
        "1e400",
        "1" * 5000,
        "both",
        "upstream",
        "fin",
        "date",
        "past",
        "\0",
        "\ud7ff",
        "\N{GRINNING FACE}",
        "a: b\r\nc: d",
    ),
    *(
        "~(a+)+",
        "~a.*b",
        "*a*",
        "[",
        "~[",
        "\\",
        "none",
        "true",
        "{",
        "[[",
        '{"a": 1}',
        "x" * 3000,
        "1us",
        "0.0000001us",
    ),
    *("999999h", "1000000h", "/", "..", " ", "a,b", "127.0.0.1:0", "redis://u:p@h", "http://h:1", "unix:///tmp/x"),
)
PATHS = (
    *(
        "/v1/proxies",
        "/v1/proxies/echo",
        "/v1/proxies/new",
        "/v1/proxies/echo/injections",
        "/v1/proxies/web/injections",
    ),
    *(
        "/v1/proxies/echo/injections/noop",
        "/v1/injections",
        "/v1/journal",
        "/v1/requests",
        "/v1/profiles/flaky-network",
    ),
    *("/v1/profiles/flaky-network/apply", "/v1/profiles/x/heal", "/v1/faults/latency", "/v1/health", "/v1/nothing"),
    *(
        "/v1/journal?since={}&kind={}",
        "/v1/requests?last={}&since={}",
        "/v1/proxies/{}",
        "/v1/proxies/{}/injections/{}",
    ),
    *("/proxies", "/proxies/echo", "/proxies/echo/toxics", "/populate", "/reset", "/version", "/metrics"),
)


def value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.random()
    if kind < 0.5 or depth > 3:
        return rng.choice(TEXTS)
    if kind < 0.75:
        return rng.choice([0, 1, -1, 503, 2**31, 2**53 + 1, 2**64, 10**400, 0.5, -0.0, 1e300, True, False, None])
    if kind < 0.85:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    keys = ("path", "method", "header.x", "json.a", "status", *KEYS)
    return {rng.choice(keys): value(rng, depth + 1) for _ in range(rng.randint(0, 3))}


def injection(rng: random.Random) -> object:
    if rng.random() < 0.15:
        return f"{rng.choice(FAULTS)}:{rng.choice(TEXTS)}"
    return {"fault": rng.choice(FAULTS), **{rng.choice(KEYS): value(rng) for _ in range(rng.randint(0, 4))}}


def body(rng: random.Random, path: str) -> object:
    if "injections" in path and rng.random() < 0.9:
        return injection(rng)
    if path.startswith("/v1/proxies"):
        return {key: value(rng) for key in rng.sample(["upstream", "listen", "enabled", "x"], rng.randint(0, 3))}
    toxic = {
        "type": rng.choice(["latency", "timeout", "x"]),
        "attributes": {"latency": value(rng), "timeout": value(rng)},
    }
    return rng.choice([toxic, [toxic], {"name": value(rng), "upstream": value(rng), "listen": value(rng)}, value(rng)])


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_at_random(running: Running, seed: int) -> None:
    rng = random.Random(seed)
    running.client.add("echo", running.echo)
    running.client.add("web", f"http://{running.echo}")
    for _ in range(CALLS):
        method = rng.choice(["GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE"])
        path = rng.choice(PATHS)
        path = path.format(*(f"%{ord(rng.choice('a1/ %')):02x}" + str(rng.choice([1, "9" * 30, "noop"])) for _ in "12"))
        sent = json.dumps(body(rng, path), allow_nan=True) if method in ("POST", "PUT", "PATCH") else None
        if method == "DELETE" and path in ("/v1/proxies/echo", "/v1/proxies/web", "/proxies/echo"):
            continue
        connection = running.connect()
        connection.request(method, path, sent)
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        assert "a bug in Brownout" not in said, (method, path, sent, said)
        assert answer.status < 500 or not path.startswith("/v1"), (method, path, sent, said)
        for shown in ("/v1/proxies", "/v1/journal", "/proxies"):
            assert running.ask("GET", shown)[0] == 200, (method, path, sent)
