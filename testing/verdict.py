"""Whether the clients of a proxy took its failures gracefully."""

from __future__ import annotations

from collections.abc import Iterable

from ..control.observations import Connection, Request
from ..control.verdicts.expectations import Expectations
from ..control.verdicts.finding import Finding
from ..control.verdicts.verdict import Seen, findings, healed_at
from ..faults.settings import convert
from ..wire.errors import BrownoutError
from .driver import hidden
from .handle import Receipt

__tracebackhide__ = hidden


class NotGracefulError(BrownoutError, AssertionError):
    """Clients made a failure worse: a failed expectation, which says what they did and when."""


class Verdict:
    """What the rules find of what the clients of a proxy did. `settings` are those of [Expectations]."""

    def __init__(self, proxy: str, seen: Seen, settings: dict[str, object]) -> None:
        self.proxy = proxy
        self._seen = seen
        self._expected = convert(Expectations, settings)

    def __repr__(self) -> str:
        """Show what was found."""
        return f"<verdict on {self.proxy}: {_many(len(self.findings), 'finding')}>"

    def __str__(self) -> str:
        """Return all findings as reports show them."""
        return "\n".join(map(str, self.findings)) or f"{self.proxy}: nothing was found"

    @property
    def findings(self) -> list[Finding]:
        """What the rules found, errors first."""
        return findings(self._seen, self._expected)

    def assert_graceful(self, *, strict: bool = False, **settings: object) -> None:
        """Fail where there is an error, or with `strict` a warning. `settings` replace those of the verdict.

        Raises NotGracefulError, SettingsError for settings that are wrong.
        """
        expected = self._expected.changed(settings)
        found = [each for each in findings(self._seen, expected) if strict or each.level == "error"]
        if found:
            said = "\n".join(map(str, found))
            raise NotGracefulError(f"the clients of {self.proxy} did not take it gracefully\n{said}")


def seen_on(requests: list[Request] | None, connections: list[Connection], receipts: Iterable[Receipt]) -> Seen:
    """Return what clients did, and when the faults of these receipts were healed."""
    ends = [receipt.healed_at.timestamp() if receipt.healed_at else None for receipt in receipts]
    return Seen(requests, connections, healed_at(ends, [*(requests or []), *connections]))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else f'{noun}s'}"
