"""The matrix as a picture, for a README: failures as rows, journeys as columns, folded where there are many."""

from __future__ import annotations

from collections import Counter
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rich.cells import cell_len, set_cell_size

from ..document import Document, State
from .matrix import Matrix, field, matrix
from .words import STATES, headline, noun, row_name

_COLUMNS = 24
_ROWS = 60
"""How many rows are drawn; those in which all is resilient are the first that are left out."""
_SIDE, _LINE, _LETTER = 26, 22, 8.0
"""Pixels of a cell, of a line of text, of a letter."""
_LONGEST = 34
"""Letters of a name."""
_COLORS: dict[State, tuple[str, str]] = {
    "crashed": ("#6e1023", "#fff"),
    "hung": ("#b3122a", "#fff"),
    "not recovered": ("#9c3d00", "#fff"),
    "doubled": ("#85259b", "#fff"),
    "failed": ("#cf222e", "#fff"),
    "first request failed": ("#1f4e9c", "#fff"),
    "inconclusive": ("#fdf0c4", "#5f4200"),
    "degraded": ("#fdf0c4", "#5f4200"),
    "resilient": ("#d7f5e3", "#05512f"),
}
"""What a state is drawn on, and its sign; others have a frame alone. The page has the same colours."""
_STYLE = """
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b1f24 }
.head { font-weight: 600 } .dim { fill: #57606a } .sign { text-anchor: middle; font-weight: 600 }
.frame { fill: none; stroke: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6e9ed } .dim { fill: #a3acb8 } }
"""


def svg(document: Document) -> bytes:
    """Return it. It is readable on a light and on a dark page."""
    found = matrix(document.cells, lambda each: len(each.columns) <= _COLUMNS)
    rows = sorted(found.rows, key=found.is_resilient)[:_ROWS]
    heads = [_short(name) for name in found.columns]
    left = 28 + _LETTER * max((cell_len(row[2]) for row in found.rows), default=0)
    top = 40 + 0.72 * _LETTER * max(map(cell_len, heads), default=0)
    drawing = _Drawing(found, left, top)
    for number, head in enumerate(heads):
        drawing.head(number, head)
    for dependency, operation, mine in found.groups():
        if shown := [row for row in mine if row in rows]:
            drawing.group(row_name(dependency, operation))
            for row in shown:
                drawing.row(row[2], row, folded=bool(found.folded))
    if len(rows) < len(found.rows):
        drawing.text(8, f"{len(found.rows) - len(rows)} more rows", "dim")
    if found.folded:
        drawing.text(8, "H2: two tests of the column hung, and nothing is worse", "dim")
    drawing.legend(Counter(cell.state for cell in document.cells))
    title = f"brownout verify: {headline(document)}"
    return drawing.finish(title, f"Rows: what fails, and how. Columns: the {noun(document)}s that use it.")


class _Drawing:
    """Draws from the top to the bottom."""

    def __init__(self, found: Matrix, left: float, top: float) -> None:
        self._found = found
        self._left = left
        self._y = self._top = top
        self._column = _SIDE + (_LETTER * len(str(found.most())) if found.folded else 0)
        self._width = left + self._column * len(found.columns) + 60
        self._root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})

    def text(self, x: float, text: str, kind: str) -> None:
        """Draw a line of text."""
        self._y += _LINE
        SubElement(self._root, "text", {"x": f"{x:.0f}", "y": f"{self._y - 7:.0f}", "class": kind}).text = text
        self._width = max(self._width, x + _LETTER * cell_len(text) + 16)

    def head(self, number: int, name: str) -> None:
        """Draw the name of a column."""
        x, y = self._left + self._column * (number + 0.6), self._top - 6
        given = {"x": f"{x:.0f}", "y": f"{y:.0f}", "transform": f"rotate(-45 {x:.0f} {y:.0f})"}
        SubElement(self._root, "text", given).text = name
        self._width = max(self._width, x + 0.72 * _LETTER * cell_len(name) + 16)

    def group(self, name: str) -> None:
        """Draw the name of what fails."""
        self.text(8, _cut(name, 60), "head")

    def row(self, name: str, row: tuple[str, str, str], *, folded: bool) -> None:
        """Draw a row."""
        SubElement(self._root, "text", {"x": "16", "y": f"{self._y + 17:.0f}"}).text = name
        for number, column in enumerate(self._found.columns):
            if column in self._found.rows[row]:
                state, count = field(self._found.rows[row][column])
                sign = f"{STATES[state].sign}{count if folded else ''}"
                self._sign(self._left + self._column * number, state, sign, self._column)
        self._y += _SIDE

    def legend(self, counts: Counter[State]) -> None:
        """Draw what the signs mean."""
        self._y += 8
        for state in filter(counts.__contains__, STATES):
            self._sign(8, state, STATES[state].sign)
            self._y += 2
            self.text(42, f"{state} ({counts[state]}): {STATES[state].meaning}", "")
            self._y += _SIDE - _LINE - 2

    def _sign(self, x: float, state: State, sign: str, width: float = _SIDE) -> None:
        box = {
            "x": f"{x + 1:.0f}",
            "y": f"{self._y + 1:.0f}",
            "width": f"{width - 2:.0f}",
            "height": f"{_SIDE - 2}",
            "rx": "3",
        }
        text = {"x": f"{x + width / 2:.0f}", "y": f"{self._y + 18:.0f}", "class": "sign"}
        if state in _COLORS:
            box["fill"], color = _COLORS[state]
            text["style"] = f"fill: {color}"
        else:
            box["class"] = "frame"
        SubElement(self._root, "rect", box)
        SubElement(self._root, "text", text).text = sign

    def finish(self, title: str, description: str) -> bytes:
        """Return the picture."""
        size = {"width": f"{self._width:.0f}", "height": f"{self._y + 8:.0f}"}
        self._root.attrib |= size | {"viewBox": f"0 0 {size['width']} {size['height']}"}
        for number, (tag, text) in enumerate((("title", title), ("desc", description), ("style", _STYLE))):
            element = Element(tag)
            element.text = text
            self._root.insert(number, element)
        indent(self._root)
        return bytes(tostring(self._root, encoding="utf-8")) + b"\n"


def _short(name: str) -> str:
    return _cut(name.rpartition("::")[2] or name, _LONGEST)


def _cut(name: str, longest: int) -> str:
    return name if cell_len(name) <= longest else f"{set_cell_size(name, longest - 1)}…"
