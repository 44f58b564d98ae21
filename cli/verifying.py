"""A `verify` from its words to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

import click
import msgspec

from ..faults.config.file import Config, read
from ..faults.config.mapping import mapping
from ..faults.settings.units import Duration
from ..proxy import new_seed
from ..proxy.intercept import Choice
from ..verify import shown
from ..verify.baseline import baseline as read_baseline
from ..verify.document import UNPROVEN as NOT_SHOWN
from ..verify.document import Document
from ..verify.document import read as read_report
from ..verify.engine import Engine
from ..verify.expected import Expected
from ..verify.history import keep, trend
from ..verify.known import NothingFoundError, RedError, Wanted
from ..verify.lane import Setting
from ..verify.resumed import check
from ..verify.stage import Plan
from ..verify.writers import append_summary, save, write
from ..verify.writers.annotations import annotate
from ..verify.writers.text import summary
from ..wire.errors import BrownoutError
from . import errors
from .environment import filled
from .loop import on_a_loop
from .signals import Signals
from .verify_progress import is_colored, on_stderr

SURVIVED, NOT_SURVIVED, WRONG, UNPROVEN = 0, 1, 2, 3
_ELSEWHERE = "activate the environment in which the tests run, or name its Python: -- .venv/bin/python -m pytest"
_TAIL = 4000
_PAUSE, _RARELY = 2.0, 50
"""Seconds between two times at which an unfinished report is written, and how often as long as that takes at least."""


class Asked(NamedTuple):
    """What the words of `verify` say."""

    wanted: Wanted
    setting: Setting
    expected: Expected
    folder: Path | None
    before: Document | None
    """The report of a run with which this one goes on."""
    baseline: Document | None
    history: Path | None


def asked(
    command: Sequence[str],
    *,
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
    words: tuple[str, ...],
) -> Asked:
    """Read them, and the file. `words`: those that another run like it needs. Raises BrownoutError."""
    config = read(file) if file is not None else Config()
    command = tuple(command) or config.verify.command
    if not command and not config.verify.journeys:
        raise BrownoutError("verify needs a COMMAND that runs tests", "brownout verify -- pytest")
    folder = None if report_dir is None else Path(report_dir)
    if resume and folder is None:
        raise BrownoutError("--resume goes on with a report, and none is named", "--resume --report-dir DIR")
    before = read_report(folder / "verify.json") if folder is not None and resume else None
    seed = config.seed if seed is None else seed
    if seed is None:
        seed = before.seed if before is not None else new_seed()
    wanted = Wanted(
        "full" if level == "full" else "smoke",
        only,
        jobs,
        None if budget is None else float(Duration.parse(budget)),
        float(Duration.parse(cell_timeout)),
        (*words, "--seed", str(seed)),
        blake2b(msgspec.json.encode(config.verify), digest_size=8).hexdigest() if file is not None else "",
    )
    if before is not None:
        check(before, wanted, seed, command)
    earlier = None if baseline is None else read_baseline(Path(baseline), wanted.level)
    setting = Setting(
        Plan(command, {}, _output(folder, goes_on=resume)),
        seed,
        tuple(config.proxies.values()),
        _choice(command, config, spared),
        lambda fleet: mapping(filled(config.env, fleet.proxies), os.environ) if config.env else {},
    )
    expected = Expected(config.verify.journeys, config.verify.failures, config.verify.expect)
    return Asked(wanted, setting, expected, folder, before, earlier, None if history is None else Path(history))


def _choice(command: Sequence[str], config: Config, spared: tuple[str, ...]) -> Choice | None:
    """Return which connections are caught: all, unless the file says how the proxies are reached."""
    if config.env or not command:
        return None
    if sys.platform != "linux":
        raise BrownoutError(
            f"on {platform.system()} verify needs a file that says how the proxies are reached",
            'write `env:` into it, as DATABASE_URL: "{db.url}": brownout verify brownout.yaml -- pytest',
        )
    return Choice((), spared)


def _output(folder: Path | None, *, goes_on: bool) -> IO[bytes]:
    """Open the file for what the command writes. Raises BrownoutError."""
    try:
        if folder is None:
            return tempfile.TemporaryFile()
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "command.log").open("a+b" if goes_on else "w+b")
    except OSError as error:
        raise BrownoutError(
            f"--report-dir {folder}: {error.strerror}", "name a folder that can be written to"
        ) from None


def run(asked: Asked) -> int:
    """Do it, and return the exit code."""
    return on_a_loop(lambda: _run(asked))


async def _run(asked: Asked) -> int:
    progress = on_stderr()
    setting, wanted, expected = asked.setting, asked.wanted, asked.expected
    engine = Engine(setting, wanted, expected, progress, before=asked.before, baseline=asked.baseline)
    showing = asyncio.ensure_future(progress.run())
    over = asyncio.Event()
    saving = asyncio.ensure_future(_save_now_and_then(engine, asked.folder, over))
    with Signals() as signals:
        work = asyncio.ensure_future(engine.run())
        asking = asyncio.ensure_future(signals.next())
        await asyncio.wait({work, asking}, return_when=asyncio.FIRST_COMPLETED)
        ended, code = "", SURVIVED
        if not work.done():
            signals.let_go()
            work.cancel()
            ended = f"ended by {asking.result().name}"
            progress.end(f"{ended}: what is done is written, and a second one ends at once")
            code = 128 + asking.result()
        asking.cancel()
        failed: BrownoutError | OSError | None = None
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        except (BrownoutError, OSError) as error:
            failed = error
        finally:
            showing.cancel()
            progress.clear()
            over.set()
            await saving
    if failed is not None:
        if asked.folder is not None:
            write(engine.document(str(failed)), asked.folder)
        return _failed(asked, failed)
    document = engine.document(ended)
    _report(document, asked)
    return code or exit_code(document)


async def _save_now_and_then(engine: Engine, folder: Path | None, over: asyncio.Event) -> None:
    """Write the report while cells run: for `report --serve`, and for --resume should this machine go down.

    A thread does it, and not often: cells should not feel it.
    """
    pause = _PAUSE
    while folder is not None and not over.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), pause)
        if engine.planned and not over.is_set():
            began = time.monotonic()
            with contextlib.suppress(OSError):  # the report says it in the end
                await asyncio.to_thread(_save, engine, folder)
            pause = max(_PAUSE, _RARELY * (time.monotonic() - began))


def _save(engine: Engine, folder: Path) -> None:
    save(engine.document(under_way=True), folder)


def _report(document: Document, asked: Asked) -> None:
    """Write the files first: whoever reads our output may be gone. Raises BrownoutError after all that can be shown."""
    folder, history = asked.folder, asked.history
    failed: OSError | None = None
    try:
        if history is not None and not document.ended:
            keep(document, history)
        if folder is not None:
            write(document, folder, None if history is None else trend(history, document))
    except OSError as error:
        failed = error
    append_summary(document)
    color = is_colored(sys.stdout.isatty())
    _echo("", color)
    for line in summary(document, shutil.get_terminal_size().columns, color=color):
        _echo(line, color)
    for line in annotate(document):
        _echo(line, color)
    if failed is not None:
        name = failed.filename or folder
        raise BrownoutError(f"{name}: {failed.strerror or failed}", "the report is not complete")
    if folder is not None:
        _echo(f"report in {folder}", color)


def _echo(line: str, color: bool) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(line.encode(encoding, errors="backslashreplace").decode(encoding), color=color)


def _failed(asked: Asked, error: BrownoutError | OSError) -> int:
    if isinstance(error, OSError):
        name = asked.setting.plan.command[0] if asked.setting.plan.command else "verify"
        if isinstance(error, FileNotFoundError):
            errors.show(BrownoutError(f"{name}: command not found", _ELSEWHERE))
        else:
            errors.show(BrownoutError(f"{name}: cannot be run: {error.strerror or error}"))
        return WRONG
    if isinstance(error, RedError):
        _show_output(asked.setting.plan.output)
    errors.show(BrownoutError(shown.text(error.message), shown.text(error.hint)))
    return NOT_SURVIVED if isinstance(error, RedError) else UNPROVEN if isinstance(error, NothingFoundError) else WRONG


def _show_output(output: IO[bytes]) -> None:
    output.seek(0, 2)
    output.seek(max(0, output.tell() - _TAIL))
    sys.stderr.write(output.read().decode(errors="replace"))


def exit_code(document: Document) -> int:
    """Return the exit code: with a baseline only what is not as it was there counts."""
    compared, states = document.compared, {cell.state for cell in document.cells}
    if document.causes if compared is None else compared.worse:
        return NOT_SURVIVED
    unshown = states if compared is None else {each.now for each in compared.unshown}
    return UNPROVEN if not states.difference(NOT_SHOWN) or "inconclusive" in unshown else SURVIVED
