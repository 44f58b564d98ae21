"""What gunicorn serves in test_intercepted.py: each request asks Postgres, by a connection of its own."""

import os
from collections.abc import Callable, Iterable

import psycopg


def application(environ: dict[str, object], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT 'pong'").fetchone()
    assert row is not None
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(row[0]).encode()]
