"""What of the journal a person wants to read while it happens, a line each."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..faults import injection_line
from ..proxy.record.event import (
    AcceptFailed,
    BodyUnread,
    Changed,
    ConnectionFailed,
    DialFailed,
    Event,
    Fired,
    Healed,
    Injected,
    LeaseExpired,
    ListenFailed,
    ParsingStopped,
    ProfileLeftOut,
    ProtocolLearnt,
    ProxyDisabled,
    ProxyRemoved,
    Reloaded,
    ServerShared,
    TextTooLong,
    ToxicLeftOut,
)
from . import figures

if TYPE_CHECKING:
    from ..proxy import Recorded

PAUSE = 1.0
"""Seconds between two lines about the same failure of the same proxy; what happens in between is counted."""

TROUBLE = (AcceptFailed, ConnectionFailed, DialFailed, ListenFailed, ParsingStopped, ProfileLeftOut, ToxicLeftOut)
"""Events of which a person should know who looks at nothing."""


class News:
    """Turns events into lines; most events have none."""

    def __init__(self) -> None:
        self._fired: set[tuple[str, object]] = set()
        self._failures: dict[tuple[str, str], tuple[float, int]] = {}

    def line(self, recorded: Recorded) -> str | None:
        """Return an event as a line with its local time, or None where it is not news.

        A fault's first firing is news, and of like failures one in a second.
        """
        text = self._sentence(recorded)
        if text is None:
            return None
        prefix = f"{recorded.proxy}: " if recorded.proxy else ""
        return f"{time.strftime('%H:%M:%S', time.localtime(recorded.at))} {prefix}{text}"

    def _sentence(self, recorded: Recorded) -> str | None:
        match recorded.event:
            case Injected(proxy, injection):
                self._fired.discard((proxy, injection["name"]))
                return _settings("injected", injection)
            case Changed(_, injection):
                return _settings("changed", injection)
            case Fired() as fired:
                return self._first_firing(fired)
            case ParsingStopped(connection=number, reason=reason):
                return self._failure(recorded, reason, f"connection {number} is no longer parsed ({reason})")
            case ConnectionFailed(connection=number, error=error):
                return self._failure(recorded, error, f"connection {number} is reset because something failed: {error}")
            case TextTooLong(connection=number, name=name):
                text = f"connection {number} has a text that is too long for the match of {name}"
                return self._failure(recorded, name, text)
            case BodyUnread(connection=number, name=name, reason=reason):
                text = f"connection {number} has a body that {name} cannot look at: {reason}"
                return self._failure(recorded, name, text)
            case Healed() as healed:
                words = figures.hits(healed.matched, healed.chosen, healed.fired)
                counts = "unseen" if healed.unseen and not healed.matched else ", ".join(words)
                return f"healed {healed.name}: {counts}{f' ({healed.reason})' if healed.reason else ''}"
            case DialFailed(reason=reason, error=error, upstream=upstream):
                return self._failure(recorded, reason, f"no connection to {upstream}: {error}")
            case AcceptFailed(reason=reason, error=error):
                return self._failure(recorded, reason, f"a client could not be accepted: {error}")
            case ListenFailed(error=error):
                return f"does not listen: {error}"
            case ToxicLeftOut(toxic=toxic, reason=reason):
                return f"toxic {toxic} left out: {reason}"
            case ProtocolLearnt(protocol=protocol):
                return f"speaks {protocol}"
            case ProfileLeftOut(profile=profile, reason=reason):
                return f"profile {profile} left out: {reason}"
            case LeaseExpired(duration=duration):
                return f"a client with a lease is gone (silent for {duration}): what it made is undone"
            case ServerShared(program=program, process=process, workers=workers):
                used = f"{program} (process {process}) is used by {' and '.join(workers)}"
                return f"{used}: a fault for one worker, or one test, leaves its connections alone"
            case Reloaded() as reloaded:
                return _reloaded(reloaded)
            case ProxyRemoved():
                return "removed"
            case ProxyDisabled():
                return "disabled"
        return None

    def _first_firing(self, event: Fired) -> str | None:
        key = (event.proxy, event.name)
        if key in self._fired:
            return None
        self._fired.add(key)
        return f"{event.name} fired for the first time, on {event.operation or f'connection {event.connection}'}"

    def _failure(self, recorded: Recorded, reason: str, text: str) -> str | None:
        key = (recorded.proxy, reason)
        said, more = self._failures.get(key, (-PAUSE, 0))
        if recorded.at - said < PAUSE:
            self._failures[key] = (said, more + 1)
            return None
        self._failures[key] = (recorded.at, 0)
        return f"{text} (and {more} times before)" if more else text


def _settings(verb: str, injection: Mapping[str, object]) -> str:
    return f"{verb} {injection['name']} {injection_line.settings(injection)}".rstrip()


def _reloaded(event: Reloaded) -> str:
    failed = [figures.many(len(event.errors), "error")] if event.errors else []
    return f"{os.path.basename(event.file)} read again: {', '.join([*(event.done or ['nothing changed']), *failed])}"


def wrong_in(event: Event) -> list[str]:
    """Return what was wrong in a file that was read again, as lines of errors and hints."""
    mistakes = event.errors if isinstance(event, Reloaded) else ()
    both = [(f"error: {each.error}", f"hint:  {each.hint}" if each.hint else "") for each in mistakes]
    return [line for pair in both for line in pair if line]
