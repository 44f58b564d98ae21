"""The shop again, with a proxy before each of its dependencies: those of ../brownout.yaml."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest

from brownout.testing import Chaos

DEPENDENCIES = ("redis", "postgres", "tokens", "gateway", "notifications")


@pytest.fixture(scope="session")
def variables(brownout: Chaos) -> dict[str, str]:
    """Variables that lead the shop to the proxies."""
    return {f"{name.upper()}_URL": brownout[name].url for name in DEPENDENCIES}


@pytest.fixture
def behind() -> Callable[[str, str], Any]:
    """Asks a service itself, past its proxy: `behind("gateway", "/charges")` returns the JSON."""

    def behind(name: str, path: str) -> Any:
        with urlopen(os.environ[f"{name.upper()}_URL"] + path) as reply:
            return json.load(reply)

    return behind
