"""An ordinary user, also where the tests run as root."""

import os

SOMEBODY = 65534


def as_somebody() -> tuple[str, ...]:
    """Return what stands before a command, so that an ordinary user runs it; nothing where we are one.

    The one right of that user is to read files, for Python may be installed in root's home.
    """
    if os.geteuid() != 0:
        return ()
    rights = [f"--{which}=-all,+dac_read_search" for which in ("inh-caps", "ambient-caps", "bounding-set")]
    return ("setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", *rights)
