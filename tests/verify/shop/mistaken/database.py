"""What is kept in Postgres."""

from __future__ import annotations

import logging
import os
from typing import Any

import psycopg
from deadline import deadline
from psycopg_pool import ConnectionPool
from web import Reply

from .payments import DeclinedError, Payments
from .rates import NoRateError, Rates

TIMEOUT = 1.0
PATIENCE = 0.6
"""Seconds that the pool has for a connection."""
COUNT = "SELECT count(*) FROM orders"
ADD = "INSERT INTO orders DEFAULT VALUES"
LOST = 70


class Database:
    """The orders. Two pools, one of a single connection, are for what takes longer."""

    def __init__(self, url: str, payments: Payments, rates: Rates) -> None:
        self._payments = payments
        self._rates = rates
        self._orders = psycopg.connect(url, autocommit=True, connect_timeout=2)
        self._audits = psycopg.connect(url, autocommit=True, connect_timeout=2)
        options = {"autocommit": True, "connect_timeout": 2}
        self._pool = ConnectionPool(url, min_size=1, max_size=1, timeout=PATIENCE, kwargs=options, open=True)
        self._pool.wait()
        self._prices = ConnectionPool(url, min_size=1, max_size=9, timeout=PATIENCE, kwargs=options, open=True)
        self._prices.wait()
        self._busy: set[psycopg.Connection[Any]] = set()

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()
        self._prices.close()
        self._orders.close()
        self._audits.close()

    def orders(self) -> Reply:
        """Return how many orders there are."""
        with deadline(self._orders, TIMEOUT):
            row = self._orders.execute(COUNT).fetchone()  # MISTAKE: it is never opened again
        return 200, {"orders": row and row[0]}

    def checkout(self) -> Reply:
        """Add an order, once money was reserved for it."""
        connection = self._pool.getconn()
        try:
            with deadline(connection, TIMEOUT):
                connection.execute(ADD)
            self._payments.reserve()
        except (DeclinedError, psycopg.OperationalError):
            return 409, {"order": "declined"}  # MISTAKE: the connection is not given back
        self._pool.putconn(connection)
        return 201, {"order": "done"}

    def price(self) -> Reply:
        """Return what all orders are worth."""
        connection = self._prices.getconn()
        self._busy.add(connection)
        try:
            with deadline(connection, TIMEOUT):
                row = connection.execute(COUNT).fetchone()
            price = (row[0] if row else 0) * self._rates.current()
        except (NoRateError, psycopg.OperationalError):
            return 200, {"price": 0}  # MISTAKE: the connection is not given back
        self._busy.remove(connection)
        self._prices.putconn(connection)
        return 200, {"price": price}

    def audit(self) -> Reply:
        """Note a visit of the auditor."""
        try:
            with deadline(self._audits, TIMEOUT):
                self._audits.execute(ADD)
        except psycopg.OperationalError:
            logging.critical("the database is lost")
            os._exit(LOST)  # MISTAKE: so all else is lost, too
        return 201, {"audit": "done"}
