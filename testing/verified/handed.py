"""What the fixtures of a test have made that lives on: whose connections a failure breaks for the test alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from .traces import Project, top_package

_PLUGIN = "pytest_"


def handed(item: Any, project: Project) -> list[str]:
    """Return the top packages of what the fixtures of a test hand out and do not make anew for each test.

    A class that extends that of another package is of both. Of an object of the tests' own classes it is also what that
    has; what an object of the application has is not the tests'. A plugin of pytest, and a test case of a framework,
    keep connections of their framework.
    """
    found = set(map(top_package, type(getattr(item, "instance", None)).__mro__))
    request = getattr(item, "_request", None)
    for fixture in getattr(request, "_fixture_defs", {}).values():
        plugin = str(getattr(fixture.func, "__module__", "")).partition(".")[0]
        found.add(plugin.removeprefix(_PLUGIN) if plugin.startswith(_PLUGIN) else "")
        if fixture.scope != "function" and fixture.cached_result is not None:
            parts = _parts(fixture.cached_result[0], project)
            found.update(top_package(kind) for each in parts for kind in type(each).__mro__)
    return sorted(found - {"", *sys.stdlib_module_names})


def _parts(value: object, project: Project) -> Iterator[object]:
    yield value
    if isinstance(value, list | tuple):
        yield from value
    file = getattr(sys.modules.get(type(value).__module__), "__file__", None)
    frame = project.frame(file, 1, "") if file else None
    if frame is not None and frame["test"]:
        yield from getattr(value, "__dict__", {}).values()
