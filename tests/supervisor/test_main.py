"""What the supervisor tells the proxies, and when."""

import json
import socket
from collections import deque

import pytest

from brownout.supervisor.main import Supervisor


def test_a_connection_is_told_of_when_callers_have_their_answers_and_before_what_is_told_later() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = object.__new__(Supervisor)  # without a command
    supervisor._control, supervisor._unsent = ours, deque()
    with ours, theirs:
        theirs.setblocking(False)
        supervisor.tell("connect", {}, socket.socket())
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        supervisor.tell("exited", {})
        assert [json.loads(theirs.recv(100))["kind"] for _ in range(2)] == ["connect", "exited"]
