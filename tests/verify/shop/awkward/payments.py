"""Calls of the payment service, each with attempts of its own."""

from __future__ import annotations

import random
import time
import uuid

import requests
from web import Reply

TIMEOUT = 0.5
ATTEMPTS = 3
BACK_OFF = 0.05
STANDARD_FEE = 5


class DeclinedError(Exception):
    """A reservation that did not come about."""


class Payments:
    """The payment service."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def charge(self) -> Reply:
        """Take money; what is not known now is asked for at night."""
        reply = self._attempt("POST", "charge")
        return (202, {"charge": "pending"}) if reply is None else (201, {"charge": "done"})

    def refund(self) -> Reply:
        """Give money back; what is not known now is asked for at night."""
        reply = self._attempt("POST", "refund")
        return (202, {"refund": "pending"}) if reply is None else (201, {"refund": "done"})

    def fee(self) -> Reply:
        """Return what a payment costs: the standard fee while nobody says."""
        reply = self._attempt("GET", "fee")
        return 200, {"fee": (reply or {}).get("fee", STANDARD_FEE)}

    def reserve(self) -> None:
        """Reserve money. Raises DeclinedError."""
        if self._attempt("POST", "reserve") is None:
            raise DeclinedError

    def is_there(self) -> bool:
        """Say whether it answers."""
        return self._attempt("GET", "fee", attempts=1) is not None

    def _attempt(self, method: str, path: str, attempts: int = ATTEMPTS) -> dict[str, float] | None:
        """Return what it answers, None where it does not: with back-off, jitter, and one key for all attempts."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(attempts):
            time.sleep(attempt and random.uniform(0.5, 1.5) * BACK_OFF * 2**attempt)
            try:
                reply = self._session.request(method, f"{self._url}/{path}", headers=headers, timeout=TIMEOUT)
                body = reply.json()
            except (requests.RequestException, ValueError):
                continue
            if reply.ok and isinstance(body, dict):
                return body
        return None
