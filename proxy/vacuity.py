"""Why an injection did nothing that a peer could notice.

An injection that has fired, or is inert, has no finding. Of those that have not, the first reason in the chain of
events is told: it never began, nobody came, nothing was said, nothing matched, nothing was chosen, and so on to the
last, that there was nothing to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ..faults.exchange import ExchangeFault
from ..faults.fault import Stream
from ..wire.protocols import AUTO, canonical
from .ledger import CHANCE
from .record.finding import Finding, Scene
from .shaping.injection import Injection

_STATES = {"hanging": "was unreachable", "refusing": "was refused"}
_NAMED = 3
"""How many operations are named that did not match."""


def refused_since(injection: Injection, now: Scene) -> int | None:
    """Return how many connection attempts have failed on this machine since a fault has closed the port.

    Of one that lets them hang, how many SYNs were dropped at the port. None where nobody knows, or connections are
    accepted.
    """
    began, port = injection.began, injection.spec.fault.port
    if began is not None and port == "hanging":
        return now.dropped - began.dropped
    if port == "open" or began is None or began.refused is None or now.refused is None:
        return None
    return now.refused[0] - began.refused[0]


def find(injection: Injection, now: Scene) -> Finding | None:
    """Return why an injection has not fired, or None: it has, it is not to, or nobody can know."""
    fault, trigger, began = injection.spec.fault, injection.spec.trigger, injection.began
    if injection.fired or fault.inert:
        return None
    if began is None:
        if injection.countdown is not None and (sign := injection.countdown.waits_for) is not None:
            hint = "clock: launch starts it at once"
            return Finding("clock_not_started", f"its clock never started: no {sign} yet", hint)
        return Finding("not_begun", f"its start after {trigger.start} had not come", "give a shorter start")
    if now.expected:
        return Finding("never_met", "the command has not connected to it", "`brownout deps` shows what it connects to")
    if fault.port != "open" and injection.scope is not None:  # each connect() is known
        text = f"no connection {injection.callers} came while it {_STATES[fault.port]}"
        return Finding("disabled", now.closed) if now.closed else Finding("nobody_refused", text)
    if fault.port == "hanging":
        return (
            None if now.dropped != began.dropped else _nobody(now, "nobody tried to connect while it was unreachable")
        )
    if fault.port == "refusing":
        return _unseen(began, now)
    return next(_reasons(injection, began, now))


def _unseen(began: Scene, now: Scene) -> Finding | None:
    """Return the finding of a fault whose victims nobody counts, where it is certain that there was none."""
    if now.refused is None or now.refused != began.refused:
        return None
    return _nobody(now, "nobody tried to connect while the port was closed")


def _nobody(now: Scene, text: str) -> Finding:
    if now.closed:
        return Finding("disabled", now.closed)
    return Finding("nobody_refused", text, _wiring(now))


def _reasons(injection: Injection, began: Scene, now: Scene) -> Iterator[Finding]:
    connections = now.connections - began.connections + began.open
    if injection.scope is not None and connections and not injection.met:
        yield _strangers(injection, connections)
    if injection.scope is not None:
        connections = injection.met
    if not connections:
        if now.closed:
            yield Finding("disabled", now.closed)
        yield Finding("no_connection", f"no connection came{_lasted(injection)}", _wiring(now))
    if not injection.matched:
        if injection.acts_per_turn:
            yield from _no_turn(injection, connections, began, now)
        if isinstance(injection.spec.fault, ExchangeFault):
            yield from _misplaced(injection.spec.fault, connections, began, now)
            yield from _unmatched(injection, connections, now.requests - began.requests, now.operations)
        if injection.untouched_total:
            yield Finding(
                "older_connections",
                f"{_many(injection.untouched_total, 'connection')} had been open before it, and it acts on new ones",
                "inject it before the client connects",
            )
        yield from _moment(injection, connections)
    if not injection.chosen:
        yield _spared(injection)
    if isinstance(injection.spec.fault, ExchangeFault):
        yield from _unchanged_requests(injection)
    if injection.acts_per_turn:
        yield from _unchanged_turns(injection)
    yield from _unchanged_streams(injection, began, now)


def _strangers(injection: Injection, connections: int) -> Finding:
    """Return the finding of one that was for the connections of others than came."""
    known = ", ".join(injection.strangers)
    hint = (
        f"seen: {known}"
        if known
        else "Brownout can see who a client is on this machine, for processes of the same user"
    )
    return Finding("other_callers", f"none of {_many(connections, 'connection')} was {injection.callers}", hint)


def _unmatched(injection: Injection, connections: int, requests: int, operations: tuple[str, ...]) -> Iterator[Finding]:
    if injection.untouched_total:
        yield _not_parsed(injection)
    if not requests or (injection.scope is not None and injection.spec.match is None):
        yield Finding("no_traffic", f"{_many(connections, 'connection')} and no request")
    if injection.scope is not None:  # others' requests are among those that were counted
        yield Finding("nothing_matched", f"no request {injection.callers} matched")
    if injection.spec.match is None:
        yield Finding("ended_before", f"{_many(requests, 'request')} ended before the whole of it was there")
    seen = ", ".join(_nearest(injection, operations))
    yield Finding("nothing_matched", f"none of {_many(requests, 'request')} matched", f"seen: {seen}" if seen else "")


def _misplaced(fault: ExchangeFault, connections: int, began: Scene, now: Scene) -> Iterator[Finding]:
    """Tell why a fault of requests has no requests of its protocol, where the proxy's address leaves that open."""
    acts_on = canonical(fault.protocol)
    if now.protocol == AUTO and now.bytes != began.bytes:
        text = f"no protocol was recognised on {_many(connections, 'connection')}"
        yield Finding("protocol_unknown", text, f"give it an upstream like {acts_on}://HOST:PORT")
    elif now.protocol not in ("", AUTO, acts_on):
        text = f"{now.protocol} is spoken there, and {fault.name} acts on {acts_on}"
        yield Finding("other_protocol", text, f"place a fault of {now.protocol}, or one of bytes")


