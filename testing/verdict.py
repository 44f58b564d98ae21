"""How the clients of a proxy behaved under its failures."""

from __future__ import annotations

from collections.abc import Iterable

from ..control.observations import Connection, Request
from ..control.verdicts.expectations import Expectations
from ..control.verdicts.finding import Finding
from ..control.verdicts.verdict import Seen, findings, healed_at
from ..faults.fault import Fault
from ..faults.settings import convert
from ..wire.errors import BrownoutError
from .driver import hidden
from .handle import Handle

__tracebackhide__ = hidden


class NotGracefulError(BrownoutError, AssertionError):
    """Clients made a failure worse. The text says what they did and when."""


class Verdict:
    """What the rules find in what the clients of a proxy did. `settings` are those of [Expectations]."""

    def __init__(self, proxy: str, seen: Seen, settings: dict[str, object]) -> None:
        self.proxy = proxy
        self._seen = seen
        try:
            self._expected = convert(Expectations, settings)
        except BrownoutError as error:  # where it was found out helps nobody
            raise error.with_traceback(None) from None

    def __repr__(self) -> str:
        """Show what was found."""
        return f"<verdict on {self.proxy}: {_many(len(self.findings), 'finding')}>"

    def __str__(self) -> str:
        """Return all findings as reports show them."""
        return "\n".join(map(str, self.findings)) or f"{self.proxy}: {self._judged()}, nothing was found"

    def _judged(self) -> str:
        """Return what there was to judge."""
        if self._seen.requests is None:
            return _many(len(self._seen.connections), "connection")
        return _many(len(self._seen.requests), "request")

    @property
    def findings(self) -> list[Finding]:
        """What the rules found, errors first."""
        return findings(self._seen, self._expected)

    def assert_graceful(self, *, strict: bool = False, allow_unused: bool = False, **settings: object) -> None:
        """Fail if there is an error, or with `strict` a warning. `settings` replace those of the verdict.

        It also fails if no client has connected, because then nothing was judged; `allow_unused` lifts that. Raises
        NotGracefulError, or SettingsError for wrong settings.
        """
        try:
            expected = self._expected.changed(settings)
        except BrownoutError as error:
            raise error.with_traceback(None) from None
        if not (allow_unused or self._seen.requests or self._seen.connections):
            hint = "let the client go through the proxy; if that is intended: allow_unused=True"
            raise NotGracefulError(
                f"nothing to judge: no client of {self.proxy} has connected since the last reset", hint
            )
        found = [each for each in findings(self._seen, expected) if strict or each.level == "error"]
        if found:
            said = "\n".join(map(str, found))
            raise NotGracefulError(f"the clients of {self.proxy} did not handle it gracefully\n{said}")


def seen_on(requests: list[Request] | None, connections: list[Connection], handles: Iterable[Handle]) -> Seen:
    """Return what clients did, when these faults were healed, and which of them hold connections back."""
    ends: list[float | None] = []
    holding: set[str] = set()
    for handle in handles:
        healed = handle.receipt.healed_at
        ends.append(None if healed is None else healed.timestamp())
        if handle.kind.admit is not Fault.admit:
            holding.add(handle.name)
    done: list[Request | Connection] = [*(requests or []), *connections]
    return Seen(requests, connections, healed_at(ends, done), frozenset(holding))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else f'{noun}s'}"
