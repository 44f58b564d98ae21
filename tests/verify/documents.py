"""Made-up documents for tests of what is made of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from brownout.verify import findings
from brownout.verify.coverage import coverage
from brownout.verify.document import (
    SCHEMA,
    Answer,
    Attempt,
    Call,
    Cell,
    Dependency,
    Document,
    Journey,
    Judged,
    Place,
    Timeline,
    Used,
)

PLACE = Place("shop/app.py", 25, "handle")
UNSAFE = Judged(
    "unsafe-repeat",
    "error",
    "the client tried again after 'reset', when the work may have been done",
    "POST /charge: reset, 201",
)
BOUNDED = Judged(
    "bounded-attempts", "warning", "the client tried 12 times; at most 10 are expected", "connect: refused at 0.0 s"
)

_WHY = {
    "resilient": "",
    "hung": "GET /search was still waiting when its time was over",
    "failed": "GET /search returned 503 (200 when healthy)",
    "doubled": UNSAFE.text,
    "crashed": "its process was ended by signal 11",
    "vacuous": "the dependency was not asked while it was failing",
    "not run": "the time for all of it was over",
    "inconclusive": "the test's own code failed: KeyError: 'x'",
}


def cell(row: str, journey: str, state: Any = "resilient", **more: Any) -> Cell:
    """A cell; `row` is the dependency, an operation of two words if there is one, and the failure."""
    dependency, *operation, failure = row.split(" ")
    calls = (
        Call("failed", 1.5, "ValueError: x", answers=(Answer("GET /search", 503, 1.25),), shown="E  ValueError"),
        Call("passed", 0.004, answers=(Answer("GET /search", 200, 0.0035),)),
    )
    given = {"why": _WHY.get(state, "it went wrong"), "fired": 3, "budget": 5.0, "calls": calls, "place": None} | more
    if state == "doubled":
        given.setdefault("judged", (UNSAFE,))
    return Cell(dependency, " ".join(operation), failure, journey, state, **given)


def document(cells: Sequence[Cell], **more: Any) -> Document:
    """A document of these cells, with the rest of it made up to fit."""
    command = more.get("command", ("pytest", "tests"))
    cells = [msgspec.structs.replace(each, repeat=findings.repeat(each, ("--seed", "7"), command)) for each in cells]
    names = list(dict.fromkeys(each.journey for each in cells))
    dependencies = [
        Dependency(name, "http" if name.startswith("pay") else "redis", f"redis://{name}:6379")
        for name in dict.fromkeys(each.dependency for each in cells)
    ]
    used = [
        Used(each.dependency, each.journey, "test", 1, 2, ("POST /charge",) if each.dependency == "pay" else ())
        for each in {(each.dependency, each.journey): each for each in cells}.values()
    ]
    given: dict[str, Any] = {
        "schema": SCHEMA,
        "brownout": "0.2.0",
        "seed": 7,
        "level": "smoke",
        "command": command,
        "began": "2026-01-02T03:04:05+00:00",
        "seconds": 61.0,
        "ended": "",
        "dependencies": tuple(dependencies),
        "journeys": tuple(Journey(name, 0.1) for name in names),
        "used": tuple(used),
        "cells": tuple(cells),
        "causes": tuple(findings.causes(cells)),
        "coverage": tuple(coverage(dependencies, used, cells)),
        "notes": (),
    }
    return Document(**given | more)


def small() -> Document:
    """Two tests, three findings, a warning, a note and a test that is left out."""
    search, pay = "tests/test_shop.py::test_search", "tests/test_shop.py::test_pay"
    cells = [
        cell("redis refused", search, "failed", judged=(BOUNDED,)),
        cell("redis slow", search, judged=(BOUNDED,)),
        cell("redis hangs", search, "hung", place=PLACE),
        cell("pay hangs", pay, "vacuous"),
        cell("pay lost", pay, "doubled"),
    ]
    journeys = (
        Journey(search, 0.1),
        Journey(pay, 0.2),
        Journey("tests/test_shop.py::test_sum", 0.0, "it reaches nothing"),
    )
    return document(cells, journeys=journeys, notes=("taken back, since each test runs alone: -x",))


def large(journeys: int = 120, files: int = 6, folders: int = 2) -> Document:
    """A thousand cells; of the tests of a file, one in nine hung."""
    names = [f"tests/f{number % folders}/test_{number % files}.py::test_{number}" for number in range(journeys)]
    rows = [
        f"{dependency} {failure}"
        for dependency in ("redis", "db")
        for failure in ("refused", "slow", "hangs", "lost", "cut")
    ]
    cells = [
        cell(row, name, "hung" if number % 9 == 0 else "resilient", place=PLACE)
        for row in rows
        for number, name in enumerate(names)
    ]
    return document(cells[:1000])


def detailed(journeys: int = 100) -> Document:
    """A thousand cells, each with as much to tell as one may have, all of it different; three in ten failed."""

    def one(row: str, number: int, state: str) -> Cell:
        def said(what: str, letters: int) -> str:
            words = (f"{what} {row} {number} {word}" for word in range(letters))
            return " ".join(words)[:letters]

        attempts = tuple(
            Attempt(
                f"POST /charge/{number}/{each}", each, each / 100, 0.005, "503", True, ("http.status",), each + 1, 0.1
            )
            for each in range(40)
        )
        calls = tuple(
            Call(outcome, 0.4, said("error", 150), shown=said("shown", 2000), log=said("log", 4000), at=at)
            for outcome, at in (("failed" if state == "failed" else "passed", -0.01), ("passed", 0.5))
        )
        timeline = Timeline(((0.0, 0.4),), attempts, 7)
        return cell(
            row, f"tests/test_{number % 9}.py::test_{number}", state, calls=calls, timeline=timeline, place=PLACE
        )

    failing = ("refused", "slow", "lost")
    rows = [f"redis {failure}" for failure in ("refused", "slow", "hangs", "lost", "cut")]
    rows += [f"pay {failure}" for failure in ("refused", "slow", "error", "lost", "wrong")]
    return document(
        [
            one(row, number, "failed" if row.split()[1] in failing and number % 2 else "resilient")
            for row in rows
            for number in range(journeys)
        ]
    )


HOSTILE = (
    "tests/test_[a].py::test_x[a/b-<b>|`c``d`]",
    "tests/test_a.py::test_line\nbreak",
    "tests/test_a.py::test_\x1b[31mred\x1b[0m\x07\x00",
    "tests/test_ä.py::test_中文字符中文字符_🎉_\u202e",
    f"tests/test_b.py::test_{'long_' * 60}",
    "tests/test_b.py::test_%0A::error,x=y",
    "tests/test_b.py::test_\ud800",
    "tests/test_b.py::test_[redis://bob:hunter2@cache/0]",
)


def hostile() -> Document:
    """What nobody would call a test, and errors that say what they must not."""
    said = "</code></details><script>alert(1)</script> ]]> & \x1b[2J\x08 @bob #1 50% http://bob:hunter2@h/?card=4242"
    cells = [
        cell(
            row,
            name,
            "failed",
            why=f"{said} ({number})",
            calls=(Call("failed", 1.0, said, shown=f"{said}\n{said}", log="password=hunter2\r\n\x00"),),
            judged=(Judged("back-off", "error", said, said),),
            place=Place("a,b:c%.py", 3, "f"),
        )
        for row in ("pay POST /a|b lost", "redis slow")
        for number, name in enumerate(HOSTILE)
    ]
    return document(cells, notes=(said,), command=("sh", "-c", "echo 'x'\npytest --dsn=redis://bob:hunter2@h/0"))
