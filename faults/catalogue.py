"""The faults that exist, by name."""

from __future__ import annotations

from .bandwidth import Bandwidth
from .connect import ConnectDelay, ConnectionLimit, Drain, Refuse
from .corrupt import Corrupt
from .cut import Disconnect, Reset
from .drip import Drip
from .expiry import IdleCut, MaxLifetime
from .fault import Fault
from .hang import Hang
from .latency import Latency
from .limit_data import LimitData
from .loss import Loss
from .noop import Noop
from .path_mtu import PathMtu
from .settings import SettingsError, unknown
from .slicer import Slicer
from .slow_close import SlowClose
from .timeout import HalfOpen, Timeout

CATALOGUE: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Latency, Bandwidth, Loss, Drip, Slicer, Corrupt, LimitData, PathMtu, Timeout, SlowClose, Reset, Disconnect,
        HalfOpen, IdleCut, MaxLifetime, Refuse, Hang, ConnectDelay, ConnectionLimit, Drain, Noop,
    )
}  # fmt: skip


def find(name: str) -> type[Fault]:
    """Return the fault of a name. Raises SettingsError with the nearest known name."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise SettingsError([unknown("fault", name, CATALOGUE)._replace(key="fault")]) from None
