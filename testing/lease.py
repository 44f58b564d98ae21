"""The lease of what we make in a running Brownout: a thread says that we live, and if we are killed nothing stays."""

from __future__ import annotations

import os
import threading

from ..control.client import Client, NoAnswerError
from ..wire.errors import BrownoutError

DURATION = 30.0
"""Seconds without a sign of life after which a running Brownout undoes what we made."""
RENEWALS = 3
"""How often we give one within that time."""
ENDED = 410
"""The status of an error that says that the lease has ended."""


class Lease:
    """Begins a lease of a client, or of a worker (its process), and renews it until closed.

    The thread runs while others wait, be it for a debugger's prompt. A forked child has no such thread, and closing
    there does nothing.
    """

    def __init__(self, client: Client, duration: float, worker: int | None = None) -> None:
        self._client = client
        self._pid = os.getpid()
        self._closed = threading.Event()
        client.begin_lease(duration, worker)
        self._interval = duration / RENEWALS
        self._renewer = client.within(duration / 3)
        self._renewer.lease = client.lease
        threading.Thread(target=self._renew, name="brownout-lease", daemon=True).start()

    def close(self) -> None:
        """End it, and the thread: what is left is undone."""
        if os.getpid() == self._pid and not self._closed.is_set():
            self._closed.set()
            self._client.end_lease()

    def forget(self) -> None:
        """Go on without it, since it has ended."""
        self._closed.set()
        self._client.lease = ""

    def _renew(self) -> None:
        while not self._closed.wait(self._interval):
            try:
                self._renewer.renew_lease()
            except NoAnswerError:
                pass  # it may be there again in time
            except BrownoutError as error:
                if error.status == ENDED:  # the next call of the tests says so
                    return
