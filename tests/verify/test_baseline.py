"""What got worse than in an earlier run: it alone is held against a run."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from brownout.cli.verifying import exit_code
from brownout.verify.baseline import baseline, compare
from brownout.verify.document import Compared, Document, encode
from brownout.verify.writers.annotations import annotate
from brownout.verify.writers.junit import junit
from brownout.verify.writers.markdown import markdown
from brownout.verify.writers.text import summary
from brownout.wire.errors import BrownoutError

from .documents import PLACE, cell, document


def made(states: dict[str, str], **more: object) -> Document:
    """A document with the states of cells, by row and test: `redis slow x`."""
    return document(
        [cell(*name.rsplit(" ", 1), state, place=PLACE, judged=()) for name, state in states.items()], **more
    )


def compared(before: dict[str, str], now: dict[str, str], only: Sequence[str] = ()) -> Compared:
    return compare(made(before), made(now).cells, only)


def names(found: Compared) -> dict[str, list[tuple[str, str, str]]]:
    return {
        kind: [(" ".join(filter(None, each.cell)), each.before, each.now) for each in getattr(found, kind)]
        for kind in ("worse", "better", "unshown", "gone", "reduced")
        if getattr(found, kind)
    }


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ("resilient", "hung", "worse"),
        ("degraded", "failed", "worse"),
        ("inconclusive", "failed", "worse"),
        ("failed", "hung", "worse"),
        ("first request failed", "failed", "worse"),
        ("hung", "resilient", "better"),
        ("failed", "degraded", "better"),
        ("crashed", "failed", "better"),
        ("resilient", "inconclusive", "unshown"),
        ("hung", "vacuous", "unshown"),
        ("degraded", "not run", "unshown"),
        ("resilient", "degraded", "reduced"),
        ("degraded", "resilient", None),
        ("vacuous", "inconclusive", None),
        ("vacuous", "resilient", None),
        ("hung", "hung", None),
    ],
)
def test_a_cell_is_worse_or_better_or_not_shown_any_more(before: str, now: str, kind: str | None) -> None:
    found = compared({"redis slow x": before}, {"redis slow x": now})
    assert names(found) == ({} if kind is None else {kind: [("redis slow x", before, now)]})


def test_a_new_cell_that_is_not_survived_is_worse_and_another_one_is_not() -> None:
    found = compared(
        {"redis slow x": "resilient"}, {"redis slow x": "resilient", "redis hangs x": "hung", "db cut x": "resilient"}
    )
    assert names(found) == {"worse": [("redis hangs x", "", "hung")]}


def test_cells_that_are_gone_are_named_unless_nobody_wanted_them() -> None:
    before = {"redis slow x": "hung", "redis cut x": "resilient", "db slow x": "hung"}
    assert names(compared(before, {"db slow x": "hung"}))["gone"] == [
        ("redis slow x", "hung", ""),
        ("redis cut x", "resilient", ""),
    ]
    assert names(compared(before, {}, ["redis/slow"])) == {"gone": [("redis slow x", "hung", "")]}


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [
        ({"redis slow x": "hung"}, {"redis slow x": "hung"}, 0),
        ({"redis slow x": "resilient"}, {"redis slow x": "hung"}, 1),
        ({"redis slow x": "hung"}, {"redis slow x": "resilient"}, 0),
        ({"redis slow x": "hung", "redis cut x": "hung"}, {"redis cut x": "hung"}, 0),
        ({"redis slow x": "inconclusive", "redis cut x": "hung"}, {"redis slow x": "inconclusive", "redis cut x": "hung"}, 0),
        ({"redis slow x": "resilient", "redis cut x": "hung"}, {"redis slow x": "inconclusive", "redis cut x": "hung"}, 3),
        ({"redis slow x": "vacuous"}, {"redis slow x": "vacuous"}, 3),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_what_got_worse(before: dict[str, str], now: dict[str, str], code: int) -> None:
    assert exit_code(made(now, compared=compared(before, now))) == code


def regression() -> Document:
    before = {"redis slow x": "resilient", "redis cut x": "hung", "db cut x": "failed", "db slow x": "resilient"}
    now = {"redis slow x": "failed", "redis cut x": "hung", "db cut x": "resilient"}
    return made(now, compared=compared(before, now))


def test_what_differs_is_named_for_people() -> None:
    lines = "\n".join(summary(regression(), 120)).splitlines()
    at = lines.index("Worse than in the baseline of 2026-01-02T03:04:05+00:00 (1)")
    assert lines[at : at + 6] == [
        "Worse than in the baseline of 2026-01-02T03:04:05+00:00 (1)",
        "  redis slow in x: failed, resilient before",
        "Better than in the baseline (1)",
        "  db cut in x: resilient, failed before",
        "In the baseline, and gone (1)",
        "  db slow in x: resilient before",
    ]
    assert (
        "### Worse than in the baseline of 2026-01-02T03:04:05+00:00 (1)\n\n* `redis slow in x: failed, "
        in markdown(regression())
    )


def test_it_is_said_that_nothing_is_worse() -> None:
    given = made({"redis slow x": "hung"}, compared=compared({"redis slow x": "hung"}, {"redis slow x": "hung"}))
    said = "Nothing is worse than in the baseline of 2026-01-02T03:04:05+00:00"
    assert said in list(summary(given, 120))
    assert f"{said}." in markdown(given).splitlines()


def test_junit_and_annotations_fail_on_what_got_worse_alone() -> None:
    root = ET.fromstring(junit(regression()))
    assert (root.get("failures"), root.get("skipped")) == ("1", "1")
    skipped = root.find(".//testsuite[@name='redis cut']/testcase/skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("hung, as in the baseline: ")
    assert root.find(".//testsuite[@name='redis slow']/testcase/failure") is not None
    told = list(annotate(regression(), {"GITHUB_ACTIONS": "true"}))
    assert [line.partition("title=")[2].partition("::")[0] for line in told] == ["failed%3A redis slow"]


def test_a_baseline_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_bytes(encode(msgspec.structs.replace(made({}), schema="brownout.verify/0")))
    with pytest.raises(
        BrownoutError, match=r"old\.json is brownout\.verify/0, and this Brownout reads brownout\.verify/1"
    ):
        baseline(file, "smoke")


def test_a_baseline_of_another_level_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "full.json"
    file.write_bytes(encode(made({}, level="full")))
    with pytest.raises(BrownoutError, match="written at level full, and this is level smoke"):
        baseline(file, "smoke")
