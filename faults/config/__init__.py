"""The configuration file: YAML in, proxies and profiles out, every problem with its line.

config -> nodes (YAML events to values with places) -> scalar, syntax
-> proxy_section, profile_section -> reader -> problem
schema: the JSON Schema of the same, for editors
"""

from .config import Config, decode, parse, read, shipped, with_shipped
from .problem import ConfigError, ConfigProblem
from .proxy_section import ProxyEntry

__all__ = [
    "Config",
    "ConfigError",
    "ConfigProblem",
    "ProxyEntry",
    "decode",
    "parse",
    "read",
    "shipped",
    "with_shipped",
]
