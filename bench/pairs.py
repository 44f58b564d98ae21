"""Before and after: runs a benchmark alternately in two checkouts, and prints what became of each of its figures.

    python bench/pairs.py OLD NEW [--pairs 11] -- exchanges.py --wrk --loop uvloop --rounds 1

OLD and NEW are checkouts in which `make .venv/.test` was done. Every other pair begins with NEW. A figure of NEW is
divided by that of OLD in the same pair; printed are the median of the pairs, and the quartiles as their spread. Use
`--rounds 1`, since the pairs are the rounds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rig import table

Figures = dict[tuple[str, str, str], float]
"""By table, row and column."""


def figures(text: str) -> Iterator[tuple[tuple[str, str, str], float]]:
    """Yield the figures of what a benchmark printed: tables with a line of heads, two spaces between columns."""
    for block in re.split(r"\n{2,}", text.strip()):
        heads, *rows = [re.split(r" {2,}", line.strip()) for line in block.splitlines()]
        for row, *cells in rows:
            for head, cell in zip(heads[1:], cells, strict=True):
                number = re.match(r"[\d,.]+", cell)
                if number:
                    yield (heads[0], row, head), float(number[0].replace(",", ""))


def run(checkout: Path, command: list[str]) -> Figures:
    """Run a benchmark of a checkout with that checkout's own Python."""
    script, *words = command
    done = subprocess.run(
        [checkout / ".venv/bin/python", Path("bench", script), *words],
        cwd=checkout, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    found = dict(figures(done.stdout))
    if not found:  # 1 is also the exit code of a figure below its aim
        sys.exit(f"{script} in {checkout} printed no table")
    return found


def main() -> None:
    """Run the pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("command", nargs="+", metavar="BENCH [OPTION]...")
    options = parser.parse_args()
    ratios: dict[tuple[str, str, str], list[float]] = {}
    for number in range(options.pairs):
        order = (options.old, options.new) if number % 2 == 0 else (options.new, options.old)
        found = {checkout: run(checkout.resolve(), options.command) for checkout in order}
        for key, old in found[options.old].items():
            ratios.setdefault(key, []).append(found[options.new][key] / old)
        print(f"pair {number + 1} of {options.pairs}", file=sys.stderr, flush=True)
    for name in dict.fromkeys(key[0] for key in ratios):
        mine = {key: each for key, each in ratios.items() if key[0] == name}
        rows = []
        for (_, row, column), each in mine.items():
            low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
            rows.append(
                (f"{row}, {column}", f"{middle:.3f}", f"{low:.3f} to {high:.3f}", f"{min(each):.3f} to {max(each):.3f}")
            )
        table((f"{name}: new / old", "median", "quartiles", "all"), rows)


if __name__ == "__main__":
    main()
