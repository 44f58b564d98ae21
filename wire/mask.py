"""Texts without their secrets, for all that is shown.

What is masked need not be well-formed: it may be shown because it is not.
"""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"(?<=[?&;])([^?&;=]*)=([^&;]*)")
_NO_PORT = re.compile(r"([^\[\]/?#\s:]*):(?![0-9]*(?:[/?#\s,]|\Z))[^/?#\s]*")
_SECRETS = ("password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key")


def mask(text: str) -> str:
    """Return a text with `***` in place of the password of each URL in it, and of parameters that are named like one.

    A password is what stands between the first `:` and the last `@`, for it may hold what it should not: `/`, `?`, `#`.
    Without an `@` it is what stands behind `://` in the place of a port, and is none. What has no `://` is taken for a
    URL without a scheme.
    """
    *before, last = text.split("://")
    if not before:
        return _masked(last)
    return "://".join([before[0], *(_masked(_without_at(url)) for url in (*before[1:], last))])


def _without_at(url: str) -> str:
    """Mask what can be no port in a URL, behind its scheme, that has no user."""
    found = None if "@" in url else _NO_PORT.match(url)
    return f"{found[1]}:***{url[found.end() :]}" if found else url


def _masked(url: str) -> str:
    """Mask a URL behind its scheme."""
    userinfo, at, rest = url.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    return _PARAMETER.sub(_without_secret, f"{user}{':***' if colon else ''}{at}{rest}")


def _without_secret(found: re.Match[str]) -> str:
    name = found[1]
    return f"{name}=***" if any(secret in name.lower() for secret in _SECRETS) else found[0]
