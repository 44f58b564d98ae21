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

    `hands` leaves out function-scoped fixtures, `holds` has those of all fixtures.
    """

    hands: list[str]
    holds: list[str]


def handed(item: Any, project: Project) -> Handed:
    """Return the packages of the objects that the fixtures of a test hand out.

    A class that extends that of another package counts for both. For an object of the tests' own classes its attributes
    count too; for an object of the application they do not. A plugin of pytest, and a test case of a framework, keep
    connections of their framework. A client of the application is left out: it connects to nothing else.
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
