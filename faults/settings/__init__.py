"""Settings: what users write becomes frozen structs, and every wrong key is reported at once.

settings (structs from mappings) -> units (quantities), composite (settings of more than one value)
names (what a proxy or an injection may be called), renamed (what settings used to be called)
"""

from .settings import Field, Problem, Settings, SettingsError, convert, fields, plain, proposals, unknown

__all__ = ["Field", "Problem", "Settings", "SettingsError", "convert", "fields", "plain", "proposals", "unknown"]
