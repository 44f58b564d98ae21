"""The same shop without the mistakes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from web import Application, application

from .cache import Cache
from .database import Database
from .payments import Payments
from .rates import Rates


@contextlib.contextmanager
def create_app(environ: Mapping[str, str]) -> Iterator[Application]:
    """Connect to everything, and return the application."""
    with contextlib.ExitStack() as stack:
        payments = stack.enter_context(contextlib.closing(Payments(environ["PAYMENTS_URL"])))
        rates = stack.enter_context(contextlib.closing(Rates(environ["RATES_URL"])))
        cache = stack.enter_context(contextlib.closing(Cache(environ["REDIS_URL"])))
        database = stack.enter_context(contextlib.closing(Database(environ["POSTGRES_URL"], payments, rates)))
        yield application(
            {
                "POST /charge": payments.charge,
                "POST /refund": payments.refund,
                "GET /fee": payments.fee,
                "GET /rate": rates.rate,
                "GET /catalog": cache.catalog,
                "GET /session": cache.session,
                "GET /orders": database.orders,
                "POST /checkout": database.checkout,
                "POST /audit": database.audit,
                "GET /price": database.price,
            }
        )