def _not_parsed(injection: Injection) -> Finding:
    connections = _many(injection.untouched_total, "connection")
    if injection.unread:
        text = f"{connections} had a request whose body cannot be read: {injection.unread}"
        return Finding("not_parsed", text, "match the head: method, path or a header")
    return Finding("not_parsed", f"{connections} could not be parsed, or had a request that was too long to keep")


def _nearest(injection: Injection, operations: tuple[str, ...]) -> list[str]:
    """Return the operations that are most like what an injection matches."""
    match = injection.spec.match
    wanted = " ".join(map(str, match.to_mapping().values())) if match is not None else ""
    return difflib.get_close_matches(wanted, operations, _NAMED, 0.0)


def _spared(injection: Injection) -> Finding:
    """Return why the trigger chose none of those that matched."""
    trigger = injection.spec.trigger
    matched = _many(injection.matched, "turn" if injection.acts_per_turn else "match")
    if trigger.sure is False:
        return Finding("trigger_not_reached", "its trigger chooses nothing")
    if (injection.matched - trigger.after) // trigger.every < 1:
        skipped = f"after: {trigger.after}" if trigger.after else f"every: {trigger.every}"
        return Finding("trigger_not_reached", f"{skipped} was not reached, with {matched}")
    if trigger.quota is not None:
        return Finding(CHANCE, f"spared by chance: quota {trigger.quota}, with {matched}", "send more traffic")
    hint = "a quota, such as '1 of 10', hits exactly that many"
    return Finding(CHANCE, f"spared by chance: probability {trigger.probability}, with {matched}", hint)


def _no_turn(injection: Injection, connections: int, began: Scene, now: Scene) -> Iterator[Finding]:
    """Tell why no turn began on connections that came."""
    if all(not connection.open for connection in injection.hits):
        yield from _unopened(injection, now)
    if now.bytes == began.bytes:
        yield Finding("no_traffic", f"{_many(connections, 'connection')} and not a byte{_lasted(injection)}")
    hint = "a turn begins when the client speaks after the server, or for the first time"
    yield Finding("no_turn", f"no turn began on {_many(connections, 'connection')}{_lasted(injection)}", hint)


def _unopened(injection: Injection, now: Scene) -> Iterator[Finding]:
    """Tell why none of the connections that it chose has carried anything."""
    dialling = sum(not connection.open for connection in injection.hits)
    if dialling:
        text = f"{_many(dialling, 'connection')} had not reached the upstream yet{_lasted(injection)}"
        yield Finding("moment_never_came", text)
    if injection.began is not None and now.undialled > injection.began.undialled:
        yield Finding("ended_before", "the upstream could not be reached", "is it running?")


