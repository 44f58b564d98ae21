"""What customers do. These tests know nothing of failures: `brownout verify` runs them under each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Ask = Callable[..., tuple[int, Any]]
ANN = {"mail": "ann@example.com", "password": "correct horse"}


def test_register(ask: Ask) -> None:
    status, _ = ask("POST", "/register", {"mail": "bob@example.com", "password": "battery staple"})
    assert status == 201


def test_sign_in(ask: Ask) -> None:
    status, found = ask("POST", "/sign-in", ANN)
    assert status == 200
    assert found["token"]


def test_search(ask: Ask) -> None:
    status, found = ask("GET", "/search?q=tea")
    assert status == 200
    assert [each["name"] for each in found["products"]] == ["green tea", "black tea", "tea pot"]


def test_checkout(ask: Ask) -> None:
    _, signed_in = ask("POST", "/sign-in", ANN)
    status, found = ask("POST", "/checkout", {"product": "green tea"}, token=signed_in["token"])
    assert status in (201, 202)
    assert found["state"] in ("paid", "pending")


def test_a_stranger_cannot_check_out(ask: Ask) -> None:
    status, _ = ask("POST", "/checkout", {"product": "green tea"}, token="nobody's.token")
    assert status == 401
