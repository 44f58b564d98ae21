"""What a `verify` found, as data: what is written as JSON, and what everything else is made of.

    brownout verify --report-dir DIR -- pytest        writes DIR/verify.json

A reader of another version refuses it by its `schema`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from ..testing.verified.channel import Renewed
from ..wire.errors import BrownoutError

SCHEMA = "brownout.verify/1"

State = Literal[
    "resilient",
    "degraded",
    "failed",
    "hung",
    "crashed",
    "not recovered",
    "first request failed",
    "doubled",
    "vacuous",
    "not available",
    "inconclusive",
    "not run",
]
Tried = Literal["tested", "vacuous", "untested"]
Outcome = Literal["passed", "failed", "skipped", "ended"]
Harm = Literal["", "degraded", "unavailable"]
"""What the journey had of the service: something else than usual, or nothing."""
WORST_FIRST: tuple[State, ...] = (
    "crashed",
    "hung",
    "not recovered",
    "doubled",
    "failed",
    "first request failed",
)
"""The states of a service that did not take a failure, worst first."""
UNPROVEN: tuple[State, ...] = ("inconclusive", "vacuous", "not available", "not run")
"""The states that say nothing about it."""


Key = tuple[str, str, str, str]
"""Dependency, operation, failure and journey: which cell it is."""


class Place(msgspec.Struct, frozen=True):
    """A line of the project's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """Return it as editors take it."""
        return f"{self.file}:{self.line}"


class Answer(msgspec.Struct, frozen=True):
    """What the application made of a request of the test; `error` is the type of an exception that left it.

    `at`: when it was asked, in seconds since the failure began.
    """

    asked: str
    status: int | None
    seconds: float
    error: str = ""
    at: float | None = None


class Call(msgspec.Struct, frozen=True):
    """A run of the test's own function: the first one under the failure, the others after it was healed."""

    outcome: Outcome
    """`ended`: it was still running when its time was over, or its process ended."""
    seconds: float
    error: str = ""
    """The type of the exception, and what it said."""
    place: Place | None = None
    """The innermost line of the application, or else of the tests, at which that happened."""
    by: Literal["", "application", "test"] = ""
    """Whose it is: that of the application, or that of the test itself and its fixtures."""
    answers: tuple[Answer, ...] = ()
    shown: str = ""
    """The end of the failure as pytest shows it."""
    log: str = ""
    """The end of what was written meanwhile."""
    at: float | None = None
    """When it began, in seconds since the failure did."""
    renewed: Renewed = "nothing"
    """Which fixtures were set up again before it."""


class Attempt(msgspec.Struct, frozen=True):
    """A request of the application to what failed, or a connection, whose `what` is empty."""

    what: str
    """The request in a line, without secrets."""
    connection: int
    """The number of its connection."""
    at: float
    """When it began, in seconds since the failure did."""
    seconds: float
    outcome: str
    """What the application got, and how it ended."""
    failed: bool
    """Whether it had reason to try again."""
    faults: tuple[str, ...]
    """The faults that acted on it."""
    number: int
    """Its number among the attempts at the same work, from 1."""
    pause: float | None
    """Seconds from the end of the attempt before to its beginning."""


class Timeline(msgspec.Struct, frozen=True):
    """What happened between the application and what failed, in seconds since the failure began."""

    broken: tuple[tuple[float, float], ...] = ()
    """From when to when it failed."""
    attempts: tuple[Attempt, ...] = ()
    """Requests and connections, in their order."""
    left_out: int = 0
    """How many more there were, between the first and the last of these."""
    over: float | None = None
    """When the time of the journey was over: all was made well then, and what was still open was reset."""


class Judged(msgspec.Struct, frozen=True):
    """What a rule of verdicts found of the client: see docs/verdicts.md."""

    rule: str
    level: Literal["error", "warning"]
    text: str
    evidence: str


