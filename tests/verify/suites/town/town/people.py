"""People in Postgres: a connection that a caller hands in, and a pool of the application's own."""

import os

import psycopg_pool

URL = os.environ["DATABASE_URL"]
pool = psycopg_pool.ConnectionPool(URL, min_size=1, max_size=2, timeout=2, open=False)


def make_table(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS people (name text PRIMARY KEY)")


def add(connection, name):
    connection.execute("INSERT INTO people VALUES (%s)", [name])


def count(connection):
    return connection.execute("SELECT count(*) FROM people").fetchone()[0]


def count_in_pool():
    with pool.connection() as connection:
        return count(connection)
