import os
import socket
import subprocess
import time

import pytest
import redis


@pytest.fixture
def own():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = subprocess.Popen(
        [os.environ["REDIS_SERVER"], "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL
    )
    client = redis.Redis.from_url(f"redis://127.0.0.1:{port}", socket_timeout=1)
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    yield client
    client.close()
    server.terminate()
    server.wait()


def test_own_redis(own):
    try:
        own.set("mine", 1)
        assert own.get("mine") == b"1"
    except redis.RedisError:
        pass
