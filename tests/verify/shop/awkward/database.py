"""What is kept in Postgres, by a pool that connects when it is asked for the first time, in threads of its own."""

from __future__ import annotations

import logging
import threading
from typing import Any

import psycopg
from deadline import deadline
from psycopg_pool import ConnectionPool, PoolTimeout
from web import Reply

from .payments import DeclinedError, Payments
from .rates import NoRateError, Rates

TIMEOUT = 1.0
PATIENCE = 1.6
"""Seconds that a request waits for the pool, which tries again 0.9 to 1.1 s after a connection that failed."""
IDLE = 0.3
"""Seconds after which the pool closes a connection that nobody needs."""
COUNT = "SELECT count(*) FROM orders"
ADD = "INSERT INTO orders DEFAULT VALUES"
LOST = (psycopg.OperationalError, PoolTimeout)


class Database:
    """The orders."""

    def __init__(self, url: str, payments: Payments, rates: Rates) -> None:
        self._payments = payments
        self._rates = rates
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=4,
            timeout=PATIENCE,
            max_idle=IDLE,
            check=_check,
            kwargs={"autocommit": True, "connect_timeout": 2},
            open=False,
        )
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()

    def orders(self) -> Reply:
        """Return how many orders there are: none while nobody knows."""
        try:
            return 200, {"orders": self._run(COUNT)}
        except LOST:
            return 200, {"orders": 0}

    def checkout(self) -> Reply:
        """Add an order, once money was reserved for it."""
        try:
            with self._opened().connection() as connection:
                with deadline(connection, TIMEOUT):
                    connection.execute(ADD)
                self._payments.reserve()
        except (DeclinedError, *LOST):
            return 409, {"order": "declined"}
        return 201, {"order": "done"}

    def price(self) -> Reply:
        """Return what all orders are worth."""
        try:
            with self._opened().connection() as connection:
                with deadline(connection, TIMEOUT):
                    row = connection.execute(COUNT).fetchone()
                return 200, {"price": (row[0] if row else 0) * self._rates.current()}
        except (NoRateError, *LOST):
            return 200, {"price": 0}

    def audit(self) -> Reply:
        """Note a visit of the auditor."""
        try:
            self._run(ADD)
        except LOST:
            logging.critical("the database is lost")
            return 202, {"audit": "later"}
        return 201, {"audit": "done"}

    def is_there(self) -> bool:
        """Say whether it answers."""
        try:
            return self._run("SELECT 1") == 1
        except LOST:
            return False

    def _run(self, query: str) -> int:
        with self._opened().connection() as connection, deadline(connection, TIMEOUT):
            cursor = connection.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return 0 if row is None else int(row[0])

    def _opened(self) -> ConnectionPool[psycopg.Connection[Any]]:
        with self._opening:
            self._pool.open()
        return self._pool


def _check(connection: psycopg.Connection[Any]) -> None:
    """See that a connection of the pool is good."""
    with deadline(connection, TIMEOUT):
        connection.execute("")
