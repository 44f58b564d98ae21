"""The first and last of the command: a ctrl-C before it is ready, or when it is done, ends it without a word.

Python would show a traceback of whatever it was importing.
"""

from __future__ import annotations

import gc
import signal

THRESHOLDS = gc.get_threshold()
"""When Python looks for garbage, if nobody has it do otherwise."""
_RARELY = 100_000


def main() -> None:
    """Run the command line, and exit."""
    gc.set_threshold(_RARELY)  # what is imported stays, and to look for garbage in it is a seventh of a start
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as run

    signal.signal(signal.SIGINT, usual)
    try:
        run()
    finally:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
