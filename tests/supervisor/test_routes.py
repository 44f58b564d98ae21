"""What becomes of a connection, by its destination."""

import pytest

from brownout.supervisor.messages import Policy
from brownout.supervisor.routes import Routes
from brownout.supervisor.sockaddr import Destination

POLICY = Policy(door=41000, door6=42000, refusing=43000, routes={}, door_path="", ours=[8474])


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        (Destination("127.0.0.1", 41000), "pass"),
        (Destination("127.3.2.1", 41000), "pass"),
        (Destination("::1", 42000), "pass"),
        (Destination("127.0.0.1", 8474), "pass"),
        (Destination("127.0.0.1", 42000), "carry"),  # the other door has this port by chance
        (Destination("::1", 41000), "carry"),
        (Destination("10.0.0.1", 41000), "carry"),
        (Destination("127.0.0.1", 9000), "carry"),
    ],
)
def test_the_doors_are_left_alone_and_no_other_port_of_that_number(to: Destination, kind: str) -> None:
    routes = Routes()
    routes.policy = POLICY
    assert routes.to(to, 0)[0] == kind
