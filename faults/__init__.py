"""What can go wrong, without an event loop: settings, triggers with their chances, and stages over segments.

A fault is immutable settings that start a stage; a stage is a function from a segment to segments due later. The names
for users of the package are offered here, and imported when they are asked for: most commands need few of them.
"""

from typing import TYPE_CHECKING

from ..wire.lazily import lazily

if TYPE_CHECKING:
    from .catalogue import CATALOGUE
    from .fault import Fault
    from .segment import Kind, Segment, Stage, StageContext
    from .settings.units import Duration, Quota, Rate, Share, Size
    from .spec import Spec
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
    from .trigger import Trigger

__all__ = [
    "CATALOGUE",
    "Bandwidth",
    "ConnectDelay",
    "ConnectionLimit",
    "Corrupt",
    "Disconnect",
    "Drain",
    "Drip",
    "Duration",
    "Fault",
    "HalfOpen",
    "Hang",
    "IdleCut",
    "Kind",
    "Latency",
    "LimitData",
    "Loss",
    "MaxLifetime",
    "Noop",
    "PathMtu",
    "Quota",
    "Rate",
    "Refuse",
    "Reset",
    "Segment",
    "Share",
    "Size",
    "Slicer",
    "SlowClose",
    "Spec",
    "Stage",
    "StageContext",
    "Timeout",
    "Trigger",
    "Unreachable",
]

if not TYPE_CHECKING:
    __getattr__ = lazily(
        __name__,
        {
            "Bandwidth": ".tcp.bandwidth",
            "CATALOGUE": ".catalogue",
            "ConnectDelay": ".tcp.connect",
            "ConnectionLimit": ".tcp.connect",
            "Corrupt": ".tcp.corrupt",
            "Disconnect": ".tcp.cut",
            "Drain": ".tcp.connect",
            "Drip": ".tcp.drip",
            "Duration": ".settings.units",
            "Fault": ".fault",
            "HalfOpen": ".tcp.timeout",
            "Hang": ".tcp.hang",
            "IdleCut": ".tcp.expiry",
            "Kind": ".segment",
            "Latency": ".tcp.latency",
            "LimitData": ".tcp.limit_data",
            "Loss": ".tcp.loss",
            "MaxLifetime": ".tcp.expiry",
            "Noop": ".tcp.noop",
            "PathMtu": ".tcp.path_mtu",
            "Quota": ".settings.units",
            "Rate": ".settings.units",
            "Refuse": ".tcp.connect",
            "Reset": ".tcp.cut",
            "Segment": ".segment",
            "Share": ".settings.units",
            "Size": ".settings.units",
            "Slicer": ".tcp.slicer",
            "SlowClose": ".tcp.slow_close",
            "Spec": ".spec",
            "Stage": ".segment",
            "StageContext": ".segment",
            "Timeout": ".tcp.timeout",
            "Trigger": ".trigger",
            "Unreachable": ".tcp.connect",
        },
    )
