"""The exchange rate: warmed up at the start, and good for a moment."""

from __future__ import annotations

import contextlib
import threading
import time

import requests
from web import Reply

TIMEOUT = 0.5
FRESH = 0.001
"""Seconds that a rate is good."""


class NoRateError(Exception):
    """A rate that nobody says."""


class Rates:
    """The service of exchange rates."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._rate, self._until = 1.0, 0.0
        self._warming = threading.Thread(target=self._refresh, name="warm-up")
        self._warming.start()

    def close(self) -> None:
        """Close its connections."""
        self._warming.join()
        self._session.close()

    def rate(self) -> Reply:
        """Return the rate: an old one while there is no other."""
        self._warming.join()
        if time.monotonic() > self._until:
            self._refresh()
        return 200, {"rate": self._rate}

    def current(self) -> float:
        """Return the rate of this moment. Raises NoRateError."""
        try:
            reply = self._session.get(f"{self._url}/rate", timeout=TIMEOUT)
            reply.raise_for_status()
            return float(reply.json()["rate"])
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise NoRateError from error

    def _refresh(self) -> None:
        with contextlib.suppress(NoRateError):
            self._rate = self.current()
            self._until = time.monotonic() + FRESH
