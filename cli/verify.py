"""verify: which journey survives which failure."""

from __future__ import annotations

import sys

import click

from .options import examples
from .run import Run

_LEVEL = "smoke"
_CELL_TIMEOUT = "15s"


@click.command(
    cls=Run,
    epilog=examples(
        "brownout verify -- pytest",
        "brownout verify --level full --report-dir report -- pytest tests/integration",
        "brownout verify --only redis -- pytest",
        "brownout verify --only 'postgres/slow' -- pytest tests/test_shop.py",
        "brownout verify -- ./smoke-test.sh",
    ),
)
@click.argument("file", required=False, type=click.Path(), metavar="[FILE]")
@click.option(
    "--level",
    type=click.Choice(["smoke", "full"]),
    default=_LEVEL,
    show_default=True,
    help="smoke: one failure of each kind. full: all that there are for the protocol, on each operation.",
)
@click.option(
    "--only",
    "only",
    multiple=True,
    metavar="GLOB",
    help="Run only these cells: a dependency, a failure, a test, or DEPENDENCY/FAILURE/TEST.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="How many cells to run at a time.")
@click.option("--seed", type=int, metavar="N", help="Random seed (default: drawn; always printed).")
@click.option("--report-dir", metavar="DIR", help="Write the report to DIR, with the output of the command.")
@click.option(
    "--baseline", metavar="FILE", help="Fail only on what is worse than in FILE, the verify.json of an earlier run."
)
@click.option("--history", metavar="DIR", help="Store the run in DIR, and show how the cells fared in earlier runs.")
@click.option(
    "--resume", is_flag=True, help="Continue the run whose report is in --report-dir, without its finished cells."
)
@click.option("--budget", metavar="DURATION", help="End after this time, and list the cells that were left out.")
@click.option(
    "--cell-timeout",
    default=_CELL_TIMEOUT,
    show_default=True,
    metavar="DURATION",
    help="How much longer than healthy a test may take while a dependency hangs.",
)
@click.option("--not", "spared", multiple=True, metavar="GLOB", help="Never break what matches: HOST:PORT or *:5432.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def verify(
    file: str | None,
    level: str,
    only: tuple[str, ...],
    jobs: int,
    seed: int | None,
    report_dir: str | None,
    baseline: str | None,
    history: str | None,
    resume: bool,
    budget: str | None,
    cell_timeout: str,
    spared: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run the tests of COMMAND under each failure of each dependency.
    Show which failures the service survives, and what it does wrong under the others.

    COMMAND runs healthy first, which shows what its tests talk to (Linux: every TCP connection is seen, with no address
    changed). Then each test runs under each failure of what it uses. No test has to know of it. FILE may have `env:`,
    which leads to its proxies on any system, and `verify:`, with journeys, failures and what is expected.

    With --baseline only what got worse counts, and what got better is listed.

    Exit code 0: all went as it should. 1: something was not survived, or is red with nothing broken. 2: usage. 3: there
    was nothing to break, or nothing was shown.
    """
    from . import verifying

    words = [] if file is None else [file]
    words += [] if level == _LEVEL else ["--level", level]
    words += [] if cell_timeout == _CELL_TIMEOUT else ["--cell-timeout", cell_timeout]
    words += [word for glob in spared for word in ("--not", glob)]
    asked = verifying.asked(
        command,
        file=file,
        level=level,
        only=only,
        jobs=jobs,
        seed=seed,
        report_dir=report_dir,
        baseline=baseline,
        history=history,
        resume=resume,
        budget=budget,
        cell_timeout=cell_timeout,
        spared=spared,
        words=tuple(words),
    )
    sys.exit(verifying.run(asked))
