"""What tests stand on: faults on command (`Chaos`), the pytest plugin, and real servers to talk to.

    plugin (pytest) -> chaos -> proxied -> handle         what a test calls
                                 observer -> awaited      what clients did, and the wait for it
                                 verdict, probe           how they took a failure; how a service fares
                                 driver                   the seam: embedded (a thread) or remote (a running Brownout)
    pytest_session                                        the API, the file and the seed of a pytest run
    witness, vacuity, failure                             which tests prove nothing; what reports of failed tests say
    variants                                              the marker `faults`
    thread                                                the loop of `embedded`
    servers    conformance, clock                         real Redis and Postgres; what every fault must keep to

The plugin is imported in every pytest run of every user, and this file on its way there: it imports nothing until a
name is asked for.
"""

from typing import TYPE_CHECKING

from ..wire.lazily import lazily

if TYPE_CHECKING:
    from ..control.observations import Connection, Request
    from ..control.verdicts.finding import Finding
    from .chaos import Chaos
    from .handle import Handle, ProfileHandle, Receipt
    from .observer import NotSeenError
    from .probe import NotRecoveredError, Probe, Sample
    from .proxied import Proxied
    from .verdict import NotGracefulError, Verdict

__all__ = [
    "Chaos",
    "Connection",
    "Finding",
    "Handle",
    "NotGracefulError",
    "NotRecoveredError",
    "NotSeenError",
    "Probe",
    "ProfileHandle",
    "Proxied",
    "Receipt",
    "Request",
    "Sample",
    "Verdict",
]

if not TYPE_CHECKING:
    __getattr__ = lazily(
        __name__,
        {
            "Chaos": ".chaos",
            "Connection": "..control.observations",
            "Finding": "..control.verdicts.finding",
            "Handle": ".handle",
            "NotGracefulError": ".verdict",
            "NotRecoveredError": ".probe",
            "NotSeenError": ".observer",
            "Probe": ".probe",
            "ProfileHandle": ".handle",
            "Proxied": ".proxied",
            "Receipt": ".handle",
            "Request": "..control.observations",
            "Sample": ".probe",
            "Verdict": ".verdict",
        },
    )
