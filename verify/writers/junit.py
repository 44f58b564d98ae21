"""JUnit XML: a test suite for each failure of each dependency, and in it a test case for each journey.

There is no standard; elements and attributes are those of the schema of Jenkins's xUnit plugin, junit-10.xsd.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..document import UNPROVEN, WORST_FIRST, Cell, Document, Key
from ..findings import evidence
from .words import known_of, row_name


def junit(document: Document) -> bytes:
    """Return the cells as XML. What does not count as shown is skipped, and what was no better in the baseline."""
    known = known_of(document)
    root = Element(
        "testsuites", {"name": "brownout verify", "time": f"{document.seconds:.3f}"} | _counts(document.cells, known)
    )
    rows: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in document.cells:
        rows.setdefault(cell.row, []).append(cell)
    for (dependency, operation, failure), cells in rows.items():
        name = f"{row_name(dependency, operation)} {failure}"
        about = {"name": name, "timestamp": document.began, "time": f"{sum(map(_seconds, cells)):.3f}"}
        suite = SubElement(root, "testsuite", about | _counts(cells, known))
        properties = SubElement(suite, "properties")
        for key, value in (("seed", document.seed), ("level", document.level), ("brownout", document.brownout)):
            SubElement(properties, "property", name=key, value=str(value))
        for cell in cells:
            _add_case(suite, name, cell, known)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _counts(cells: Sequence[Cell], known: Set[Key]) -> dict[str, str]:
    failed = sum(cell.state in WORST_FIRST and cell.key not in known for cell in cells)
    skipped = sum(cell.state in UNPROVEN or cell.key in known for cell in cells)
    return {"tests": str(len(cells)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}


def _seconds(cell: Cell) -> float:
    return sum(call.seconds for call in cell.calls)


def _add_case(suite: Element, classname: str, cell: Cell, known: Set[Key]) -> None:
    case = SubElement(suite, "testcase", classname=classname, name=cell.journey, time=f"{_seconds(cell):.3f}")
    if cell.key in known:
        SubElement(case, "skipped", type=cell.state, message=f"{cell.state}, as in the baseline: {cell.why}")
    elif cell.state in WORST_FIRST:
        if cell.place is not None:
            case.attrib |= {"file": cell.place.file, "line": str(cell.place.line)}
        failure = SubElement(case, "failure", type=cell.state, message=cell.why)
        failure.text = "\n".join(_told(cell))
    elif cell.state in UNPROVEN:
        SubElement(case, "skipped", type=cell.state, message=f"{cell.state}: {cell.why}")
    if cell.judged:
        told = [f"{each.level}: {each.rule}: {each.text}\n  {each.evidence}" for each in cell.judged]
        SubElement(case, "system-out").text = "\n".join(told)


def _told(cell: Cell) -> list[str]:
    place = "" if cell.place is None else f"at {cell.place} in {cell.place.function}"
    repeat = f"repeat: {cell.repeat}" if cell.repeat else ""
    shown = next((call.shown for call in cell.calls if call.shown), "")
    return [line for line in (cell.why, place, evidence(cell), repeat, shown) if line]
