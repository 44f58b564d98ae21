"""A sound shop that is awkward to look at: attempts of its own, a poller, a lazy pool, a warm-up, a health check."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from web import Application, Reply, application

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
                "GET /health": lambda: health(payments, cache, database),
            }
        )


def health(payments: Payments, cache: Cache, database: Database) -> Reply:
    """Return what is there; that something is not is an answer as well."""
    return 200, {"payments": payments.is_there(), "redis": cache.is_there(), "postgres": database.is_there()}
