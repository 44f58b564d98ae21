"""The faults that exist, by name: ours, and those that other packages bring.

A package registers its faults in its own pyproject.toml, under the name that users write:

    [project.entry-points."brownout.faults"]
    cold_start = "mypackage.faults:ColdStart"
"""

from __future__ import annotations

import functools
import importlib.metadata

from ..wire.errors import BrownoutError
from .fault import Fault
from .http import Delay, Duplicate, Header, LostReply, LostRequest, Status, Truncate
from .http import Drip as HttpDrip
from .settings import SettingsError, fields, unknown
from .tcp.bandwidth import Bandwidth
from .tcp.connect import ConnectDelay, ConnectionLimit, Drain, Refuse
from .tcp.corrupt import Corrupt
from .tcp.cut import Disconnect, Reset
from .tcp.drip import Drip
from .tcp.expiry import IdleCut, MaxLifetime
from .tcp.hang import Hang
from .tcp.latency import Latency
from .tcp.limit_data import LimitData
from .tcp.loss import Loss
from .tcp.noop import Noop
from .tcp.path_mtu import PathMtu
from .tcp.slicer import Slicer
from .tcp.slow_close import SlowClose
from .tcp.timeout import HalfOpen, Timeout
from .trigger import RESERVED

GROUP = "brownout.faults"
"""The entry point group of other packages' faults."""

CATALOGUE: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Latency, Bandwidth, Loss, Drip, Slicer, Corrupt, LimitData, PathMtu, Timeout, SlowClose, Reset, Disconnect,
        HalfOpen, IdleCut, MaxLifetime, Refuse, Hang, ConnectDelay, ConnectionLimit, Drain, Noop,
        Status, Delay, LostReply, LostRequest, Duplicate, Truncate, HttpDrip, Header,
    )
}  # fmt: skip
"""The faults that come with Brownout."""


class PluginError(BrownoutError):
    """Another package's fault that cannot be had."""


def find(name: str) -> type[Fault]:
    """Return the fault of a name. Raises SettingsError with the nearest known name, PluginError for a broken one."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    entry = _plugins().get(name)
    if entry is None:
        raise SettingsError([unknown("fault", name, [*CATALOGUE, *_plugins()])._replace(key="fault")])
    return _load(entry)


def everything() -> dict[str, type[Fault]]:
    """Return all faults by name, ours first. Raises PluginError for one that cannot be had."""
    return CATALOGUE | {name: _load(entry) for name, entry in _plugins().items() if name not in CATALOGUE}


@functools.cache
def _plugins() -> dict[str, importlib.metadata.EntryPoint]:
    return {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}


@functools.cache
def _load(entry: importlib.metadata.EntryPoint) -> type[Fault]:
    whose = f"the fault {entry.name} of {entry.dist.name if entry.dist else entry.value}"
    try:
        fault = entry.load()
    except Exception as error:  # whatever another package does
        raise PluginError(f"{whose} cannot be loaded: {error!r}", "mend or remove that package") from error
    if not (isinstance(fault, type) and issubclass(fault, Fault)):
        raise PluginError(f"{whose} is no Fault: {fault!r}", "it must be a subclass of brownout.faults.Fault")
    if getattr(fault, "name", "") != entry.name:
        raise PluginError(f"{whose} calls itself {getattr(fault, 'name', None)!r}", "its name must be its entry's")
    if taken := {field.name for field in fields(fault)} & {*RESERVED}:
        raise PluginError(f"{whose} has a setting named {min(taken)}, which every injection has", "name it otherwise")
    return fault
