"""The faults that exist, by name: ours, and those that other packages bring.

A package registers its faults in its own pyproject.toml, under the name that users write:

    [project.entry-points."brownout.faults"]
    cold_start = "mypackage.faults:ColdStart"
"""

from __future__ import annotations

from ..wire.plugins import PluginError, Plugins
from .fault import Fault
from .http import Delay, Duplicate, Header, LostReply, LostRequest, Status, Truncate
from .http import Drip as HttpDrip
from .settings import Problem, SettingsError, fields, unknown
from .synonyms import meant
from .tcp.bandwidth import Bandwidth
from .tcp.connect import ConnectDelay, ConnectionLimit, Drain, Refuse, Unreachable
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

CATALOGUE: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Latency, Bandwidth, Loss, Drip, Slicer, Corrupt, LimitData, PathMtu, Timeout, SlowClose, Reset, Disconnect,
        HalfOpen, IdleCut, MaxLifetime, Refuse, Unreachable, Hang, ConnectDelay, ConnectionLimit, Drain,
        Noop,
        Status, Delay, LostReply, LostRequest, Duplicate, Truncate, HttpDrip, Header,
    )
}  # fmt: skip
"""The faults that come with Brownout."""


def find(name: str) -> type[Fault]:
    """Return the fault of a name. Raises SettingsError with the nearest known name, PluginError for a broken one."""
    fault = CATALOGUE.get(name) or PLUGINS.get(name)
    if fault is None:
        known = [*CATALOGUE, *PLUGINS.names()]
        problem = unknown("fault", name, known)
        if found := meant(name, known):
            problem = problem._replace(hint=f"did you mean {' or '.join(found)}?")
        raise SettingsError([Problem("fault", problem.message, problem.hint)])
    return fault


def everything() -> dict[str, type[Fault]]:
    """Return all faults by name, ours first. Raises PluginError for one that cannot be used."""
    theirs = {name: PLUGINS.get(name) for name in PLUGINS.names() if name not in CATALOGUE}
    return CATALOGUE | {name: fault for name, fault in theirs.items() if fault is not None}


def _checked(fault: object, name: str, label: str) -> type[Fault]:
    if not (isinstance(fault, type) and issubclass(fault, Fault)):
        raise PluginError(f"{label} is not a Fault: {fault!r}", "it must be a subclass of brownout.faults.Fault")
    if getattr(fault, "name", "") != name:
        raise PluginError(
            f"{label} calls itself {getattr(fault, 'name', None)!r}", "its name must be that of its entry point"
        )
    if taken := {field.name for field in fields(fault)} & {*RESERVED}:
        raise PluginError(
            f"{label} has a setting named {min(taken)}, which is a key of every injection", "name it otherwise"
        )
    return fault


PLUGINS = Plugins("brownout.faults", "fault", _checked)
"""The faults of other packages."""
