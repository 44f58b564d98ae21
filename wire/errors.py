"""The one tree of exceptions. Every error says what was found and, in `hint`, what would be right."""

from __future__ import annotations

LONGEST = 2000
"""How many characters of what is wrong an error shows: it may be a megabyte."""


def cut(text: str, longest: int = LONGEST) -> str:
    """Return a text, or the beginning of one that is too long to be shown."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


class BrownoutError(Exception):
    """An error that the user can act on: one sentence, and a hint how to fix it (empty if there is none)."""

    status = 400
    """The HTTP status under which the control API answers it."""

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = cut(message), cut(hint)
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # tracebacks and pytest show it


class NotFoundError(BrownoutError):
    """A name that does not exist."""

    status = 404


class ConflictError(BrownoutError):
    """A name or an address that is taken."""

    status = 409
