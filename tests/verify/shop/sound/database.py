"""What is kept in Postgres."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from deadline import deadline
from psycopg_pool import ConnectionPool, PoolTimeout
from web import Reply

from .payments import DeclinedError, Payments
from .rates import NoRateError, Rates

TIMEOUT = 1.0
COUNT = "SELECT count(*) FROM orders"
ADD = "INSERT INTO orders DEFAULT VALUES"


class Database:
    """The orders. Two pools, one of a single connection, are for what takes longer."""

    def __init__(self, url: str, payments: Payments, rates: Rates) -> None:
        self._url = url
        self._payments = payments
        self._rates = rates
        self._orders = self._connect()
        self._audits = self._connect()
        options = {"autocommit": True, "connect_timeout": 2}
        self._pool = ConnectionPool(
            url, min_size=1, max_size=1, timeout=TIMEOUT, check=_check, kwargs=options, open=True
        )
        self._pool.wait()
        self._prices = ConnectionPool(
            url, min_size=1, max_size=9, timeout=TIMEOUT, check=_check, kwargs=options, open=True
        )
        self._prices.wait()

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()
        self._prices.close()
        self._orders.close()
        self._audits.close()

    def orders(self) -> Reply:
        """Return how many orders there are: none while nobody knows."""
        try:
            if self._orders.closed:
                self._orders = self._connect()
            with deadline(self._orders, TIMEOUT):
                row = self._orders.execute(COUNT).fetchone()
            return 200, {"orders": row and row[0]}
        except psycopg.OperationalError:
            return 200, {"orders": 0}

    def checkout(self) -> Reply:
        """Add an order, once money was reserved for it."""
        try:
            with self._pool.connection() as connection:
                with deadline(connection, TIMEOUT):
                    connection.execute(ADD)
                self._payments.reserve()
        except (DeclinedError, psycopg.OperationalError, PoolTimeout):
            return 409, {"order": "declined"}
        return 201, {"order": "done"}

    def price(self) -> Reply:
        """Return what all orders are worth."""
        try:
            with self._prices.connection() as connection:
                with deadline(connection, TIMEOUT):
                    row = connection.execute(COUNT).fetchone()
                return 200, {"price": (row[0] if row else 0) * self._rates.current()}
        except (NoRateError, psycopg.OperationalError, PoolTimeout):
            return 200, {"price": 0}

    def audit(self) -> Reply:
        """Note a visit of the auditor."""
        try:
            if self._audits.closed:
                self._audits = self._connect()
            with deadline(self._audits, TIMEOUT):
                self._audits.execute(ADD)
        except psycopg.OperationalError:
            logging.critical("the database is lost")
            return 202, {"audit": "later"}
        return 201, {"audit": "done"}

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=2)


def _check(connection: psycopg.Connection[Any]) -> None:
    """See that a connection of the pool is good."""
    with deadline(connection, TIMEOUT):
        connection.execute("")
