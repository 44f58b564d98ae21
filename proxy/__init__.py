"""What carries bytes: a fleet of proxies, each with its links, their two sides, and the pipes that faults live in.

asyncio Protocols over transports; no web server, no metrics library, no terminal.
"""

from .budget import LIMITS, Limits
from .entry import Entry, Exchanges
from .fleet import Fleet, new_seed
from .injection import Injection
from .journal import Event, Journal
from .listener import ListenError
from .proxy import Proxy

__all__ = [
    "LIMITS", "Entry", "Event", "Exchanges", "Fleet", "Injection", "Journal", "Limits", "ListenError", "Proxy",
    "new_seed",
]  # fmt: skip
