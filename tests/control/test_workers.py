"""Workers of pytest-xdist over the API: each injects for its own connections, under names of its own."""

import os

import pytest

from brownout.control.api import is_loopback
from brownout.control.client import Client
from brownout.faults.config.file import parse
from brownout.supervisor.process import mark_of
from brownout.wire.errors import BrownoutError, ConflictError, NotFoundError

from .conftest import Running

OTHER = 4_000_000
"""A process of which nobody has heard."""


def worker(running: Running, name: str, process: int = os.getpid()) -> Client:
    client = running.client
    client.put_worker(process, name=name, run="r1")
    if process == os.getpid():
        client.attach_worker(process)
    client.begin_lease(30, process)
    return client


def names(running: Running) -> list[str]:
    return [str(each["name"]) for each in running.client.proxy("echo")["injections"]]


def test_a_worker_says_who_it_is_and_which_test_it_runs(running: Running) -> None:
    client = running.client
    assert client.put_worker(7, name="gw0", run="r1") == {"name": "gw0", "process": 7, "test": ""}
    assert client.put_worker(7, name="gw0", run="r1", test="a.py::test_b")["test"] == "a.py::test_b"
    assert client.put_worker(7, name="gw0", run="r1")["test"] == "a.py::test_b"
    assert client.put_worker(7, name="gw0", run="r1", test="")["test"] == ""
    (known,) = running.fleet.workers
    assert known.members == (7, mark_of("gw0", "r1"))


def test_only_a_process_that_is_seen_can_attach(running: Running) -> None:
    client = running.client
    client.put_worker(OTHER, name="gw0")
    with pytest.raises(ConflictError, match="cannot tell which connections are those of process 4000000"):
        client.attach_worker(OTHER)
    with pytest.raises(NotFoundError, match=f"process {os.getpid()} is no worker"):
        client.attach_worker(os.getpid())
    with pytest.raises(NotFoundError, match="process 5 is no worker"):
        client.begin_lease(30, 5)


def test_what_a_process_of_another_machine_says_means_none_of_ours(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "::ffff:127.0.0.2", "192.0.2.1", "", None)] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    monkeypatch.setattr("brownout.control.api.is_loopback", lambda host: False)
    assert running.client.put_worker(7, name="gw0", test="a") == {"name": "gw0", "process": 7, "test": "a"}
    assert len(running.fleet.workers) == 0


def test_a_name_that_is_taken_by_one_that_lives_becomes_another(running: Running) -> None:
    client = running.client
    client.put_worker(OTHER, name="gw0", run="r0")
    assert client.put_worker(os.getpid(), name="gw0", run="r1")["name"] == "gw0"  # the other one is gone
    assert client.put_worker(os.getppid(), name="gw0", run="r2")["name"] == "gw0-2"


def test_each_worker_has_names_of_its_own_and_chances_that_are_the_same(running: Running) -> None:
    running.client.add("echo", running.echo)
    running.client.inject("echo", {"fault": "latency", "latency": "1s", "name": "late"})
    first, second = worker(running, "gw0"), worker(running, "gw1", OTHER)
    for client in (first, second):
        client.inject("echo", {"fault": "latency", "latency": "1s", "name": "late"})
        client.inject("echo", "latency:1s")
    assert names(running) == ["late", "late@gw0", "latency@gw0", "late@gw1", "latency@gw1"]
    with pytest.raises(ConflictError, match="echo has an injection named late\n"):
        first.inject("echo", {"fault": "latency", "latency": "1s", "name": "late"})
    injections = running.fleet.proxies["echo"].injections
    assert {each.identity.injection for each in injections.values()} == {"late", "latency"}
    assert first.injection("echo", "late@gw0")["receipt"]["worker"] == "gw0"
    asked = {(line.name, line.placed) for each in running.fleet.asked() for line in each.lines}
    assert asked == {("late", 3), ("latency", 2)}
    first.end_lease()
    assert names(running) == ["late", "late@gw1", "latency@gw1"]


def test_a_profile_is_applied_by_each_for_itself(running: Running) -> None:
    running.client.add("echo", running.echo)
    running.fleet.profiles.update(parse("profiles: {slow: {echo: [latency:1s, latency:2s]}}").profiles)
    running.client.apply("slow")
    first, second = worker(running, "gw0"), worker(running, "gw1", OTHER)
    assert [each["injection"]["name"] for each in first.apply("slow")] == ["latency@gw0", "latency-2@gw0"]
    second.apply("slow")
    assert first.heal_profile("slow") == 2
    assert names(running) == ["latency", "latency-2", "latency@gw1", "latency-2@gw1"]
    first.apply("slow")
    first.apply("slow")
    assert first.injection("echo", "latency@gw0")["receipt"]["profile"] == "slow@gw0"
    assert running.client.heal_profile("slow") == 2
    assert names(running) == ["latency@gw1", "latency-2@gw1", "latency@gw0", "latency-2@gw0"]
    with pytest.raises(NotFoundError, match="no profile named"):
        first.heal_profile("slo")


def test_a_proxy_stays_as_long_as_a_worker_needs_it(running: Running) -> None:
    first, second, third = (worker(running, "gw0"), worker(running, "gw1", OTHER), worker(running, "gw2", OTHER + 1))
    for client in (first, second, first):
        client.add("db", running.echo)
    first.end_lease()
    assert running.client.proxy("db")["name"] == "db"
    third.add("db", running.echo)
    second.end_lease()
    third.end_lease()
    with pytest.raises(NotFoundError):
        running.client.proxy("db")


def test_a_proxy_of_others_is_nobodys_to_remove(running: Running) -> None:
    running.client.add("db", running.echo)
    client = worker(running, "gw0")
    client.add("db", running.echo)
    client.end_lease()
    assert running.client.proxy("db")["name"] == "db"


def test_a_fault_that_closes_the_port_is_refused_to_a_worker(running: Running) -> None:
    running.client.add("echo", running.echo)
    with pytest.raises(BrownoutError, match="refuse closes the port, for every caller"):
        worker(running, "gw0").inject("echo", "refuse")
