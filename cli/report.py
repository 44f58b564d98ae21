"""What a run writes when it ends: `--report FILE`, as JSON."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import msgspec

from ..control.receipts import AskedView, asked_view, injection_view, moment
from ..control.views import FindingView, ProxyView, proxy_view
from ..wire.errors import BrownoutError
from ..wire.mask import mask

if TYPE_CHECKING:
    from ..control.verdicts.expectations import Expectations
    from ..proxy import Fleet, Proxy, Recorded


class ProxyReport(TypedDict):
    """A proxy with its counts and injections, and those that were healed meanwhile."""

    proxy: ProxyView
    healed: list[dict[str, object]]
    """The last 1000, oldest first."""
    removed: bool
    """Whether it was removed before the end."""


class RunReport(TypedDict):
    """A run from its first socket to its end."""

    version: str
    seed: int
    started: str
    ended: str
    command: list[str]
    exit_code: int
    profiles: list[str]
    """Those that were applied, also for a time."""
    asked: list[AskedView]
    """What was asked for, and whether anything came of it."""
    findings: list[FindingView]
    """What the clients did that makes a failure worse."""
    proxies: list[ProxyReport]


class Report:
    """Remembers the proxies of a fleet, removed ones included, until it is written to `path`.

    Its findings are judged by what is `expected` of the clients.
    """

    def __init__(self, fleet: Fleet, path: Path, command: Sequence[str], expected: Expectations) -> None:
        self.path = path
        self._fleet = fleet
        self._command = command
        self._expected = expected
        self._started = time.time()
        self._proxies: list[Proxy] = []
        self._applied: dict[str, None] = {}
        fleet.journal.listeners.add(self._hear)

    def _hear(self, recorded: Recorded) -> None:
        from ..proxy.record.event import Injected, ProxyAdded  # an event loop, which checking a path does without

        match recorded.event:
            case ProxyAdded(proxy=name):
                self._proxies.append(self._fleet.proxies[name])
            case Injected():
                self._applied |= dict.fromkeys(self._fleet.applied)

    def write(self, exit_code: int) -> None:
        """Write what is known now, all of it or nothing. Raises BrownoutError."""
        text = msgspec.json.format(msgspec.json.encode(self._view(exit_code), enc_hook=str), indent=2) + b"\n"
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            part.write_bytes(text)
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _unwritable(str(self.path), error) from None

    def _view(self, exit_code: int) -> RunReport:
        from ..control.verdicts.judged import judged

        return {
            "version": importlib.metadata.version("brownout"),
            "seed": self._fleet.seed,
            "started": moment(self._started),
            "ended": moment(time.time()),
            "command": [mask(_as_text(word)) for word in self._command],
            "exit_code": exit_code,
            "profiles": list(self._applied | dict.fromkeys(self._fleet.applied)),
            "asked": [asked_view(each) for each in self._fleet.asked()],
            "findings": judged(self._fleet, self._expected),
            "proxies": [self._proxy_report(proxy) for proxy in self._proxies],
        }

    def _proxy_report(self, proxy: Proxy) -> ProxyReport:
        return {
            "proxy": proxy_view(proxy),
            "healed": [injection_view(proxy, each) for each in proxy.injections.healed],
            "removed": self._fleet.proxies.get(proxy.name) is not proxy,
        }


def _as_text(word: str) -> str:
    """Return a word that JSON can hold: bytes that are not UTF-8 become U+FFFD."""
    return word.encode(errors="surrogateescape").decode(errors="replace")


def check(path: str) -> Path:
    """Return where a report goes, found out by writing beside it. Raises BrownoutError."""
    try:
        place = Path(path).resolve()
        if place.exists() and not place.is_file():
            raise BrownoutError(f"--report {path}: it is not a file", "write it like --report report.json")
        with tempfile.TemporaryFile(dir=place.parent):
            return place
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: str, error: OSError) -> BrownoutError:
    reason = error.strerror or error
    return BrownoutError(
        f"--report {path}: cannot be written: {reason}", "name a file in a folder that you may write to"
    )
