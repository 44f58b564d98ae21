"""The faults that exist, by name."""

from __future__ import annotations

from .bandwidth import Bandwidth
from .cut import Disconnect, Reset
from .fault import Fault
from .latency import Latency
from .limit_data import LimitData
from .noop import Noop
from .settings import SettingsError, unknown
from .slicer import Slicer
from .slow_close import SlowClose
from .timeout import HalfOpen, Timeout

CATALOGUE: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Latency, Bandwidth, Slicer, LimitData, Timeout, SlowClose, Reset, Disconnect, HalfOpen, Noop,
    )
}  # fmt: skip


def find(name: str) -> type[Fault]:
    """Return the fault of a name. Raises SettingsError with the nearest known name."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise SettingsError([unknown("fault", name, CATALOGUE)._replace(key="fault")]) from None
