"""What is expected of a client, as settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ...faults.pattern import Pattern
from ...faults.settings import Problem, Settings, SettingsError
from ...faults.settings.units import Duration
from ...wire.errors import BrownoutError


class Expectations(Settings, frozen=True):
    """What is expected of the clients of a proxy. What has no default is judged only where it is given."""

    max_attempts: Annotated[int, Meta(ge=1, description="How often a client may try one thing.")] | None = None
    deadline: Annotated[
        Duration | None, Meta(description="How long one thing may take, from the first attempt to the end of the last.")
    ] = None
    max_amplification: Annotated[
        float, Meta(ge=1, description="How many attempts there may be for each thing, on average of ten or more.")
    ] = 3.0
    opens_after: (
        Annotated[int, Meta(ge=1, description="After how many failures in a row a circuit breaker is to open.")] | None
    ) = None
    quiet_for: Annotated[Duration | None, Meta(description="How long it is to stay open.")] = None
    probes: Annotated[int, Meta(ge=1, description="How many requests it may try at a time after that.")] = 1
    recover_within: Annotated[Duration | None, Meta(description="How soon after healing a client is to succeed.")] = (
        None
    )
    operations: (
        Annotated[int, Meta(ge=1, description="How many logical operations there were, with those that succeeded.")]
        | None
    ) = None
    idempotent: Annotated[
        tuple[str, ...], Meta(description="What may be repeated although its method says otherwise: `POST /search*`.")
    ] = ()

    caller: Annotated[str, Meta(description="Whose clients: a program, or a glob of one; empty: all.")] = ""

    def __post_init__(self) -> None:
        """Check the patterns. Raises SettingsError."""
        super().__post_init__()
        for text in self.idempotent:
            try:
                Pattern.parse(text)
            except BrownoutError as error:
                raise SettingsError([Problem("idempotent", f"idempotent: {error.message}", error.hint)]) from None
