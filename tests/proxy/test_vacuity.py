"""What is said of an injection that did nothing, word for word; `tests/sockets/test_receipts.py` finds out when."""

import pytest

from brownout.faults import Spec
from brownout.proxy.record.finding import Finding, Scene
from brownout.proxy.shaping.injection import Injection
from brownout.proxy.vacuity import find, refused_since

BEFORE = Scene(
    connections=5, open=0, bytes={"upstream": 100, "downstream": 100}, sent={"upstream": 100, "downstream": 100},
    undialled=0, requests=7, operations=(), refused=(3, 0), address="127.0.0.1:1",
)  # fmt: skip
CHARGES = {"fault": "http.status", "status": 503, "match": {"path": "/charges"}}
SEEN = ("GET /a", "POST /charge", "GET /z", "GET /charged", "GET /y")


def injected(source, counters=()) -> Injection:
    injection = Injection(Spec.parse(source), seed=1, proxy="p")
    injection.began = BEFORE
    for name, value in dict(counters).items():
        if hasattr(injection.missed, name):
            setattr(injection.missed, name, value)
        else:
            setattr(injection, name, value)
    return injection


CASES = {
    "nobody": ("latency:1s", {}, {"connections": 5}, ("no_connection", "no connection came", "let the service connect to 127.0.0.1:1")),
    "nobody, over": (
        {"fault": "latency", "latency": "1s", "for": "2s"}, {"expired": True}, {"connections": 5},
        ("no_connection", "no connection came in the 2s that it lasted", "let the service connect to 127.0.0.1:1"),
    ),
    "disabled": ("latency:1s", {}, {"connections": 5, "closed": "it is disabled"}, ("disabled", "it is disabled")),
    "older": (
        "connect_delay:1s", {"untouched_total": 2}, {},
        ("older_connections", "2 connections had been open before it, and it acts on new ones", "inject it before the client connects"),
    ),
    "nothing on a connection": ("connect_delay:0", {}, {}, ("nothing_to_change", "there was nothing to change on 1 connection")),
    "no request": ("http.status:503", {}, {"requests": 7}, ("no_traffic", "1 connection and no request")),
    "not parsed": (
        "http.status:503", {"untouched_total": 1}, {"requests": 7},
        ("not_parsed", "1 connection could not be parsed, or had a request that was too long to keep"),
    ),
    "another protocol": (
        "http.status:503", {"untouched_total": 1}, {"requests": 7, "protocol": "redis"},
        ("other_protocol", "redis is spoken there, and http.status acts on http", "place a fault of redis, or one of bytes"),
    ),
    "no protocol": (
        "http.status:503", {"untouched_total": 1}, {"requests": 7, "protocol": "auto", "bytes": {"upstream": 101, "downstream": 100}},
        ("protocol_unknown", "no protocol was recognised on 1 connection", "give it an upstream like http://HOST:PORT"),
    ),
    "no protocol and no byte": ("http.status:503", {}, {"requests": 7, "protocol": "auto"}, ("no_traffic", "1 connection and no request")),
    "its protocol": ("http.status:503", {}, {"requests": 7, "protocol": "http"}, ("no_traffic", "1 connection and no request")),
    "never whole": ("http.status:503", {}, {}, ("ended_before", "2 requests ended before the whole of it was there")),
    "no match": (
        CHARGES, {}, {"operations": SEEN},
        ("nothing_matched", "none of 2 requests matched", "seen: POST /charge, GET /charged, GET /a"),
    ),
    "no match and nothing seen": (CHARGES, {}, {"requests": 8}, ("nothing_matched", "none of 1 request matched")),
    "none": ({"fault": "reset", "probability": "0%"}, {"matched": 2}, {}, ("trigger_not_reached", "its trigger chooses nothing")),
    "after": (
        {"fault": "reset", "after": 2}, {"matched": 2}, {},
        ("trigger_not_reached", "after: 2 was not reached, with 2 matches"),
    ),
    "every": (
        {"fault": "reset", "every": 3}, {"matched": 2}, {},
        ("trigger_not_reached", "every: 3 was not reached, with 2 matches"),
    ),
    "quota": (
        {"fault": "reset", "quota": "1 of 9"}, {"matched": 1}, {},
        ("spared_by_chance", "spared by chance: quota 1 of 9, with 1 match", "send more traffic"),
    ),
    "probability": (
        {"fault": "reset", "probability": "5%", "after": 1, "every": 2}, {"matched": 3}, {},
        ("spared_by_chance", "spared by chance: probability 5%, with 3 matches", "a quota, such as '1 of 10', hits exactly that many"),
    ),
    "nothing in a request": (
        CHARGES, {"matched": 3, "chosen": 3, "unchanged": 2}, {},
        ("nothing_to_change", "there was nothing to change in 2 requests"),
    ),
    "a reply that was not parsed": (
        CHARGES, {"matched": 3, "chosen": 3, "ended": 1, "untouched_total": 2}, {},
        ("not_parsed", "2 connections could not be parsed, or had a request that was too long to keep"),
    ),
    "a request that ended": (CHARGES, {"matched": 3, "chosen": 3, "ended": 1}, {}, ("ended_before", "1 request ended before it could act")),
    "a reply that is to come": (CHARGES, {"matched": 3, "chosen": 3}, {}, ("moment_never_came", "3 requests had no reply yet")),
    "cut": ("idle_cut:1s", {"matched": 1, "chosen": 1, "cut": 1}, {}, ("cut_and_unused", "1 connection cut silently, and not used afterwards")),
    "upstream down": (
        "latency:1s", {"matched": 1, "chosen": 1, "unopened": 1}, {"undialled": 1},
        ("ended_before", "the upstream could not be reached", "is it running?"),
    ),
    "not carried": (
        "latency:1s", {"matched": 2, "chosen": 2, "unopened": 2}, {},
        ("ended_before", "2 connections ended before a byte was carried"),
    ),
    "odds": (
        "loss:1%", {"matched": 1, "chosen": 1, "bytes": 4}, {},
        ("spared_by_chance", "spared by chance: 1% of the packets, of 4 bytes", "send more traffic"),
    ),
    "moment of a stream": (
        {"fault": "limit_data", "bytes": "1KB"}, {"matched": 1, "chosen": 1, "bytes": 4}, {},
        ("moment_never_came", "its moment never came: 1KB of the stream (4 bytes on 1 connection)"),
    ),
    "moment of a connection": (
        "connection_limit:5", {}, {"connections": 8},
        ("moment_never_came", "its moment never came: more than 5 connections at a time (3 connections)"),
    ),
    "held": (
        "latency:1s", {"matched": 1, "chosen": 1}, {"bytes": {"upstream": 100, "downstream": 103}},
        ("held_by_another", "3 bytes came, and another fault kept them from it"),
    ),
    "wrong stream": (
        "latency:1s", {"matched": 1, "chosen": 1}, {"sent": {"upstream": 104, "downstream": 100}},
        ("wrong_stream", "no byte passed downstream, and 4 bytes did upstream", "did you mean stream: upstream?"),
    ),
    "silence": ("latency:1s", {"matched": 2, "chosen": 2}, {}, ("no_traffic", "2 connections and not a byte")),
    "no change": ("latency:0", {"matched": 1, "chosen": 1, "bytes": 1}, {}, ("nothing_to_change", "it changed nothing of 1 byte")),
    "nobody was refused": (
        "refuse", {}, {}, ("nobody_refused", "nobody tried to connect while the port was closed", "let the service connect to 127.0.0.1:1"),
    ),
    "nobody hung": (
        "unreachable", {}, {}, ("nobody_refused", "nobody tried to connect while it was unreachable", "let the service connect to 127.0.0.1:1"),
    ),
    "disabled while it was to hang": ("unreachable", {}, {"closed": "the proxy was disabled"}, ("disabled", "the proxy was disabled")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_why_it_did_nothing(case) -> None:
    source, counters, changes, expected = CASES[case]
    now = BEFORE._replace(**{"connections": 6, "requests": 9, **changes})
    assert find(injected(source, counters), now) == Finding(*expected)


def test_of_a_start_that_did_not_come_the_start_is_told() -> None:
    injection = injected({"fault": "latency", "latency": "1s", "start": "5s"})
    injection.began = None
    assert find(injection, BEFORE) == Finding("not_begun", "its start after 5s had not come", "give a shorter start")
    assert refused_since(injection, BEFORE) is None


@pytest.mark.parametrize("now", [None, (4, 0), (3, 1)], ids=str)
def test_where_others_on_this_machine_were_refused_too_nothing_is_certain(now) -> None:
    assert find(injected("refuse"), BEFORE._replace(refused=now)) is None


def test_where_a_syn_was_dropped_somebody_tried() -> None:
    injection = injected("unreachable")
    now = BEFORE._replace(dropped=BEFORE.dropped + 2, refused=None)
    assert (find(injection, now), refused_since(injection, now)) == (None, 2)
    assert refused_since(injected("refuse"), now) is None


def test_refused_attempts_are_counted_only_for_a_fault_that_closes_the_port() -> None:
    now = BEFORE._replace(refused=(5, 2))
    assert refused_since(injected("refuse"), now) == 2
    assert refused_since(injected("refuse"), now._replace(refused=None)) is None
    assert refused_since(injected("latency:1s"), now) is None


def test_what_has_fired_and_what_never_acts_has_no_finding() -> None:
    assert find(injected("latency:1s", {"fired": 1}), BEFORE) is None
    assert find(injected("noop"), BEFORE) is None
