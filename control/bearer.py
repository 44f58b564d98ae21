"""The token that an API may ask for, as `Authorization: Bearer TOKEN`."""

from __future__ import annotations

import re

from ..wire.errors import BrownoutError

VARIABLE = "BROWNOUT_TOKEN"
"""The environment variable that holds it."""


def checked(token: str) -> str:
    """Return a token that a header can carry. Raises BrownoutError, which does not repeat it."""
    if not re.fullmatch("[!-~]+", token):
        raise BrownoutError(
            "the token is empty, or contains a space or a character beyond ASCII",
            'create one: "$(openssl rand -hex 16)"',
        )
    return token
