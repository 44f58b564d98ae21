"""What is shipped: the exact files of the wheel and the sdist, and the rooms' imports."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = {
    "": ["__init__", "py.typed"],
    "cli": [
        "__init__", "__main__", "board", "catalogue", "check", "child", "columns", "complete", "environment",
        "errors", "figures", "file", "inject", "live", "log", "main", "news", "options", "output", "plan", "profile",
        "proxies", "reload", "report", "request_lines", "run", "session", "signals", "status", "toxiproxy", "toxiproxy_log",
        "toxiproxy_server",
    ],
    "cli/demo": ["__init__", "clients", "command", "judgement", "page", "service", "shell", "story"],
    "configs": [
        "__init__", "blackout.yaml", "brownout.yaml", "flaky-api.yaml", "flaky-network.yaml", "half-open.yaml",
        "mobile-3g.yaml", "nat-idle.yaml", "rolling-deploy.yaml", "satellite.yaml", "slow-network.yaml",
    ],
    "control": [
        "__init__", "api", "asked", "bearer", "client", "clients", "follower", "guard", "holder", "metrics",
        "replies", "serve", "views",
    ],
    "control/toxiproxy": [
        "__init__", "api", "asked", "client", "consumer", "entries", "gohttp", "gojson", "golisten", "metrics",
        "proxies", "toxics", "translation", "words",
    ],
    "faults": [
        "__init__", "action", "bandwidth", "catalogue", "composite", "config", "connect", "corrupt", "cut", "dice",
        "drip", "exchange", "expiry", "fault", "file", "hang", "latency", "limit_data", "loss", "match", "name", "nodes",
        "noop", "part", "path_mtu", "pattern", "problem", "profile",
        "profile_section", "proxy_section", "reader", "scalar", "schema", "segment", "settings", "slicer",
        "slow_close", "spec", "syntax", "timeout", "trigger", "units",
    ],
    "faults/http": [
        "__init__", "answer", "delay", "drip", "duplicate", "fault", "fields", "header", "lost", "status", "truncate",
    ],
    "proxy": [
        "__init__", "asking", "budget", "carrier", "clock", "conversation", "course", "courses", "dial", "entry", "exchange", "fleet",
        "following", "gate", "injection", "journal", "lane", "link", "listener", "pipe", "placing", "plan", "port",
        "proxy", "repeat", "replying", "rules", "side", "sockets", "tally", "timerfd",
    ],
    "testing": [
        "__init__", "chaos", "clock", "conformance", "driver", "embedded", "failure", "handle", "plugin", "proxied",
        "remote", "servers", "thread",
    ],
    "wire": ["__init__", "address", "dialect", "errors", "http1", "http1_edit", "http1_head", "operation"],
}  # fmt: skip

FILES = {
    f"{room}/{file}" if room else file
    for room, names in ROOMS.items()
    for file in (name if "." in name else f"{name}.py" for name in names)
}
INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
SDIST = {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a copy of what git knows, so that no file of the work tree slips in."""
    place = tmp_path_factory.mktemp("built")
    known = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, known):
        if (ROOT / name).is_file():
            (place / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "tree" / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", place / "dist", place / "tree"], check=True, capture_output=True
    )
    return place / "dist"


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
