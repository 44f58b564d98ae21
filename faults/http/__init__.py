"""Faults of single HTTP requests and their replies: settings, and the actions that they ask for.

status, lost ── answer     replies of the proxy's own
header, status ── fields   what a header of the user's may be
"""

from .delay import Delay
from .drip import Drip
from .duplicate import Duplicate
from .header import Header
from .lost import LostReply, LostRequest
from .status import Status
from .truncate import Truncate

__all__ = ["Delay", "Drip", "Duplicate", "Header", "LostReply", "LostRequest", "Status", "Truncate"]
