"""What of the journal a person wants to read while it happens, a line each."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..faults import one_line
from . import figures

if TYPE_CHECKING:
    from ..proxy import Event

PAUSE = 1.0
"""Seconds between two lines about the same failure of the same proxy; what happens in between is counted."""


class News:
    """Turns events to lines; most events are none."""

    def __init__(self) -> None:
        self._fired: set[tuple[str, object]] = set()
        self._failures: dict[tuple[str, object], tuple[float, int]] = {}

    def line(self, event: Event) -> str | None:
        """Return an event as a line with its local time, or None where it is no news.

        A fault's first firing is news, and of like failures one in a second.
        """
        text = self._sentence(event)
        if text is None:
            return None
        whose = f"{event.proxy}: " if event.proxy else ""
        return f"{time.strftime('%H:%M:%S', time.localtime(event.at))} {whose}{text}"

    def _sentence(self, event: Event) -> str | None:
        detail = event.detail
        match event.kind:
            case "injected" | "changed":
                injection = detail["injection"]
                assert isinstance(injection, dict)
                if event.kind == "injected":
                    self._fired.discard((event.proxy, injection["name"]))
                return f"{event.kind} {injection['name']} {one_line.settings(injection)}".rstrip()
            case "fired":
                key = (event.proxy, detail["name"])
                if key in self._fired:
                    return None
                self._fired.add(key)
                where = f"on {detail['operation']}" if "operation" in detail else f"on link {event.link}"
                return f"{detail['name']} fired for the first time, {where}"
            case "unfollowed":
                return self._failure(event, f"link {event.link} is followed no more: {detail['reason']}")
            case "healed":
                return f"healed {detail['name']}: matched {detail['matched']}, fired {detail['fired']}"
            case "dial_failed":
                return self._failure(event, f"no connection to {detail['upstream']}: {detail['error']}")
            case "accept_failed":
                return self._failure(event, f"no client taken: {detail['error']}")
            case "reloaded":
                return _reloaded(detail)
            case "proxy_removed" | "proxy_disabled":
                return event.kind.removeprefix("proxy_")
        return None

    def _failure(self, event: Event, text: str) -> str | None:
        key = (event.proxy, event.detail["reason"])
        said, more = self._failures.get(key, (-PAUSE, 0))
        if event.at - said < PAUSE:
            self._failures[key] = (said, more + 1)
            return None
        self._failures[key] = (event.at, 0)
        return f"{text} (and {more} times before)" if more else text


def _reloaded(detail: Mapping[str, object]) -> str:
    done, errors = detail["done"], detail["errors"]
    assert isinstance(done, list)
    assert isinstance(errors, list)
    failed = [figures.many(len(errors), "error")] if errors else []
    return f"{os.path.basename(str(detail['file']))} read again: {', '.join([*(done or ['nothing changed']), *failed])}"


def wrong_in(event: Event) -> list[str]:
    """Return what went wrong when a file was read anew, as lines of errors and hints."""
    errors = event.detail["errors"] if event.kind == "reloaded" else []
    assert isinstance(errors, list)
    both = [(f"error: {each['error']}", f"hint:  {each['hint']}" if each["hint"] else "") for each in errors]
    return [line for pair in both for line in pair if line]
