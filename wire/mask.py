"""Addresses without their secrets, for all that is shown."""

from __future__ import annotations

import re


def mask(url: str) -> str:
    """Return a URL with the userinfo's password replaced by `***`, and the whole userinfo where it has no user."""
    return re.sub(r"(://[^/?#@:]*)(:[^/?#]*)?@", lambda found: f"{found[1]}{':***' if found[2] else ''}@", url)
