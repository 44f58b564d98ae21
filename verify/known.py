"""What is asked for, who looks on, and what is known of the journeys while nothing is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from ..faults.failures import Level
from ..testing.verified.traces import Project
from ..wire.errors import BrownoutError
from .document import Cell, Dependency, Journey, Used
from .oracle import Healthy
from .plan import Journeyed, Planned
from .traffic import Traffic


class NothingFoundError(BrownoutError):
    """Journeys that reach nothing that could fail."""


class NoTestsError(BrownoutError):
    """A session without tests."""


class RedError(BrownoutError):
    """Journeys that fail while nothing is broken."""


class Wanted(NamedTuple):
    """What is asked for.

    `budget`: seconds for all of it, None: what it takes; `cell_timeout`: how many seconds more than in health a journey
    has under a failure that does not end by itself; `words`: those of the command that another run like this one needs;
    `declared`: a hash of what the file declares.
    """

    level: Level = "smoke"
    only: tuple[str, ...] = ()
    jobs: int = 1
    budget: float | None = None
    cell_timeout: float = 15.0
    words: tuple[str, ...] = ()
    declared: str = ""


class Progress(Protocol):
    """Who looks on."""

    def say(self, text: str) -> None:
        """Say something that stays."""

    def phase(self, name: str, total: int) -> None:
        """Begin a phase of `total` steps."""

    def step(self, name: str) -> None:
        """Begin one of these."""

    def planned(self, cells: Sequence[Planned], dependencies: Sequence[Dependency], seconds: Sequence[float]) -> None:
        """Take the plan, and about how many seconds each cell will take."""

    def done(self, cell: Cell) -> None:
        """Take a cell that is finished."""


class Known:
    """What was learnt. A journey is in `usual` if it can be in cells: it is green, alone too, and reaches something."""

    def __init__(self) -> None:
        self.dependencies: dict[str, Dependency] = {}
        self.journeys: dict[str, Journey] = {}
        self.usual: dict[str, Journeyed] = {}
        self.healthy: dict[str, Healthy] = {}
        self.used: list[Used] = []
        self.notes: list[str] = []
        self.project = Project(str(Path.cwd()), (), ("test_*.py",))

    def note_used(self, journey: str, when: Literal["test", "fixtures", "start"], found: Mapping[str, Traffic]) -> None:
        """Take what a journey used."""
        for name, traffic in found.items():
            operations = tuple(sorted(traffic.operations))
            self.used.append(Used(name, journey, when, traffic.connections, traffic.turns, operations))
