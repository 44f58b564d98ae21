"""What the counters of a fleet say, for Prometheus.

    plain counters -> rows, all read at one moment -> the encoders of prometheus_client, a few rows at a time

Nothing is registered and nothing is counted here: whoever asks pays. The text of a thousand injections takes a tenth
of a second to write, and the proxies run on the same loop, so they have their turn every few rows.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ..faults.fault import Stream
from ..proxy.record.tally import Histogram, Tally

if TYPE_CHECKING:
    from ..proxy import Fleet, Injection, Proxy

REASONS = ("dial_refused", "dial_timeout", "dial_unresolved", "dial_failed", "no_descriptor", "accept_failed")
"""Why a connection can fail; each is a series from the start, so that rate() sees the first one."""

ROWS = 10
HISTOGRAMS = 3
"""How many rows, and how many histograms, are written before the proxies have their turn: a millisecond's work."""

_STREAMS: tuple[Stream, ...] = ("upstream", "downstream")
_FAULT = ("proxy", "fault", "name")

Labels = tuple[str, ...]


class Durations(NamedTuple):
    """A histogram as it was at the moment of reading."""

    counts: tuple[int, ...]
    sum: float
    bounds: Sequence[float]

    @classmethod
    def of(cls, histogram: Histogram) -> Durations:
        """Read a histogram."""
        return cls(tuple(histogram.counts), histogram.sum, histogram.bounds)


Value = int | Durations
Rows = list[tuple[Labels, Value]]


class Family(NamedTuple):
    """One metric: its name, what it means, its labels, and how its rows are read."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    meaning: str
    labels: Labels
    read: Callable[[Fleet], Rows]

    def metric(self, rows: Rows) -> Metric:
        """Return it with some rows, as prometheus_client has it."""
        if self.kind == "histogram":
            histogram = HistogramMetricFamily(self.name, self.meaning, labels=self.labels, unit="seconds")
            for labels, value in rows:
                assert isinstance(value, Durations)
                bounds = (*map(str, value.bounds), "+Inf")
                histogram.add_metric(labels, list(zip(bounds, accumulate(value.counts), strict=True)), value.sum)
            return histogram
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        numbers = kind(self.name, self.meaning, labels=self.labels)
        for labels, value in rows:
            assert isinstance(value, int)
            numbers.add_metric(labels, value)
        return numbers


class Piece(Collector):
    """Some rows of a metric, for an encoder to collect."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> tuple[Metric, ...]:
        """Return what was given."""
        return self._metrics


def _each(read: Callable[[Proxy], dict[Labels, Value]]) -> Callable[[Fleet], Rows]:
    """Return a reading of every proxy, whose name is the first label."""
    return lambda fleet: [
        ((proxy.name, *labels), value) for proxy in fleet.proxies.values() for labels, value in read(proxy).items()
    ]


def _faults(read: Callable[[Tally, list[Injection]], Value]) -> Callable[[Fleet], Rows]:
    """Return a reading of each fault and name that was ever on a proxy: its tally, and what it does not know yet."""

    def rows(proxy: Proxy) -> dict[Labels, Value]:
        placed = defaultdict(list)
        for injection in proxy.injections.values():
            placed[injection.tally].append(injection)
        return {labels: read(tally, placed[tally]) for labels, tally in proxy.injections.tallies.items()}

    return _each(rows)


@functools.cache
def _version() -> str:
    """Return the version, from the disk: once, since there may be no descriptor later."""
    return importlib.metadata.version("brownout")


