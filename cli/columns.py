"""Text in columns, which is all that these commands need of a table."""

from __future__ import annotations

from collections.abc import Sequence


def align(rows: Sequence[Sequence[str]], right: Sequence[int] = (), gap: int = 2) -> list[str]:
    """Return the rows as lines with aligned columns; those in `right` are flush right, the last is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * gap)
        .join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        .rstrip()
        for row in rows
    ]


def shorten(text: str, width: int) -> str:
    """Return the text in at most so many characters, an ellipsis where it was cut."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"
