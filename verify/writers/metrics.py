"""Coverage and figures in the text format of Prometheus, for a textfile collector or a push gateway."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ..document import Document
from .words import STATES


def metrics(document: Document) -> bytes:
    """Return them. Every state has a sample, also one of 0, so that alerts know the difference from nothing."""
    registry = CollectorRegistry()
    covered = Gauge(
        "brownout_verify_coverage",
        "Whether a failure of an operation was tested; vacuous: no test met it",
        ("dependency", "operation", "failure", "state"),
        registry=registry,
    )
    for each in document.coverage:
        covered.labels(each.dependency, each.operation, each.failure, each.state).set(1)
    cells = Gauge(
        "brownout_verify_cells", "Tests under a failure, by what became of them", ("state",), registry=registry
    )
    for state in STATES:
        cells.labels(state).set(sum(cell.state == state for cell in document.cells))
    findings = Gauge("brownout_verify_findings", "Causes of what was not survived", registry=registry)
    findings.set(len(document.causes))
    seconds = Gauge("brownout_verify_duration_seconds", "How long the run took", registry=registry)
    seconds.set(document.seconds)
    return generate_latest(registry)
