"""Whose connections a failure breaks for the test alone: those that fixtures hand out."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest
from starlette.testclient import TestClient

from brownout.testing.verified.handed import handed
from brownout.testing.verified.traces import Project

CONNECTION = psycopg.Connection.__new__(psycopg.Connection)
CONNECTION.pgconn = SimpleNamespace(status=1)  # type: ignore[assignment]  # which is closed


def item(value: object, scope: str = "session", plugin: str = "conftest") -> Any:
    fixture = SimpleNamespace(scope=scope, cached_result=(value, 0, None), func=SimpleNamespace(__module__=plugin))
    return SimpleNamespace(instance=None, _request=SimpleNamespace(_fixture_defs={"it": fixture}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """With a class of the application, `shop.Shop`, and one of the tests, `conftest.Database`."""
    for module, name in (("shop", "Shop"), ("conftest", "Database")):
        file = tmp_path.resolve() / f"{module}.py"
        file.touch()
        monkeypatch.setitem(sys.modules, module, made := ModuleType(module))
        made.__file__ = str(file)
        setattr(made, name, type(name, (), {"__module__": module}))
    return Project(str(tmp_path.resolve()), (), ("test_*.py",))


def has(module: str, name: str, value: object) -> object:
    found: Any = getattr(sys.modules[module], name)()
    found.connection = value
    return found


def hands(item: Any, project: Project) -> list[str]:
    return handed(item, project).hands


def test_a_connection_of_a_fixture_is_handed_out(project: Project) -> None:
    assert handed(item(CONNECTION), project) == (["psycopg"], ["psycopg"])
    assert hands(item((1, CONNECTION)), project) == ["psycopg"]


def test_a_class_that_extends_that_of_another_package_is_of_both(project: Project) -> None:
    sessions = ModuleType("sqlmodel")
    kind = type("Session", (psycopg.Connection,), {"__module__": sessions.__name__})
    value = kind.__new__(kind)
    value.pgconn = SimpleNamespace(status=1)
    assert {"psycopg", "sqlmodel"} <= set(hands(item(value), project))


def test_that_of_a_function_scoped_fixture_is_held_but_not_handed_on(project: Project) -> None:
    assert handed(item(CONNECTION, scope="function"), project) == ([], ["psycopg"])


def test_a_client_of_the_application_has_no_connections_but_to_that(project: Project) -> None:
    async def app(*_: object) -> None:
        """Answer nothing."""

    inside = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    for client in (inside, TestClient(app)):
        assert handed(item(client), project) == ([], [])
        assert handed(item(client, scope="function"), project) == ([], [])
    assert hands(item(httpx.AsyncClient()), project) == ["httpx"]


def test_so_is_what_an_object_of_the_tests_has_and_not_what_one_of_the_application_has(project: Project) -> None:
    assert hands(item(has("conftest", "Database", CONNECTION)), project) == ["conftest", "psycopg"]
    assert hands(item(has("shop", "Shop", CONNECTION)), project) == ["shop"]


def test_a_plugin_has_connections_of_its_framework(project: Project) -> None:
    assert hands(item(None, plugin="pytest_django.fixtures"), project) == ["django"]
    assert hands(item(None, plugin="anyio.pytest_plugin"), project) == []


def test_a_test_without_fixtures_hands_out_nothing(project: Project) -> None:
    assert handed(SimpleNamespace(), project) == ([], [])
