"""What a rule found about a client."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["error", "warning"]


class Finding(NamedTuple):
    """Something that a client did and that makes a failure worse.

    An `error` is wrong for any client. A `warning` is wrong for most: somebody may want it so.
    """

    rule: str
    level: Level
    text: str
    """What the client did, as a sentence."""
    evidence: str
    """When it did what, in a line of text."""

    def __str__(self) -> str:
        """Return it as reports show it."""
        return f"{self.rule}: {self.text}\n  {self.evidence}"
