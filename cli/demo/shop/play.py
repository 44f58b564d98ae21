"""The demo of the shop, from its servers to its exit code."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path

import click

from ....verify.document import Cell, Document
from ....wire.errors import BrownoutError
from ...errors import show
from ..libraries import require
from . import page
from .run import WIRED, intercepted, running
from .seeded import MISTAKES, finds, missed

BUILDS = ("fragile", "graceful")
LIBRARIES = ("asyncpg", "redis")
AS_SEEDED, NOT_AS_SEEDED = 0, 1


def play() -> int:
    """Verify both builds side by side, show what was found, and return the exit code. Raises BrownoutError."""
    require(*LIBRARIES)
    from ....examples.shop.shop.outside import outside

    began = time.monotonic()
    page.title("One shop, built twice")
    page.say(
        "Customers register, sign in, search and check out. The fragile build has ten usual mistakes, the graceful one "
        "has none of them. `brownout verify` asks both the same, while Postgres, Redis and three services fail in turn."
    )
    with _folder() as folder, outside(*BUILDS) as variables:
        catches = intercepted()
        if not catches:
            wire(folder)
        page.say(
            "Its connections are intercepted: no address is changed."
            if catches
            else "Connections cannot be intercepted here, so variables lead the shop to the proxies."
        )
        page.title("The journeys under each failure, as they finish")
        with contextlib.ExitStack() as stack:
            runs = {name: stack.enter_context(running(name, folder, variables[name], _teller(name))) for name in BUILDS}
            documents = {name: run.document() for name, run in runs.items()}
        wrong = _report(documents)
        seconds = time.monotonic() - began
        page.title(f"{sum(len(each.cells) for each in documents.values())} cells in {seconds:.0f} s. The reports:")
        for name, run in runs.items():
            page.write(f"{page.INDENT}{name:8}  {run.page}")
        page.write(f"{page.INDENT}{'the shop':8}  {folder / 'shop'}")
    for each in wrong:
        show(BrownoutError(each))
    return NOT_AS_SEEDED if wrong else AS_SEEDED


def wire(folder: Path) -> None:
    """Let variables lead the shop to the proxies."""
    with (folder / "brownout.yaml").open("a", encoding="utf-8") as file:
        file.write(WIRED)


def _report(documents: Mapping[str, Document]) -> list[str]:
    """Print what was found, and return each difference from what was seeded."""
    page.title("What each build survives")
    page.matrices({name: each.cells for name, each in documents.items()})
    fragile, graceful = (_by_name(documents[name]) for name in BUILDS)
    found = [(each, fragile.get(each.cell)) for each in MISTAKES]
    shown = [(each, cell if cell is not None and finds(cell, each) else None) for each, cell in found]
    page.title(f"{sum(cell is not None for _, cell in shown)} of {len(MISTAKES)} mistakes are found")
    page.mistakes(shown)
    return [*missed(fragile, graceful)]


def _by_name(document: Document) -> dict[str, Cell]:
    return {f"{each.dependency}/{each.failure}/{each.journey}": each for each in document.cells}


def _teller(name: str) -> Callable[[str], None]:
    """Return what prints the rows of a build."""

    def tell(row: str) -> None:
        page.write(f"{page.INDENT}{click.style(f'{name:8}', dim=True)}  {row}")

    return tell


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder with the shop in it, for the reports as well. It stays if the block comes to its end."""
    folder = Path(tempfile.mkdtemp(prefix="brownout-demo-"))
    try:
        source = resources.files("brownout.examples") / "shop"
        with resources.as_file(source) as path:
            shutil.copytree(path / "shop", folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(path / "brownout.yaml", folder)
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
