"""The exchange rate, which is fetched in advance: each request has that of the one before."""

from __future__ import annotations

import requests
from web import Reply

TIMEOUT = 1.0


class NoRateError(Exception):
    """A rate that nobody says."""


class Rates:
    """The service of exchange rates."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._cached = 1.0
        self._cached = self._fetch()

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def rate(self) -> Reply:
        """Return the rate."""
        served, self._cached = self._cached, self._fetch()
        return 200, {"rate": served}

    def current(self) -> float:
        """Return the rate of this moment. Raises NoRateError."""
        try:
            reply = self._session.get(f"{self._url}/rate", timeout=TIMEOUT)
            reply.raise_for_status()
            return float(reply.json()["rate"])
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise NoRateError from error

    def _fetch(self) -> float:
        try:
            return self.current()
        except NoRateError:
            return self._cached
