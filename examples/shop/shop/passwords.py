"""How passwords are kept."""

from __future__ import annotations

import hashlib


def hashed(mail: str, password: str) -> str:
    """Return what is stored of a password."""
    return hashlib.scrypt(password.encode(), salt=mail.encode(), n=1 << 12, r=8, p=1).hex()
