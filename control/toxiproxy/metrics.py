"""Metrics under Toxiproxy's names, for its dashboards. Here the values move while connections are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ...faults.fault import Stream
from ..metrics import Family, Rows, expose

if TYPE_CHECKING:
    from ...proxy import Fleet, Proxy

_LABELS = ("direction", "listener", "proxy", "upstream")
_STREAMS: tuple[Stream, ...] = ("upstream", "downstream")


def _each(count: Callable[[Proxy, Stream], int]) -> Callable[[Fleet], Rows]:
    """Return a reading of both streams of every proxy."""

    def rows(fleet: Fleet) -> Rows:
        return [
            ((stream, (proxy.address or proxy.listen).endpoint, proxy.name, _upstream(proxy)), count(proxy, stream))
            for proxy in fleet.proxies.values()
            for stream in _STREAMS
        ]

    return rows


def _upstream(proxy: Proxy) -> str:
    return proxy.upstream.masked.removeprefix("tcp://")


FAMILIES = (
    Family(
        "counter", "toxiproxy_proxy_received_bytes_total", "", _LABELS,
        _each(lambda proxy, stream: proxy.bytes(stream)),
    ),
    Family(
        "counter", "toxiproxy_proxy_sent_bytes_total", "", _LABELS,
        _each(lambda proxy, stream: proxy.sent(stream)),
    ),
)  # fmt: skip
"""What toxiproxy-server counts with -proxy-metrics; it gives them no meaning in words."""


def process() -> CollectorRegistry:
    """Return the metrics of this process: what Python tells where Go has go_*."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def add_toxiproxy_metrics(app: web.Application, fleet: Fleet, *, proxies: bool, runtime: bool) -> None:
    """Let an application answer `/metrics` with the bytes of the proxies, this process's metrics, or both."""
    families, beside = FAMILIES if proxies else (), process() if runtime else None

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = await expose(fleet, request.headers.get("Accept", ""), families, beside)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_route("*", "/metrics", metrics)
