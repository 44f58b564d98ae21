"""Linux's timerfd (timerfd_create(2)): `os` offers it from Python 3.13, the C library before."""

from __future__ import annotations

import ctypes
import os
import sys
import time

_ABSTIME, _NONBLOCK, _CLOEXEC = 1, os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0, 0o2000000


class TimerFd:
    """A descriptor that is readable from a moment of `time.monotonic()` on, until it is set again."""

    __slots__ = ("_libc", "fd")

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if sys.version_info >= (3, 13):
            self.fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)
        else:
            self.fd = self._checked(self._libc.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC))

    def set(self, when: float | None) -> None:
        """Become readable at a moment, at once if it has passed, never if None; it is unreadable until then."""
        moment = 0 if when is None else max(1, int(when * 1e9))
        if sys.version_info >= (3, 13):
            os.timerfd_settime_ns(self.fd, flags=os.TFD_TIMER_ABSTIME, initial=moment)
        else:
            # struct itimerspec: the interval, then the first expiry, each in seconds and nanoseconds
            spec = (ctypes.c_long * 4)(0, 0, *divmod(moment, 10**9))
            self._checked(self._libc.timerfd_settime(self.fd, _ABSTIME, spec, None))

    def close(self) -> None:
        """Close the descriptor, which is -1 from then on."""
        os.close(self.fd)
        self.fd = -1

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result
