"""Which connections of a command are to be intercepted."""

from __future__ import annotations

from typing import NamedTuple


class Choice(NamedTuple):
    """Globs of `HOST:PORT`, or of paths of unix sockets: `only` these, and these `spared`."""

    only: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
