"""Commands that people type and that there are not, with the lines to type in their place."""

from __future__ import annotations

from ..control.client_at import client_at
from ..faults.catalogue import CATALOGUE
from ..faults.synonyms import SYNONYMS
from ..wire.errors import BrownoutError
from .group import Meant, fixed, instead
from .injection_words import example
from .typed import Typed

QUICK = 0.5
"""Seconds for a Brownout to say which process it is."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STATUS = fixed("brownout status")


def _kill(words: list[str]) -> list[str]:
    """Return the line that ends the Brownout of this machine; none where it does not say its process."""
    try:
        client = client_at()
        pid = client.within(QUICK).health().get("pid") if client.address.host in _LOOPBACK else None
    except BrownoutError:
        return []
    return [f"kill {pid}"] if pid else []


def _inject(word: str) -> Meant:
    def lines(words: list[str]) -> list[str]:
        proxy, *rest = words or ["PROXY"]
        found = [tuple(text.split()) for text in SYNONYMS.get(word, ()) if not text.startswith("http.")]
        faults = found or [(word, *rest) if rest else example(word)]
        return [Typed("brownout", ("inject", proxy, *fault)).line() for fault in faults]

    return Meant(lines)


def _reset(words: list[str]) -> list[str]:
    return [*instead("heal").lines(words), *_inject("reset").lines(words)]


_END = Meant(_kill, "a Brownout ends by ctrl-C in its terminal, or by SIGTERM")

MEANT: dict[str, Meant] = {
    **{word: _inject(word) for word in (*SYNONYMS, *CATALOGUE)},
    **dict.fromkeys(("stop", "kill", "quit", "exit", "end", "shutdown", "down"), _END),
    **{word: fixed("brownout run -p redis=redis://127.0.0.1:6379") for word in ("start", "up", "serve", "server")},
    **dict.fromkeys(("ps", "top", "stats", "info", "get", "watch", "proxies", "injections"), _STATUS),
    **{word: fixed("brownout status", "brownout faults", "brownout profile list") for word in ("list", "ls", "show")},
    **{word: instead("heal") for word in ("clear", "restore", "undo", "recover", "fix", "cure", "uninject")},
    **{word: instead("proxy", word) for word in ("add", "rm", "enable", "disable")},
    **{word: instead("proxy", "add") for word in ("create", "new")},
    **{word: instead("proxy", "rm") for word in ("remove", "delete", "del")},
    **{word: instead("change") for word in ("update", "set", "edit", "modify")},
    **{word: instead("check") for word in ("validate", "lint")},
    "reset": Meant(_reset),
    "apply": instead("profile", "apply"),
    "profiles": fixed("brownout profile list"),
    "fault": instead("faults"),
    "requests": instead("log"),
}
"""By the word that was typed."""

PROXY_MEANT: dict[str, Meant] = {
    **dict.fromkeys(("list", "ls", "show", "status"), _STATUS),
    **{word: instead("proxy", "add") for word in ("create", "new")},
    **{word: instead("proxy", "rm") for word in ("remove", "delete", "del")},
    **{word: instead("proxy", "disable") for word in ("stop", "down", "off")},
    **{word: instead("proxy", "enable") for word in ("start", "up", "on")},
}
"""The same behind `brownout proxy`."""
