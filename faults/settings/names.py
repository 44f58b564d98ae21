"""Which names a proxy or an injection may bear."""

from __future__ import annotations

from ...wire.errors import BrownoutError

LONGEST = 100


def check(name: str) -> str:
    """Return the name of a proxy or an injection. Raises BrownoutError for one that could not be used everywhere.

    Everything printable goes, also `/`, spaces and other alphabets, for people have names of their own. What does not:
    control characters (they would write on terminals), and spaces at the ends.
    """
    if not name:
        raise BrownoutError("a name is empty", "letters, digits, '.', '_' and '-' are best")
    if not name.isprintable() or name != name.strip():
        raise BrownoutError(f"{name!r} is not a name", "letters, digits, '.', '_' and '-' are best")
    if len(name) > LONGEST:
        raise BrownoutError(f"the name '{name[:20]}...' is too long", f"at most {LONGEST} characters")
    return name
