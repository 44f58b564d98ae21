"""What carries bytes: a fleet of proxies, each with its links, their two sides, and the pipes that faults live in.

asyncio Protocols over transports; no web server, no metrics library, no terminal.
"""

from .fleet import Fleet, new_seed
from .proxy import Proxy
from .record.connection_log import ConnectionEntry
from .record.event import Event
from .record.journal import Journal, Recorded
from .record.request_log import Entry, RequestLog
from .shaping.budget import LIMITS, Limits
from .shaping.injection import Injection
from .system.listener import ListenError

__all__ = [
    "LIMITS", "ConnectionEntry", "Entry", "Event", "Fleet", "Injection", "Journal", "Limits", "ListenError", "Proxy",
    "Recorded", "RequestLog", "new_seed",
]  # fmt: skip
