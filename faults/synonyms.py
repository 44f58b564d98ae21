"""Words that people type for a fault, and the faults that they may mean."""

from __future__ import annotations

import difflib
from collections.abc import Collection

LONGEST = 100
"""The longest word for which a similar name is sought."""

_LATENCY, _BANDWIDTH, _LOSS = "latency:300ms", "bandwidth:100KB/s", "loss:10%"
_ERROR = ("http.status:503", "reset")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "abort": ("reset",),
    "blackhole": ("timeout", "half_open", "unreachable"),
    "break": ("reset", "refuse"),
    "close": ("disconnect",),
    "cut": ("reset", "half_open"),
    "connect_timeout": ("unreachable",),
    "dead": ("refuse", "hang", "unreachable"),
    "delay": (_LATENCY, "http.delay:300ms"),
    "down": ("refuse",),
    "drop": (_LOSS, "timeout"),
    "drop_syn": ("unreachable",),
    "error": _ERROR,
    "fail": _ERROR,
    "fin": ("disconnect",),
    "firewall": ("unreachable", "half_open"),
    "fragment": ("slicer:100B",),
    "freeze": ("hang",),
    "garbage": ("corrupt:1%",),
    "jitter": ("latency:100ms jitter=50ms",),
    "kill": ("reset", "refuse"),
    "lag": (_LATENCY,),
    "limit": (_BANDWIDTH, "limit_data:64KB"),
    "off": ("refuse",),
    "offline": ("refuse",),
    "outage": ("refuse",),
    "packet_loss": (_LOSS,),
    "partition": ("half_open", "unreachable"),
    "pause": ("hang",),
    "rate": (_BANDWIDTH,),
    "rate_limit": (_BANDWIDTH, "http.status:429"),
    "reset_peer": ("reset",),
    "rst": ("reset",),
    "shutdown": ("refuse",),
    "sleep": (_LATENCY, "hang"),
    "slow": (_LATENCY, _BANDWIDTH),
    "stall": ("hang",),
    "stop": ("refuse", "hang"),
    "throttle": (_BANDWIDTH,),
    "unavailable": ("refuse", "http.status:503"),
    "wait": (_LATENCY,),
}
"""A word, and what to write in its place: the likeliest first, each in the short form or with its settings."""


def meant(word: str, known: Collection[str]) -> list[str]:
    """Return what a word that is no fault may mean, of the `known` ones; empty where nobody can say."""
    name = word.lower().replace("-", "_")
    found = [each for each in SYNONYMS.get(name, ()) if fault_of(each) in known]
    if found or len(word) > LONGEST:
        return found
    if name.isdecimal() and 100 <= int(name) <= 599 and "http.status" in known:
        return [f"http.status:{name}"]
    return difflib.get_close_matches(name, sorted(known), 1)


def fault_of(text: str) -> str:
    """Return the fault that one of the texts of `meant` names."""
    return text.partition(" ")[0].partition(":")[0]
