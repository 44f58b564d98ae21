"""What is shipped: the exact files of the wheel and the sdist, and the rooms' imports."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

KNOWN = {
    Path(name)
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
}  # fmt: skip
"""What git knows, or would take."""
ROOMS = {name.parts[0] for name in KNOWN if len(name.parts) == 2 and name.name == "__init__.py"}
FILES = {"__init__.py", "py.typed", *(str(name) for name in KNOWN if name.parts[0] in ROOMS)}
"""The package: the root's two files, and all of every room."""
INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
SDIST = {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "setup.py"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a copy of what git knows, so that no file of the work tree slips in."""
    place = tmp_path_factory.mktemp("built")
    for name in KNOWN:
        (place / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "tree" / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", place / "dist", place / "tree"], check=True, capture_output=True
    )
    return place / "dist"


def test_the_rooms_are_the_ones_of_the_map() -> None:
    named = re.findall(r"^(\w+)/ ", (ROOT / "docs/design.md").read_text(), re.MULTILINE)
    assert {*named} == ROOMS


@pytest.mark.slow
def test_the_wheel_holds_exactly_the_package(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    package = {name.removeprefix("brownout/") for name in names if name.startswith("brownout/")}
    assert package == FILES
    assert {name.split(".dist-info/")[1] for name in names if ".dist-info/" in name} == INFO
    assert len(names) == len(FILES) + len(INFO)


def test_the_sdist_builds_the_same_and_holds_no_more(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {member.name.split("/", 1)[1] for member in sdist if member.isfile()}
    assert {name for name in names if ".egg-info/" not in name} == FILES | SDIST


def test_an_index_takes_both_and_can_show_the_readme(built: Path) -> None:
    words = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_root_is_a_docstring_and_nothing_else() -> None:
    import ast

    tree = ast.parse((ROOT / "__init__.py").read_text())
    assert len(tree.body) == 1
    assert isinstance(tree.body[0], ast.Expr)


@pytest.mark.parametrize(
    "room", ["brownout.proxy", "brownout.testing", "brownout.control", "brownout.control.client", "brownout.cli.main"]
)
def test_importing_a_room_does_not_import_the_web_server_or_the_metrics(room: str) -> None:
    code = f"import sys, {room}; print(*{{'aiohttp', 'prometheus_client', 'rich', 'toxiproxy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_windows_has_no_name_that_an_import_needs() -> None:
    code = """
import asyncio, ctypes, os, signal, socket, subprocess, sys, tempfile, click
sys.platform = "win32"
for name in ("fcntl", "termios", "resource", "pwd", "grp", "uvloop", "pty"):
    sys.modules[name] = None
for module, names in ((os, ("register_at_fork", "O_NONBLOCK", "geteuid", "timerfd_create")), (socket, ("AF_UNIX",)),
                      (signal, ("SIGHUP", "SIGKILL"))):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
import brownout.proxy, brownout.control, brownout.cli.main, brownout.cli.inject, brownout.testing.servers
"""
    subprocess.run([sys.executable, "-c", code], check=True)
