"""Calls of the payment service."""

from __future__ import annotations

import uuid

import requests
from web import Reply

TIMEOUT = 1.0
ATTEMPTS = 2
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
        key = {"Idempotency-Key": str(uuid.uuid4())}
        try:
            reply = self._session.post(f"{self._url}/charge", json={"amount": 5}, headers=key)  # MISTAKE: no time-out
        except requests.RequestException:
            return 202, {"charge": "pending"}
        return (201, {"charge": "done"}) if reply.status_code == 201 else (202, {"charge": "pending"})

    def refund(self) -> Reply:
        """Give money back; what is not known now is asked for at night."""
        for _ in range(ATTEMPTS):
            try:
                # MISTAKE: no Idempotency-Key
                reply = self._session.post(f"{self._url}/refund", json={"amount": 5}, timeout=TIMEOUT)
            except requests.RequestException:
                continue
            if reply.status_code == 201:
                return 201, {"refund": "done"}
        return 202, {"refund": "pending"}

    def fee(self) -> Reply:
        """Return what a payment costs: the standard fee while nobody says."""
        try:
            reply = self._session.get(f"{self._url}/fee", timeout=TIMEOUT)
        except requests.RequestException:
            return 200, {"fee": STANDARD_FEE}
        if reply.status_code != 200:
            return 200, {"fee": STANDARD_FEE}
        return 200, {"fee": reply.json()["fee"]}  # MISTAKE: a page is no JSON

    def reserve(self) -> None:
        """Reserve money. Raises DeclinedError."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        try:
            reply = self._session.post(f"{self._url}/reserve", json={"amount": 5}, headers=key, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise DeclinedError from error
        if reply.status_code != 201:
            raise DeclinedError
