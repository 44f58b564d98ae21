"""No circle of imports between files, those for types counted: whoever carries on can read from the bottom up."""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules(root: Path) -> dict[str, Path]:
    """The files of the package at a root, by the dotted name below it."""
    rooms = [path.parent for path in root.glob("*/__init__.py")]
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path for room in rooms for path in room.rglob("*.py")
    }


def imports(name: str, path: Path, known: Iterable[str]) -> Iterator[str]:
    """Which of the known files a file imports, wherever in it that stands, also for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = name.split(".")[: -node.level]
            base = [*above, *(node.module or "").split(".")] if node.module else above
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "brownout":
            base = (node.module or "").split(".")[1:]
        else:
            continue
        for alias in node.names:
            for target in (".".join([*base, alias.name]), ".".join([*base, alias.name, "__init__"]),
                           ".".join(base), ".".join([*base, "__init__"])):  # fmt: skip
                if target in known:
                    yield target
                    break


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of files of which each imports, directly or not, each other (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        path.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
            if other in path:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == order[node]:
            group = path[path.index(node) :]
            del path[path.index(node) :]
            if len(group) > 1 or node in graph[node]:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def circles_at(root: Path) -> list[list[str]]:
    known = modules(root)
    return circles({name: set(imports(name, path, known)) for name, path in known.items()})


def test_no_file_imports_itself_by_way_of_others() -> None:
    assert len(modules(ROOT)) > 100
    assert circles_at(ROOT) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.py": "from .b import x", "b.py": "from . import c", "c.py": "import os"}, []),
        ({"a.py": "from .b import x", "b.py": "from . import a"}, [["room.a", "room.b"]]),
        (
            {"a.py": "from .b import x", "b.py": "if TYPE_CHECKING:\n    from .a import y", "c.py": "from .a import z"},
            [["room.a", "room.b"]],
        ),
        ({"a.py": "def f():\n    from brownout.room.b import x", "b.py": "from .a import y"}, [["room.a", "room.b"]]),
        (
            {"a.py": "from .b import x", "b.py": "from ..room import c", "c.py": "from .a import y"},
            [["room.a", "room.b", "room.c"]],
        ),
    ],
)
def test_circles_are_found(tmp_path: Path, files: dict[str, str], expected: list[list[str]]) -> None:
    (tmp_path / "room").mkdir()
    for name, text in {"__init__.py": "", **files}.items():
        (tmp_path / "room" / name).write_text(text)
    assert circles_at(tmp_path) == expected


if __name__ == "__main__":  # python tests/test_rooms.py [ROOT]: what circles there are, also in another checkout
    for each in circles_at(Path(sys.argv[1]) if sys.argv[1:] else ROOT) or [["no circle"]]:
        print(len(each) if len(each) > 1 else "", *each)
