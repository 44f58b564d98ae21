"""What connections leave behind: nothing, in Brownout and in the process that answers for them."""

import asyncio
import socket
from collections.abc import Callable

from brownout.proxy.intercept.door import Arrival, Door
from brownout.proxy.intercept.newcomer import Newcomer
from brownout.supervisor import messages
from brownout.supervisor.messages import Connect
from brownout.testing.clock import VirtualClock

from .conftest import Done

OPEN = """
    supervisor = os.getppid()
    with open(f"/proc/{supervisor}/stat") as stat:
        brownout = stat.read().rpartition(")")[2].split()[1]

    def settled():
        least = [1 << 20] * 2
        for _ in range(30):
            time.sleep(0.1)
            least = [min(was, len(os.listdir(f"/proc/{each}/fd"))) for was, each in zip(least, (supervisor, brownout))]
        return least
"""


def test_no_kind_of_connect_leaves_a_descriptor(run: Callable[..., Done], echo: int) -> None:
    done = run(
        OPEN
        + """
    port = int(sys.argv[1])
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    refusing = nobody.getsockname()[1]
    read, write = os.pipe()

    def carried():
        with socket.create_connection(("127.0.0.1", port)) as sock:
            trip(sock)

    def refused(blocks):
        with socket.socket() as sock:
            sock.setblocking(blocks)
            connect(sock, v4(refusing))

    def killed():
        child = os.fork()
        if child == 0:
            socket.socket().connect(("127.0.0.1", port))
            os._exit(0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    carried()
    kinds = {
        "carried": carried, "refused": lambda: refused(True), "refused later": lambda: refused(False),
        "no socket": lambda: connect(read, v4(port)), "no descriptor": lambda: connect(9999, v4(port)), "killed": killed,
        "left at once": lambda: socket.create_connection(("127.0.0.1", port)).close(),
        "never met": lambda: socket.create_connection(("127.0.0.7", port)).close(),
    }
    before = settled()
    for name, kind in kinds.items():
        for _ in range(50):
            kind()
    say(more=[now - was for now, was in zip(settled(), before)])
        """,
        args=(echo,),
    )  # fmt: skip
    assert all(more < 10 for more in done.one["more"]), done.one


def test_who_was_announced_and_never_comes_is_let_go() -> None:
    clock = VirtualClock()
    arrived: list[Arrival] = []

    def unreachable(error: OSError) -> None:
        raise error

    async def announced() -> list[int]:
        door = Door(clock, arrived.append, unreachable, lambda: None)
        ours, theirs = socket.socketpair()
        door.announce(Connect("127.1.0.1", "127.0.0.1", 80, "", 1, "lost"), ours)
        clock.run(59)
        door.announce(Connect("127.1.0.2", "127.0.0.1", 80, "", 1, "later"), None)
        found = [ours.fileno()]
        clock.run(1)
        door.announce(Connect("127.1.0.3", "127.0.0.1", 80, "", 1, "last"), None)
        found.append(ours.fileno())
        theirs.close()
        door.close()
        return found

    early, late = asyncio.run(announced())
    assert early >= 0 > late


def test_who_comes_when_it_is_known_what_was_said_is_left_to_its_proxy() -> None:
    async def came() -> bool:
        newcomer = Newcomer()
        pairs = [socket.socketpair() for _ in range(2)]
        for each in (side for pair in pairs for side in pair):
            each.setblocking(False)
        connect = Connect("127.1.0.1", "127.0.0.1", 80, "", 1, "curl")
        newcomer.add(Arrival(connect, pairs[0][0], None))
        pairs[0][1].send(b"ping")
        await newcomer.heard()
        newcomer.add(Arrival(connect, pairs[1][0], None))
        watched = asyncio.get_running_loop().remove_reader(pairs[1][0])
        newcomer.close()
        for _, theirs in pairs:
            theirs.close()
        return watched

    assert not asyncio.run(came())


def test_a_message_of_any_length_arrives_whole() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for length in (1, messages.LARGEST, 1_000_000):
            messages.send(ours, messages.packed("policy", {"routes": "x" * length}))
            assert messages.receive(theirs) == ({"kind": "policy", "routes": "x" * length}, [])