FAMILIES = (
    Family(
        "gauge", "brownout_build_info", "Which Brownout this is, on which Python; always 1.", ("version", "python"),
        lambda fleet: [((_version(), platform.python_version()), 1)],
    ),
    Family(
        "gauge", "brownout_run_info", "The random seed; always 1.", ("seed",),
        lambda fleet: [((str(fleet.seed),), 1)],
    ),
    Family(
        "gauge", "brownout_proxy_enabled", "Whether a proxy listens: 1, or 0 while it is disabled.", ("proxy",),
        _each(lambda proxy: {(): int(proxy.enabled)}),
    ),
    Family(
        "counter", "brownout_connections_total", "Client connections accepted.", ("proxy",),
        _each(lambda proxy: {(): proxy.links_total}),
    ),
    Family(
        "gauge", "brownout_connections_open",
        "Client connections open now, including those whose upstream is still being dialled.", ("proxy",),
        _each(lambda proxy: {(): len(proxy.links)}),
    ),
    Family(
        "counter", "brownout_bytes_total", "Bytes read from the source of a stream.", ("proxy", "stream"),
        _each(lambda proxy: {(stream,): proxy.bytes(stream) for stream in _STREAMS}),
    ),
    Family(
        "counter", "brownout_turns_total", "Turns begun: the client spoke, after the server or for the first time.",
        ("proxy",),
        _each(lambda proxy: {(): proxy.turns}),
    ),
    Family(
        "counter", "brownout_connection_errors_total",
        "Connections that failed: not accepted, or their upstream not reached.", ("proxy", "reason"),
        _each(lambda proxy: {(why,): proxy.errors[why] for why in dict.fromkeys([*REASONS, *proxy.errors])}),
    ),
    Family(
        "counter", "brownout_caller_connections_total", "Connections by the client's program, where that is known.",
        ("proxy", "program", "container", "worker"),
        _each(lambda proxy: {caller: said["connections"] for caller, said in proxy.by_caller().items()}),
    ),
    Family(
        "histogram", "brownout_dial_seconds", "How long upstreams took to accept.", ("proxy",),
        _each(lambda proxy: {(): Durations.of(proxy.dials)}),
    ),
    Family(
        "counter", "brownout_requests_total", "Requests, by operation and outcome.", ("proxy", "operation", "outcome"),
        _each(
            lambda proxy: {
                (operation, outcome): count
                for operation, tally in proxy.operations.tallies.items()
                for outcome, count in tally.outcomes.items()
            }
        ),
    ),
    Family(
        "histogram", "brownout_request_seconds", "Time from the start of a request to the end of its reply.",
        ("proxy", "operation"),
        _each(
            lambda proxy: {
                (operation,): Durations.of(tally.seconds) for operation, tally in proxy.operations.tallies.items()
            }
        ),
    ),
    Family(
        "gauge", "brownout_fault_active", "1 while a fault is in force, 0 before its start and when healed.", _FAULT,
        _faults(lambda tally, now: sum(injection.active for injection in now)),
    ),
    Family(
        "counter", "brownout_faults_matched_total", "Connections, turns or requests that a fault could have hit.",
        _FAULT,
        _faults(lambda tally, now: tally.matched + sum(injection.matched for injection in now)),
    ),
    Family(
        "counter", "brownout_faults_chosen_total", "Of those, the ones that its trigger picked.", _FAULT,
        _faults(lambda tally, now: tally.chosen + sum(injection.chosen for injection in now)),
    ),
    Family(
        "counter", "brownout_faults_fired_total",
        "Of those, the ones on which the client or the server could notice the fault.", _FAULT,
        _faults(lambda tally, now: tally.fired + sum(injection.fired for injection in now)),
    ),
    Family(
        "counter", "brownout_faults_vacuous_total", "Injections that were healed without having fired.", _FAULT,
        _faults(lambda tally, now: tally.vacuous),
    ),
    Family(
        "histogram", "brownout_fault_delay_seconds", "How long a fault kept what it held back.", _FAULT,
        _faults(lambda tally, now: Durations.of(tally.delays)),
    ),
)  # fmt: skip
"""Every metric, in the order in which they are shown."""


async def expose(
    fleet: Fleet, accept: str = "", families: Sequence[Family] = FAMILIES, beside: Collector | None = None
) -> tuple[bytes, str]:
    """Return the metrics of a fleet, and their content type: the one of Prometheus's formats that `accept` asks for.

    They are `families`, and what is collected `beside`.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is not a number
        encode, content_type = choose_encoder("")
    end = encode(Piece())
    text = []
    for family, rows in [(family, family.read(fleet)) for family in families]:
        head = encode(Piece(family.metric([]))).removesuffix(end)
        text.append(head)
        step = HISTOGRAMS if family.kind == "histogram" else ROWS
        for start in range(0, len(rows), step):
            await asyncio.sleep(0)
            piece = encode(Piece(family.metric(rows[start : start + step])))
            text.append(piece.removeprefix(head).removesuffix(end))
    if beside is not None:
        text.append(encode(beside).removesuffix(end))
    return b"".join([*text, end]), content_type


def add_metrics(app: web.Application, fleet: Fleet) -> None:
    """Let an application answer `/metrics`."""
    _version()

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = await expose(fleet, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/metrics", metrics)
