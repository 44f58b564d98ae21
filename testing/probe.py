"""Calls a service again and again: while healthy, under a fault and afterwards. Measures time and errors."""

from __future__ import annotations

import http.client
import inspect
import math
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from ..faults.settings.units import Duration
from ..wire.errors import BrownoutError
from ..wire.mask import mask
from .driver import hidden

__tracebackhide__ = hidden

CALLS = 20
_IN_A_ROW = 3
"""How many calls must succeed one after another before a service has recovered."""
_PAUSE = 0.02
"""Seconds between two calls while a service recovers."""


class NotRecoveredError(BrownoutError, AssertionError):
    """A service did not work again in time after healing."""


class Sample(NamedTuple):
    """The result of calls. Times are in seconds, and include those of failed calls."""

    times: tuple[float, ...]
    """How long each call took, sorted."""
    errors: tuple[str, ...]
    """What failed calls said, in their order."""

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.times)

    @property
    def error_share(self) -> float:
        """How many of them failed, from 0 to 1."""
        return len(self.errors) / len(self.times)

    def percentile(self, share: float) -> float:
        """Return how long that share of the calls took at most: `percentile(0.99)`."""
        return self.times[max(0, math.ceil(share * len(self.times)) - 1)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.percentile(0.5)

    @property
    def p95(self) -> float:
        """What 95 of 100 calls took at most."""
        return self.percentile(0.95)

    @property
    def p99(self) -> float:
        """What 99 of 100 calls took at most."""
        return self.percentile(0.99)

    def __repr__(self) -> str:
        """Show it in a line."""
        times = f"p50 {self.p50:.3f} s, p95 {self.p95:.3f} s, p99 {self.p99:.3f} s"
        return f"<{self.calls} calls, {self.error_share:.0%} failed, {times}>"


class Probe:
    """Calls a function, or fetches a URL, one call after another.

    A call has failed if the function raises an exception, or if the URL gives no answer or one with status 400 or more.
    """

    def __init__(self, target: str | Callable[[], object], timeout: float | str) -> None:
        self._call = _fetching(target, _seconds(timeout)) if isinstance(target, str) else target

    def baseline(self, calls: int = CALLS) -> Sample:
        """Call it while it is healthy. Raises BrownoutError if a call fails."""
        sample = self._sample(calls)
        if sample.errors:
            raise BrownoutError(f"{len(sample.errors)} of {calls} calls fail while healthy: {sample.errors[0]}")
        return sample

    def during(self, calls: int = CALLS) -> Sample:
        """Call it under a fault."""
        return self._sample(calls)

    def recovery(self, within: float | str = 10.0) -> float:
        """Call it after healing until it works, and return how many seconds that took.

        It works with the first of three successful calls in a row. Raises NotRecoveredError.
        """
        seconds, started = _seconds(within), time.monotonic()
        since, row, said = started, 0, "no call ended in time"
        while time.monotonic() - started < seconds:
            error = self._one()[1]
            if error is None:
                row += 1
                if row == _IN_A_ROW:
                    return since - started
            else:
                row, since, said = 0, time.monotonic(), error
            time.sleep(_PAUSE)
        raise NotRecoveredError(f"it did not recover within {seconds:g} s of healing: {said}")

    def _sample(self, calls: int) -> Sample:
        if calls < 1:
            raise BrownoutError(f"{calls} calls say nothing", "calls is 1 or more")
        done = [self._one() for _ in range(calls)]
        return Sample(tuple(sorted(taken for taken, _ in done)), tuple(error for _, error in done if error is not None))

    def _one(self) -> tuple[float, str | None]:
        """Call it once; return the seconds, and what went wrong."""
        began = time.monotonic()
        try:
            result = self._call()
        except _AnswerError as error:
            return time.monotonic() - began, str(error)
        except Exception as error:
            return time.monotonic() - began, f"{type(error).__name__}: {error}"
        if inspect.iscoroutine(result):
            result.close()
            raise BrownoutError("a probe calls functions, and this one is async", "let it call asyncio.run()")
        return time.monotonic() - began, None


class _AnswerError(Exception):
    """An answer that says that the call has failed."""


def _fetching(url: str, timeout: float) -> Callable[[], None]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BrownoutError(f"{mask(url)} is no URL to fetch", "write it like http://HOST:PORT/PATH")
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"

    def fetch() -> None:
        client = connect(parts.hostname or "", parts.port, timeout=timeout)
        try:
            client.request("GET", path)
            answer = client.getresponse()
            answer.read()
        finally:
            client.close()
        if answer.status >= 400:
            raise _AnswerError(f"{answer.status} {answer.reason}")

    return fetch


def _seconds(duration: float | str) -> float:
    try:
        return float(Duration.parse(duration)) if isinstance(duration, str) else duration
    except BrownoutError as error:  # where it was found out helps nobody
        raise error.with_traceback(None) from None
