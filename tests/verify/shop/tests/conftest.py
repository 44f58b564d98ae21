import importlib
import os
from collections.abc import Iterator

import httpx
import pytest
from web import Application

build = importlib.import_module(f"{os.environ['BUILD']}.app")


@pytest.fixture(scope="session")
def app() -> Iterator[Application]:
    with build.create_app(os.environ) as app:
        yield app


@pytest.fixture
def client(app: Application) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop") as client:
        yield client
