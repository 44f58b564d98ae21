"""What can go wrong, without an event loop: settings, triggers with their dice, and stages over segments.

A fault is immutable settings that start a stage; a stage is a function from a segment to segments due later. The names
for users of the package are offered here.
"""

from .bandwidth import Bandwidth
from .catalogue import CATALOGUE
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
from .segment import Kind, Seat, Segment, Stage
from .slicer import Slicer
from .slow_close import SlowClose
from .spec import Spec
from .timeout import HalfOpen, Timeout
from .trigger import Trigger
from .units import Duration, Quota, Rate, Share, Size

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
    "Seat",
    "Segment",
    "Share",
    "Size",
    "Slicer",
    "SlowClose",
    "Spec",
    "Stage",
    "Timeout",
    "Trigger",
]