class Cell(msgspec.Struct, frozen=True):
    """A journey under a failure of a dependency. `operation` is empty where all of them fail."""

    dependency: str
    operation: str
    failure: str
    journey: str
    state: State
    why: str
    fired: int
    budget: float
    """Seconds that the journey had."""
    calls: tuple[Call, ...] = ()
    judged: tuple[Judged, ...] = ()
    place: Place | None = None
    harm: Harm = ""
    repeat: str = ""
    """A command that repeats this cell."""
    timeline: Timeline = Timeline()

    @property
    def key(self) -> Key:
        """Which cell it is."""
        return self.dependency, self.operation, self.failure, self.journey

    @property
    def row(self) -> tuple[str, str, str]:
        """What fails there, and how."""
        return self.dependency, self.operation, self.failure


class Used(msgspec.Struct, frozen=True):
    """What a journey asked of a dependency while it was healthy. `when`: in the test itself, or around it alone."""

    dependency: str
    journey: str
    when: Literal["test", "fixtures", "start"]
    connections: int
    turns: int
    operations: tuple[str, ...]


class Dependency(msgspec.Struct, frozen=True):
    """What the journeys talk to."""

    name: str
    protocol: str
    upstream: str
    """Without its password."""
    started: bool = False
    """Whether tests start it, each time at an address of its own."""


class Journey(msgspec.Struct, frozen=True):
    """A test, or a command. `note` says why it is in no cell, where that is so."""

    name: str
    seconds: float
    """How long it took healthy."""
    note: str = ""
    repeatable: bool = True
    """Whether it is green when it is run again in the same process."""


class Cause(msgspec.Struct, frozen=True):
    """Cells that failed for one reason, worst first among all: what one change would fix."""

    state: State
    text: str
    dependency: str
    place: Place | None
    cells: tuple[Key, ...]
    evidence: str
    repeat: str
    fix: str = ""
    """What to change in the service."""


class Coverage(msgspec.Struct, frozen=True):
    """Whether a failure of an operation was tried."""

    dependency: str
    operation: str
    failure: str
    state: Tried


class Change(msgspec.Struct, frozen=True):
    """A cell that is not as it was. `before` and `now` are empty where there is no such cell."""

    cell: Key
    before: State | Literal[""]
    now: State | Literal[""]


class Compared(msgspec.Struct, frozen=True):
    """How a run differs from an earlier one, its baseline, which began at `began`.

    `unshown`: cells that said something about the service before, and do not any more. `gone`: there is no such cell
    any more, though this run was to have it. `reduced`: cells that were resilient, and are degraded now.
    """

    began: str
    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    unshown: tuple[Change, ...]
    gone: tuple[Change, ...]
    reduced: tuple[Change, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A whole run. `ended` says why it ended before its time, empty where it did not.

    `asked` are the words of `verify` on which its cells depend, `declared` a hash of what its file declares.
    """

    schema: str
    brownout: str
    seed: int
    level: Literal["smoke", "full"]
    command: tuple[str, ...]
    began: str
    seconds: float
    ended: str
    dependencies: tuple[Dependency, ...]
    journeys: tuple[Journey, ...]
    used: tuple[Used, ...]
    cells: tuple[Cell, ...]
    causes: tuple[Cause, ...]
    coverage: tuple[Coverage, ...]
    notes: tuple[str, ...]
    asked: tuple[str, ...] = ()
    declared: str = ""
    under_way: bool = False
    """Whether it was written while the run went on."""
    compared: Compared | None = None


def schema() -> dict[str, object]:
    """Return the JSON Schema of the document."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "What `brownout verify` found", **msgspec.json.schema(Document)}


def encode(document: Document) -> bytes:
    """Return it as JSON, two spaces deep."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


class _Version(msgspec.Struct):
    schema: str


def read(path: Path) -> Document:
    """Read a document. Raises BrownoutError for what is none, or one of another version."""
    hint = "verify.json is written by `brownout verify --report-dir DIR -- COMMAND`"
    try:
        data = path.read_bytes()
        version = msgspec.json.decode(data, type=_Version).schema
        if version != SCHEMA:
            raise BrownoutError(
                f"{path} is {version}, and this Brownout reads {SCHEMA}", "run verify again to make one"
            )
        return msgspec.json.decode(data, type=Document)
    except OSError as error:
        raise BrownoutError(f"{path}: {error.strerror or error}", hint) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrownoutError(f"{path} is not what verify writes: {error}", hint) from None