def _unchanged_turns(injection: Injection) -> Iterator[Finding]:
    """Tell why nothing was noticed of the turns that it chose."""
    turns, passed = _many(injection.chosen, "turn"), _many(injection.bytes, "byte")
    if not injection.bytes:
        what = "reply" if injection.spec.streams() == ("downstream",) else "byte"
        yield Finding("moment_never_came", f"no {what} came in {turns}{_lasted(injection)}")
    if odds := injection.spec.fault.odds():
        yield Finding(CHANCE, f"spared by chance: {odds}, of {passed}", "send more traffic")
    if awaited := injection.spec.fault.awaits():
        yield Finding("moment_never_came", f"its moment never came: {awaited} ({passed} in {turns})")
    yield Finding("nothing_to_change", f"it changed nothing of {passed}")


def _unchanged_requests(injection: Injection) -> Iterator[Finding]:
    missed = injection.missed
    if missed.unchanged:
        yield Finding("nothing_to_change", f"there was nothing to change in {_many(missed.unchanged, 'request')}")
    if missed.ended and injection.untouched_total:
        yield _not_parsed(injection)
    if missed.ended:
        yield Finding("ended_before", f"{_many(missed.ended, 'request')} ended before it could act")
    yield Finding("moment_never_came", f"{_many(injection.chosen, 'request')} had no reply yet")


def _unchanged_streams(injection: Injection, began: Scene, now: Scene) -> Iterator[Finding]:
    fault, missed = injection.spec.fault, injection.missed
    waiting = [hit for connection, hit in injection.hits.items() if not hit.fired and connection.open]
    cut = missed.cut + sum("cut" in hit.shared for hit in waiting)
    if cut:
        yield Finding("cut_and_unused", f"{_many(cut, 'connection')} cut silently, and not used afterwards")
    carried = injection.chosen - missed.unopened - sum(not connection.open for connection in injection.hits)
    if not carried:
        yield from _unopened(injection, now)
        yield Finding("ended_before", f"{_many(injection.chosen, 'connection')} ended before a byte was carried")
    if injection.bytes and (odds := fault.odds()):
        passed = _many(injection.bytes, "byte")
        yield Finding(CHANCE, f"spared by chance: {odds}, of {passed}", "send more traffic")
    if injection.bytes or fault.streams is not None or fault.acts_on_ends:
        yield from _moment(injection, carried)
    else:
        yield from _silent_stream(injection, began, now)
    if not injection.bytes:
        yield Finding("no_traffic", f"{_many(carried, 'connection')} and not a byte{_lasted(injection)}")
    yield Finding("nothing_to_change", f"it changed nothing of {_many(injection.bytes, 'byte')}")


def _silent_stream(injection: Injection, began: Scene, now: Scene) -> Iterator[Finding]:
    """Tell why no byte came to a fault of one stream, where bytes have come to the proxy."""
    if injection.spec.stream == "both" or injection.scope is not None:  # others' bytes are among those of the proxy
        return
    stream: Stream = injection.spec.stream
    other: Stream = "downstream" if stream == "upstream" else "upstream"
    came, elsewhere = now.bytes[stream] - began.bytes[stream], now.sent[other] - began.sent[other]
    if came:
        yield Finding("held_by_another", f"{_many(came, 'byte')} came, and another fault kept them from it")
    if elsewhere:
        text = f"no byte passed {stream}, and {_many(elsewhere, 'byte')} did {other}"
        yield Finding("wrong_stream", text, f"did you mean stream: {other}?")


def _lasted(injection: Injection) -> str:
    return f" in the {injection.spec.trigger.for_} that it lasted" if injection.expired else ""


def _moment(injection: Injection, connections: int) -> Iterator[Finding]:
    if awaited := injection.spec.fault.awaits():
        passed = _many(connections, "connection")
        if injection.spec.streams():
            passed = f"{_many(injection.bytes, 'byte')} on {passed}"
        yield Finding("moment_never_came", f"its moment never came: {awaited} ({passed})")
    if not injection.matched:
        yield Finding("nothing_to_change", f"there was nothing to change on {_many(connections, 'connection')}")


def _wiring(now: Scene) -> str:
    return f"let the service connect to {now.address}"


def _many(count: int, noun: str) -> str:
    plural = {"match": "matches"}.get(noun, f"{noun}s")
    return f"{count} {noun if count == 1 else plural}"
