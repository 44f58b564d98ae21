"""Brownout beside its peers: `python -m bench`, or `make bench`.

Candidates run at the same time and are measured in turn, so that what else the machine does meets all alike. A ratio is
Brownout's figure divided by the candidate's, the median over the rounds. On a busy machine read the CPU time of the
proxy, not requests/s.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from brownout.proxy.system.sockets import raise_file_limit
from brownout.testing import servers

from .candidates import Candidate, candidates
from .chart import chart
from .drives import NEEDS
from .load import GENERATORS, Load
from .measures import MEASURES, Measure
from .processes import cpu, elsewhere
from .profiler import profiled
from .results import Report, Result, judged, section, table
from .target import Target, running

QUICK_ROUNDS = 3
QUICK = {each.name for each in MEASURES if each.quick}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="all measures beside all peers, in less than 30 minutes")
    parser.add_argument("--only", metavar="REGEX", help="the measures of the full run whose name has this in it")
    parser.add_argument("--beside", metavar="NAMES", help="these candidates alone, as haproxy,envoy")
    parser.add_argument("--against", metavar="CHECKOUT", type=Path, help="another Brownout, with its .venv: `before`")
    parser.add_argument("--rounds", type=int, help="how often each is measured (3, or up to 4 with --full)")
    parser.add_argument("--seconds", type=float, default=1, help="length of a round")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures of all rounds")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="write a chart")
    parser.add_argument("--profile", action="store_true", help="show where Brownout's time goes (perf, py-spy)")
    parser.add_argument("--list", action="store_true", help="list the measures and the candidates, and measure nothing")
    options = parser.parse_args()
    full = options.full or options.only is not None
    wanted = [each for each in MEASURES if (full or each.name in QUICK) and re.search(options.only or "", each.name)]
    everybody = [
        each
        for each in candidates(options.against)
        if (full or each.quick) and (options.beside is None or each.name in ("brownout", *options.beside.split(",")))
    ]
    there = [each for each in everybody if each.program is not None]
    missing = {each.name: each.get for each in everybody if each.program is None}
    missing |= {name: get for name, get in GENERATORS.items() if shutil.which(name) is None}
    for name, get in missing.items():
        print(f"missing: {name} ({get})")
    if options.list:
        print("candidates:", *(each.name for each in there))
        print(*(each.name for each in wanted), sep="\n")
        return
    raise_file_limit()
    began, before = datetime.datetime.now(datetime.UTC), os.getloadavg()
    print(f"{machine()}; load {before[0]:.1f}\n", flush=True)
    results: list[Result] = []
    report = Report(
        machine=machine(), began=began.isoformat(timespec="seconds"), load=before, missing=missing, results=results,
        versions={each.name: version(each) for each in there if each.program},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        load = Load(folder)
        upstreams = {"http": stack.enter_context(load.upstream())}
        if any(each.upstream == "redis" for each in wanted):
            upstreams["redis"] = stack.enter_context(servers.redis()).port
        for measure in wanted:
            if NEEDS.get(type(measure.drive)) in missing:
                continue
            rounds = min(measure.rounds, options.rounds or (measure.rounds if full else QUICK_ROUNDS))
            beside = [each for each in there if each.name in measure.beside]
            with running(beside, measure.route, upstreams[measure.upstream], folder) as targets:
                results.append(measured(measure, targets, load, rounds, options.seconds))
                print(section(results[-1]), end="\n\n", flush=True)
                if options.json:
                    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
                if options.profile:
                    print(profiled(measure.drive, targets, load), end="\n\n", flush=True)
    print(table(results, [each.name for each in there]), end="\n\n")
    known = {None, *(each.name for each in there)}
    aims = {each.name: [aim for aim in each.aims if aim.of in known] for each in wanted}
    print(*(judged(result, aim) for result in results for aim in aims[result.name]), sep="\n")
    print(f"\n{len(results)} measures, {datetime.datetime.now(datetime.UTC) - began}; load {os.getloadavg()[0]:.1f}")
    if options.svg:
        options.svg.write_text(chart(each for each in results if each.name in QUICK))


def measured(measure: Measure, targets: list[Target], load: Load, rounds: int, seconds: float) -> Result:
    """Measure the targets in turn, every other round in the opposite order."""
    figures: dict[str, dict[str, list[float]]] = {each.candidate.name: {} for each in targets}
    other, start = elsewhere(), time.monotonic()
    for number in range(rounds):
        for target in targets if number % 2 == 0 else reversed(targets):
            work = 0.0 if target.pid is None else cpu(target.pid)
            try:
                sample = measure.drive(target, load, seconds)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                print(f"{measure.name}, {target.candidate.name}: {error}\n{target.output}", file=sys.stderr)
                targets = [each for each in targets if each is not target]
                continue
            found = dict(sample.figures)
            if sample.operations and target.pid is not None:
                found[f"CPU µs/{measure.drive.operation}"] = (cpu(target.pid) - work) / sample.operations * 1e6
            for figure, value in found.items():
                figures[target.candidate.name].setdefault(figure, []).append(value)
    cores = (elsewhere() - other) / (time.monotonic() - start)
    return Result(measure.name, measure.figure, {name: each for name, each in figures.items() if each}, cores)


def machine() -> str:
    """Return what this was measured on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def version(candidate: Candidate) -> str:
    """Return what a program says of its version: a commit, for a Brownout in a checkout."""
    assert candidate.program is not None
    if candidate.client == candidate.program:  # a Brownout
        folder = Path(candidate.program).parents[2]
        words = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    else:
        words = [candidate.program, candidate.version]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "")


if __name__ == "__main__":
    main()
