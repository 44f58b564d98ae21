"""Options of a project under which single tests in an order of ours would not be what they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest


class _Option(NamedTuple):
    """An option's place, what it is to be, and how users write it."""

    name: str
    value: object
    words: str


_OPTIONS = (
    _Option("maxfail", 0, "-x, --maxfail"),
    _Option("numprocesses", None, "-n"),
    _Option("dist", "no", "--dist"),
    _Option("tx", [], "--tx"),
    _Option("looponfail", False, "--looponfail"),
    _Option("reruns", 0, "--reruns"),
    _Option("lf", False, "--lf"),
    _Option("failedfirst", False, "--ff"),
    _Option("newfirst", False, "--nf"),
    _Option("stepwise", False, "--stepwise"),
    _Option("randomly_reorganize", False, "random order (pytest-randomly)"),
    _Option("random_order_bucket", "none", "--random-order"),
    _Option("cov_fail_under", 0, "--cov-fail-under"),
    _Option("usepdb", False, "--pdb"),
)


def take_back(config: pytest.Config) -> list[str]:
    """Take them back, and return those that were given, as users write them."""
    options: Any = config.option
    early: Any = config.known_args_namespace  # which pytest-cov looks at
    found = []
    for option in _OPTIONS:
        given = getattr(options, option.name, option.value)
        if given != option.value and given not in (None, "", []):
            setattr(options, option.name, option.value)
            setattr(early, option.name, option.value)
            if option.name not in ("dist", "tx"):  # these come with -n
                found.append(option.words)
    return found
