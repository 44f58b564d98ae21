"""Whether what was measured is what was injected."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

from .clients import Client
from .story import FAILURES, Step


class Measured(NamedTuple):
    """What a client felt: how long it took and, where it failed, how."""

    seconds: float
    error: Exception | None = None

    @property
    def exception(self) -> str:
        """The full name of the exception, as an `except` has it; empty for none."""
        if self.error is None:
            return ""
        kind = type(self.error)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Row(NamedTuple):
    """A step with what each client measured."""

    step: Step
    measured: dict[str, Measured]

    def wrong(self) -> dict[str, str]:
        """Return a sentence for each client that did not feel what was injected."""
        sentences = {name: _wrong(self.step, measured) for name, measured in self.measured.items()}
        return {name: sentence for name, sentence in sentences.items() if sentence}


def measure(step: Step, client: Client) -> Measured:
    """Let a client ask as the step says; the median leaves out what connecting took, where it had to connect."""
    if step.fresh:
        client.close()
    times = []
    for _ in range(step.asks):
        begun = time.perf_counter()
        try:
            client.ask(large=step.large)
        except client.errors as error:
            return Measured(time.perf_counter() - begun, error)
        times.append(time.perf_counter() - begun)
    return Measured(statistics.median(times))


def failure(error: Exception | None) -> str:
    """Return how a connection failed, by what the client's error says: a key of FAILURES, or empty."""
    text = str(error or "").lower()
    return next((kind for kind, words in FAILURES.items() if any(word in text for word in words)), "")


def milliseconds(seconds: float) -> str:
    """Write a time: `0.11 ms`, `300.6 ms`, `2002 ms`."""
    figure = seconds * 1000
    digits = 2 if figure < 9.995 else 1 if figure < 999.95 else 0
    return f"{figure:.{digits}f} ms"


def bounds(step: Step) -> str:
    """Write what a measured time must be."""
    return f"{step.least * 1000:.0f} to {step.most * 1000:.0f} ms"


def _wrong(step: Step, measured: Measured) -> str:
    took = milliseconds(measured.seconds)
    if measured.error is None:
        felt = f"an answer after {took}"
    else:
        felt = f"{measured.exception} after {took} ({' '.join(str(measured.error).split())})"
    if bool(step.fails) != bool(measured.error) or step.fails != failure(measured.error):
        return f"{felt}, which must be {f'a {step.fails}' if step.fails else 'an answer'}"
    if not step.least <= measured.seconds <= step.most:
        return f"{felt}, which must come after {bounds(step)}"
    return ""
