"""What a run has found, and how it is shown: a section for each measure as it ends, a table of them all, and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from brownout.cli.columns import align

from .measures import Aim

BROWNOUT = "brownout"
CLIENTS_LIMIT = 0.8
"""The share of the direct rate beyond which a rate says more of the clients than of the candidate."""


class Result(msgspec.Struct, frozen=True):
    """One measure: for each candidate the values of each figure, one a round."""

    name: str
    figure: str
    figures: dict[str, dict[str, list[float]]]
    elsewhere: float
    """How many cores other work used meanwhile."""

    def median(self, candidate: str, figure: str) -> float | None:
        """Return the middle of a figure's rounds, None if the candidate has none."""
        values = self.figures.get(candidate, {}).get(figure)
        return statistics.median(values) if values else None

    def ratio(self, candidate: str, figure: str) -> float | None:
        """Return Brownout's figure divided by this one's, the median over the rounds, if both have it."""
        pairs = zip(
            self.figures.get(BROWNOUT, {}).get(figure, ()),
            self.figures.get(candidate, {}).get(figure, ()),
            strict=False,
        )
        ratios = [ours / theirs for ours, theirs in pairs if theirs > 0 and ours > 0]
        return statistics.median(ratios) if ratios else None


class Report(msgspec.Struct, frozen=True):
    """A whole run."""

    machine: str
    began: str
    load: tuple[float, float, float]
    versions: dict[str, str]
    missing: dict[str, str]
    results: list[Result]
    schema: int = 1


def number(value: float | None) -> str:
    """Write a figure with three digits that count."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Write how far the rounds lie from their median."""
    middle = statistics.median(values)
    if len(values) < 2 or middle <= 0:
        return ""
    return f"±{(max(values) - min(values)) / 2 / middle:.0%}"


def section(result: Result) -> str:
    """Return a measure's figures, a line for each candidate."""
    heads = list(dict.fromkeys(head for figures in result.figures.values() for head in figures))
    rows = [[result.name, *(word for head in heads for word in (head, "", "ratio"))]]
    for candidate, figures in result.figures.items():
        row = [f"  {candidate}"]
        for head in heads:
            values, ratio = figures.get(head, []), result.ratio(candidate, head)
            row += [number(result.median(candidate, head)), spread(values) if values else "", number(ratio)]
        rows.append(row)
    lines = align(rows, right=range(1, len(rows[0])))
    share = result.ratio("direct", "requests/s")
    if share is not None and share > CLIENTS_LIMIT:
        lines.append("  the clients are the limit: compare the CPU time alone")
    return "\n".join([*lines, f"  other work used {result.elsewhere:.1f} cores"])


def judged(result: Result, aim: Aim) -> str:
    """Return an aim, what was found, and whether that meets it."""
    value = result.median(BROWNOUT, aim.figure) if aim.of is None else result.ratio(aim.of, aim.figure)
    bound = f"at most {aim.most:.3g}" if aim.most is not None else f"at least {aim.least:.3g}"
    of = "" if aim.of is None else f" of {aim.of}'s"
    if value is None:
        return f"{result.name}, {aim.figure}: {bound}{of}: not measured"
    met = value <= aim.most if aim.most is not None else value >= (aim.least or 0)
    return f"{result.name}, {aim.figure}: {bound}{of}: {number(value)}, {'met' if met else 'missed'}"


def table(results: Iterable[Result], candidates: Sequence[str]) -> str:
    """Return the main figure of each measure in Markdown, with the ratio of Brownout's to each other one."""
    results = list(results)
    shown = [each for each in candidates if any(each in result.figures for result in results)]
    rows = [["measure", "figure", *shown]]
    for result in results:
        row = [result.name, result.figure]
        for candidate in shown:
            figure, ratio = number(result.median(candidate, result.figure)), result.ratio(candidate, result.figure)
            row.append(figure if candidate == BROWNOUT or ratio is None else f"{figure} ({number(ratio)})")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * width if place < 2 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    return "\n".join(_row(row, widths) for row in (rows[0], rule, *rows[1:]))


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"
