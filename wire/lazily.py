"""Names of a package that are imported when somebody asks for them (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package whose names have their homes in these modules, relative to it."""

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(homes[name], package), name)

    return find
