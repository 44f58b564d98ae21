"""Text in columns, which is all that these commands need of a table."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return the rows as lines with aligned columns; those in `right` are flush right, the last is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [line(row, widths, right).rstrip() for row in rows]


def line(row: Sequence[str], widths: Sequence[int], right: Sequence[int] = ()) -> str:
    """Return a row as a line with columns of these widths; those in `right` are flush right."""
    return "  ".join(
        cell.rjust(width) if number in right else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    )


def shorten(text: str, width: int) -> str:
    """Return the text in at most `width` characters, with an ellipsis where it was cut."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def wrap(text: str, first: str = "", rest: str = "") -> str:
    """Return the text in lines that fit the terminal, the first behind `first` and the others behind `rest`."""
    width = max(60, shutil.get_terminal_size().columns)
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
