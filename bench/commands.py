"""How each candidate is configured for a place: its command, or None if it cannot do what the route asks for.

Each runs with one thread if it can be told to, as Brownout does.
"""

from __future__ import annotations

from .route import HOST, Injection, Place, ask

ENOUGH = 100_000
"""More connections and requests than are made."""


def brownout(place: Place) -> list[str]:
    """Configure Brownout."""
    named = [{"name": f"fault-{number}", **each} for number, each in enumerate(place.route.injections)]
    upstream = f"{place.route.scheme}://{HOST}:{place.upstream}"
    config = {
        "proxies": {"web": {"listen": f"{HOST}:{place.port}", "upstream": upstream}},
        "profiles": {"bench": {"web": named}},
    }
    file = place.write("brownout.yaml", config)
    profile = ["--profile", "bench"] if named else []
    return [place.program, "run", file, *profile, "--api", f"{HOST}:{place.api}", "--seed", "7"]


def haproxy(place: Place) -> list[str] | None:
    """Configure HAProxy, which answers with a status and cannot delay."""
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


def nginx(place: Place) -> list[str] | None:
    """Configure nginx, which looks a header up in a map and cannot delay."""
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


def envoy(place: Place) -> list[str] | None:
    """Configure Envoy: rules are routes, faults are its fault filter."""
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


def toxiproxy(place: Place) -> list[str] | None:
    """Configure Toxiproxy, which gets its toxics when it runs."""
    if place.route.scheme != "tcp" or toxics(place.route.injections) is None:
        return None
    upstream = f"{HOST}:{place.upstream}"
    config = [{"name": "web", "listen": f"{HOST}:{place.port}", "upstream": upstream, "enabled": True}]
    file = place.write("toxiproxy.json", config)
    return [place.program, "-host", HOST, "-port", str(place.api), "-config", file]


def arm_toxiproxy(place: Place) -> None:
    """Add the toxics."""
    for toxic in toxics(place.route.injections) or ():
        ask(place.api, "POST", "/proxies/web/toxics", toxic)


def mitmproxy(place: Place) -> list[str] | None:
    """Configure mitmproxy, without faults."""
    if place.route.injections:
        return None
    mode = f"reverse:{place.route.scheme}://{HOST}:{place.upstream}"
    where = ["--listen-host", HOST, "--listen-port", str(place.port)]
    return [place.program, "-q", "--mode", mode, *where, "--set", f"confdir={place.folder}"]


def microburst(place: Place) -> list[str] | None:
    """Configure microburst, without faults: its HTTP is that of AWS endpoints."""
    if place.route.injections or place.route.scheme != "tcp":
        return None
    where = ["--host", HOST, "--port", str(place.port), "--control-port", str(place.api)]
    return [place.program, "--protocol", "tcp", "--upstream", f"{HOST}:{place.upstream}", *where]
