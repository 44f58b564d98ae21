"""Each connect() of the command's processes, from the notification to its answer.

    theory of operation

A connect() is dialled first: we connect a socket of our own to its destination. What that says is what the caller is
told, as far as that can be: a blocking call waits for it; one that does not block is held for HOLD seconds, in which
whatever is on this machine has answered. Then the caller's own socket is connected to the proxies' door, and our
socket to the destination is handed over to them, so that nothing is dialled twice.

The door knows who comes by the address at which it is reached: each connection gets one of 127.0.0.0/8 of its own, its
ticket, of which the proxies are told in the same round of the loop. A socket that can only have IPv6 is told of by its
own address, when it has one; those of unix sockets come to a door of their own in the order in which they are told of.

Nothing here waits: whatever does not end at once is `pending`, and looked after by the loop (`Loop`). Everything that
is raised ends in the kernel doing the call as if we were not there. A signal may end a call before it is answered
(Linux before 5.19); the caller then calls again, so what is under way is found by the socket, and what was done and not
heard is in `_unheard`.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from . import kernel
from .callers_socket import PASSED, CallersSocket, Rewritten, Taken
from .kernel import Calls, Notification
from .messages import Connect, Route
from .process import program_of
from .processes import leads_elsewhere, network_of, path_from_here
from .routes import Routes
from .sockaddr import Destination, family_in, family_of, pack, parse
from .written_over import WrittenOver

HOLD = 0.005
"""Seconds for which a connect() that does not block is held."""
_SLOW = 60.0
"""Seconds for which a destination is known to take longer than that, so that nobody is held for it."""
_LOST = 1.0
"""Seconds after which a caller that was interrupted is not waited for any more."""
_LOOK = 0.25
"""Seconds between two looks at whether callers still wait."""
_UNHEARD = 1000
"""How many answers that nobody heard are kept."""
_BEGUN = 10_000
"""How many sockets that are connecting are remembered."""
_CALLERS = (errno.EBADF, errno.EFAULT, errno.EIO, errno.ENOENT, errno.ESRCH, errno.ENOTSOCK)
"""What the kernel says of a call that is wrong, or whose process is gone."""


class Loop(Protocol):
    """What looks after sockets, and speaks with the proxies."""

    def watch(self, sock: socket.socket, decided: Callable[[], None]) -> None:
        """Call when the connecting of a socket has ended, once."""

    def forget(self, sock: socket.socket) -> None:
        """Do not call."""

    def tell(self, kind: str, values: dict[str, object], handed: socket.socket | None = None) -> None:
        """Tell the proxies of something; a socket that is handed over is closed here."""


class Pending:
    """A connect() that is not answered yet, or whose caller is not heard of at the moment."""

    def __init__(self, sock: CallersSocket, to: Destination, route: Route, original: bytes, now: float) -> None:
        self.sock = sock
        self.route = route
        self.to = to
        self.original = original
        self.began = now
        self.number = sock.note.id
        self.upstream: socket.socket | None = None
        self.deadline = now + HOLD if not sock.blocks else None if sock.patience is None else now + sock.patience
        self.lost_at: float | None = None
        self.brought = False


class Connects:
    """Answers notifications. `takes` says whether sockets can be taken; else addresses are written over.

    `safe`: an answer that the kernel has taken is heard.
    """

    def __init__(self, listener: int, numbers: Calls, loop: Loop, *, takes: bool, safe: bool) -> None:
        self._listener = listener
        self._numbers = numbers
        self._loop = loop
        self._takes = takes
        self._safe = safe
        self.routes = Routes()
        self._network = network_of("self")
        self._pending: dict[int, Pending] = {}
        self._unheard: dict[int, int] = {}
        self._begun: dict[int, None] = {}
        self._slow: dict[str, float] = {}
        self._written = WrittenOver(numbers.connect)
        self._tickets = itertools.count(1)
        self._unseen: set[tuple[str, str]] = set()
        self._inside: set[tuple[int, int]] = set()
        self._look_at = 0.0

    # Notifications

    def notified(self, note: Notification) -> None:
        """Answer a call, now or later. Whatever is raised lets the kernel do it."""
        try:
            if note.call == "connect":
                self._connect(note)
                return
            if note.call == "listen":
                self.routes.opened.add(kernel.process_of(note.thread), note.descriptor)
            else:
                self._tell_unseen("io_uring", program_of(kernel.process_of(note.thread)))
        except PermissionError:
            self._tell_unseen("closed", program_of(note.thread))
        except Exception as error:
            self._tell_wrong(error)
        kernel.let_pass(self._listener, note.id)

    def _connect(self, note: Notification) -> None:
        original = self._written.given(note)
        given = parse(original) if len(original) == note.arguments[2] else None
        if given is None:
            kernel.let_pass(self._listener, note.id)
            return
        to = given._replace(path=path_from_here(note.thread, given.path)) if given.path else given
        route = self.routes.to(to, note.thread)
        if route.how == "inside":
            self._tell_inside(route.process, kernel.process_of(note.thread))
        if route.how in ("pass", "inside"):
            kernel.let_pass(self._listener, note.id)
            return
        process, pidfd = kernel.open_process(note.thread)
        try:
            other_network = network_of(note.thread) != self._network
            if other_network or (given.path and leads_elsewhere(note.thread, given.path)):
                self._tell_unseen("network" if other_network else "mounts", program_of(process))
                kernel.let_pass(self._listener, note.id)
                return
            sock = Taken(self._numbers, process, pidfd, note) if self._takes else Rewritten(process, note)
        finally:
            os.close(pidfd)
        if not kernel.is_waiting(self._listener, note.id):  # what we looked into may be another process by now
            sock.close()
            return
        try:
            self._take(sock, to, route, original)
        except BaseException:
            if (pending := self._pending.get(sock.key)) is not None:
                self._done(pending)
            raise
        finally:
            if sock.key not in self._pending or self._pending[sock.key].sock is not sock:
                sock.close()

    def _take(self, sock: CallersSocket, to: Destination, route: Route, original: bytes) -> None:
        """Begin with a call."""
        number = sock.note.id
        pending = self._pending.get(sock.key)
        if pending is not None and kernel.is_waiting(self._listener, pending.number):  # another thread calls, too
            kernel.answer(self._listener, number, errno.EALREADY)
            return
        if pending is not None:  # it was interrupted, and called again
            pending.number, pending.lost_at, pending.sock.note = number, None, sock.note
            return
        if not sock.is_stream:
            if not to.path:
                self._tell_unseen("udp", to.endpoint)
        elif not sock.is_new and sock.key in self._unheard:
            kernel.answer(self._listener, number, self._unheard[sock.key])
            return
        fits = sock.is_stream and sock.family == family_in(original)
        if not fits or not sock.is_new or sock.key in self._begun:
            if self._takes:
                self._begun.pop(sock.key, None)
            kernel.let_pass(self._listener, number)
            return
        self._begin(Pending(sock, to, route, original, time.monotonic()))

    # What becomes of one

    def _begin(self, pending: Pending) -> None:
        route = pending.route
        self._pending[pending.sock.key] = pending
        if route.how == "fail":
            self._refused(pending, route.errno, how="fail")
        elif route.how == "port":
            self._to_port(pending, route.port, how="port")
        elif route.how == "wait":
            self._bring_to_door(pending)
        else:
            self._dial(pending)

    def _dial(self, pending: Pending) -> None:
        family = family_of(pending.to)
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        pending.upstream = socket.socket(family, kind, 0 if pending.to.path else socket.IPPROTO_TCP)
        if not pending.to.path:
            kernel.hold_ack(pending.upstream)
        result = kernel.connect_by_now(pending.upstream.fileno(), pack(pending.to, family))
        if result == errno.EALREADY:
            if not pending.sock.blocks and pending.began - self._slow.get(pending.to.endpoint, -_SLOW) < _SLOW:
                self._bring_to_door(pending)
            else:
                self._watch(pending, pending.upstream, lambda: self._dialled(pending))
        elif result == errno.EAGAIN:  # the backlog of a unix socket is full; the proxies wait for it
            pending.upstream.close()
            pending.upstream = None
            self._bring_to_door(pending)
        else:
            self._dialled(pending, result)

    def _dialled(self, pending: Pending, result: int | None = None) -> None:
        """Take how dialling ended."""
        assert pending.upstream is not None
        if result is None:
            result = pending.upstream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result == 0:
            self._bring_to_door(pending)
        elif result == errno.ECONNREFUSED and not pending.sock.blocks:
            self._to_port(pending, self.routes.policy.refusing)
        else:
            self._refused(pending, result)

    def _to_port(self, pending: Pending, port: int, how: str = "carry") -> None:
        """Let a port of ours end a call as it ends those of others: by refusing it, or not at all.

        Sockets that cannot be connected to it, of unix sockets and of IPv6 alone, are refused.
        """
        if pending.to.path or pending.sock.needs_ipv6:
            self._refused(pending, errno.ECONNREFUSED, how)
            return
        self._told(pending, "", errno.ECONNREFUSED, how)
        self._bring(pending, Destination("127.0.0.1", port), "")

    def _refused(self, pending: Pending, result: int, how: str = "carry") -> None:
        self._told(pending, "", result, how=how)
        self._answer(pending, result)

    def _bring_to_door(self, pending: Pending) -> None:
        if pending.to.path:
            self._told(pending, "unix")
            self._bring(pending, Destination("", 0, self.routes.policy.door_path), "unix")
        elif pending.sock.needs_ipv6:
            self._bring(pending, Destination("::1", self.routes.policy.door6), "::1")
        else:
            number = next(self._tickets) % 0xFDFFFF  # 127.1.0.0 to 127.254.255.254
            ticket = f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
            self._told(pending, ticket)
            self._bring(pending, Destination(ticket, self.routes.policy.door), ticket)

    def _bring(self, pending: Pending, at: Destination, ticket: str) -> None:
        """Connect the caller's socket to the proxies, or where a fault has it."""
        pending.brought = True
        sock = pending.sock
        result = sock.connect(at, pending.original)
        if ticket == "::1" and isinstance(sock, Taken) and result in (0, errno.EINPROGRESS):
            self._told(pending, sock.address)
        if result == PASSED:
            self._passed(pending, pack(at, sock.family, len(pending.original)))
        elif result == errno.EINPROGRESS and sock.blocks and isinstance(sock, Taken):
            taken = sock
            if sock.patience is not None:
                pending.deadline = pending.began + sock.patience
            self._watch(pending, taken.socket, lambda: self._answer(pending, taken.proceed()))
        elif result in (0, errno.EINPROGRESS) or not ticket:
            self._answer(pending, result)
        else:
            if ticket != "::1":  # those are told of only when they come
                self._loop.tell("gone", {"ticket": ticket})
            self._tell_unseen(
                "error", f"{pending.to.endpoint} (its socket cannot reach Brownout: {os.strerror(result)})"
            )
            kernel.let_pass(self._listener, pending.number)
            self._done(pending)

    def _passed(self, pending: Pending, written: bytes) -> None:
        """Let the kernel go on with an address of ours, and put the caller's back when it has."""
        kernel.let_pass(self._listener, pending.number)
        self._remember(pending)
        self._written.add(pending.sock.note, pending.sock.process, pending.original, written, time.monotonic())
        self._done(pending)

    def _remember(self, pending: Pending) -> None:
        """Remember that a socket is connecting: the next connect() asks how that went, which the kernel knows."""
        self._begun[pending.sock.key] = None
        if len(self._begun) > _BEGUN:
            del self._begun[next(iter(self._begun))]

    def _watch(self, pending: Pending, sock: socket.socket, decided: Callable[[], None]) -> None:
        self._loop.watch(sock, lambda: self._step(pending, decided))

    def _answer(self, pending: Pending, result: int) -> None:
        if result == errno.EINPROGRESS and not pending.sock.blocks:
            self._remember(pending)
        heard = kernel.answer(self._listener, pending.number, result) and (self._safe or not pending.sock.blocks)
        if pending.brought and not heard:
            self._unheard[pending.sock.key] = result
            if len(self._unheard) > _UNHEARD:
                del self._unheard[next(iter(self._unheard))]
        self._done(pending)

    def _done(self, pending: Pending) -> None:
        self._pending.pop(pending.sock.key, None)
        if pending.upstream is not None:
            self._loop.forget(pending.upstream)
            pending.upstream.close()
            pending.upstream = None
        if isinstance(pending.sock, Taken):
            self._loop.forget(pending.sock.socket)
        pending.sock.close()

    def _told(self, pending: Pending, ticket: str, result: int = 0, how: str = "carry") -> None:
        """Tell the proxies of a connection that comes to them by a ticket, or of one that does not (no ticket)."""
        upstream, pending.upstream = (pending.upstream, None) if ticket else (None, pending.upstream)
        if upstream is not None:
            self._loop.forget(upstream)
        seconds = time.monotonic() - pending.began
        process = pending.sock.process
        program, dialled = program_of(process), upstream is not None
        since = self.routes.opened.since(pending.to.host, pending.to.port)
        scope = pending.route.scope
        said = Connect(ticket, *pending.to, process, program, dialled, result, round(seconds, 6), how, since, scope)
        self._loop.tell("connect", said._asdict(), upstream)

    def _step(self, pending: Pending, step: Callable[[], None]) -> None:
        """Go on with a call; if that raises, the kernel does it."""
        try:
            step()
        except Exception as error:
            self._tell_wrong(error)
            kernel.let_pass(self._listener, pending.number)
            self._done(pending)

    # Time

    def timeout(self) -> float | None:
        """Return in how many seconds `tick()` is to be called, None: not before something happens."""
        times = [each.deadline for each in self._pending.values() if each.deadline is not None]
        times += [self._look_at] if self._pending else []
        times += [] if self._written.due is None else [self._written.due]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for pending in list(self._pending.values()):
            self._step(pending, partial(self._look_after, pending, now))
        if now >= self._look_at:
            self._look_at = now + _LOOK
        self._written.tick(now)

    def _look_after(self, pending: Pending, now: float) -> None:
        if pending.deadline is not None and now >= pending.deadline:
            if pending.sock.blocks:
                self._answer(pending, errno.EINPROGRESS)  # what connect() says when SO_SNDTIMEO is over
            else:
                if len(self._slow) >= _BEGUN:
                    self._slow.clear()
                self._slow[pending.to.endpoint] = now
                self._bring_to_door(pending)
            return
        if now < self._look_at:
            return
        if kernel.is_waiting(self._listener, pending.number):
            pending.lost_at = None
        elif pending.lost_at is None:
            pending.lost_at = now
        elif now - pending.lost_at >= _LOST:
            self._done(pending)

    def _tell_wrong(self, error: Exception) -> None:
        """Tell of what was raised here, unless it is the caller's: a bad descriptor or address, or it is gone."""
        if not (isinstance(error, OSError) and error.errno in _CALLERS):
            self._tell_unseen("error", f"{type(error).__name__}: {error}")

    def _tell_inside(self, server: int, client: int) -> None:
        """Tell once that a process of the command has connected to another one."""
        if (server, client) not in self._inside:
            if len(self._inside) >= _UNHEARD:
                self._inside.clear()
            self._inside.add((server, client))
            self._loop.tell("inside", {"server": server, "client": client})

    def _tell_unseen(self, what: str, detail: str) -> None:
        """Tell once of connections that pass by."""
        if (what, detail) not in self._unseen and len(self._unseen) < _UNHEARD:
            self._unseen.add((what, detail))
            self._loop.tell("unseen", {"what": what, "detail": detail})
