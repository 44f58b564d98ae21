"""What the fixtures of a test have made that lives on: whose connections a failure breaks for the test alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from .entries import is_client
from .traces import Project, top_package

_PLUGIN = "pytest_"


class Handed(NamedTuple):
    """The top packages of what the fixtures of a test hand out.

    `hands` is of fixtures that are not set up anew for each test, `holds` of all of them.
    """

    hands: list[str]
    holds: list[str]


def handed(item: Any, project: Project) -> Handed:
    """Return of which packages it is what the fixtures of a test hand out.

    A class that extends that of another package is of both. Of an object of the tests' own classes it is also what that
    has; what an object of the application has is not the tests'. A plugin of pytest, and a test case of a framework,
    keep connections of their framework. A client of the application has no connections but to that.
    """
    lives = set(map(top_package, type(getattr(item, "instance", None)).__mro__))
    ends = set[str]()
    request = getattr(item, "_request", None)
    for fixture in getattr(request, "_fixture_defs", {}).values():
        plugin = str(getattr(fixture.func, "__module__", "")).partition(".")[0]
        lives.add(plugin.removeprefix(_PLUGIN) if plugin.startswith(_PLUGIN) else "")
        if fixture.cached_result is not None:
            parts = [each for each in _parts(fixture.cached_result[0], project) if not is_client(each)]
            found = ends if fixture.scope == "function" else lives
            found.update(top_package(kind) for each in parts for kind in type(each).__mro__)
    known = {"", *sys.stdlib_module_names}
    return Handed(sorted(lives - known), sorted((lives | ends) - known))


def _parts(value: object, project: Project) -> Iterator[object]:
    yield value
    if isinstance(value, list | tuple):
        yield from value
    file = getattr(sys.modules.get(type(value).__module__), "__file__", None)
    frame = project.frame(file, 1, "") if file else None
    if frame is not None and frame["test"]:
        yield from getattr(value, "__dict__", {}).values()
