"""Connections of a command that come to the proxies with nothing configured (Linux): see docs/intercept.md.

The room `supervisor` has what runs beside: the process that answers each connect() of the command. Here is our side.
"""

from .choice import Choice
from .interception import Interception
from .supervised import InterceptError, Streams, Supervised

__all__ = ["Choice", "InterceptError", "Interception", "Streams", "Supervised"]
