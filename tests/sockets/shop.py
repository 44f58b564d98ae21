"""An HTTP upstream and a client of it, on sockets, for tests of exchanges."""

import asyncio
import contextlib
import itertools
import random
import socket

RST = b"\1\0\0\0\0\0\0\0"
ELSEWHERE = {"fault": "http.status", "status": 503, "match": {"path": "/never"}}
"""A fault that is armed, and for nobody."""


class Phone:
    """A client on a bare socket, which hears how its link ends."""

    def __init__(self, sock: socket.socket, reset: ConnectionResetError | None = None) -> None:
        self.sock = sock
        self.reset = reset
        self.loop = asyncio.get_running_loop()
        self.heard = b""

    async def say(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    async def _more(self) -> bytes:
        if self.reset is not None:
            raise self.reset
        data = await self.loop.sock_recv(self.sock, 65536)
        self.heard += data
        return data

    async def hear(self, count: int) -> bytes:
        while len(self.heard) < count:
            assert await self._more(), self.heard
        data, self.heard = self.heard[:count], self.heard[count:]
        return data

    async def reply(self) -> tuple[int, str]:
        """The status and the body of a reply that says its length."""
        while b"\r\n\r\n" not in self.heard:
            assert await self._more(), self.heard
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        return int(head.split()[1]), (await self.hear(int(length.split()[0]))).decode()

    async def rest(self) -> tuple[bytes, str]:
        """All that comes, and how it ends."""
        try:
            while await self._more():
                pass
        except ConnectionResetError:
            return self.heard, "RST"
        return self.heard, "FIN"

    def finish(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def hang_up(self, how: str = "FIN") -> None:
        if how == "RST":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        self.sock.close()


async def dial(world, proxy) -> Phone:
    sock = socket.socket()
    world.sockets.append(sock)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (proxy.address.host, proxy.address.port))
    except ConnectionResetError as error:  # as late as that: whoever reads hears of it
        return Phone(sock, error)
    return Phone(sock)


def ask(target: str, method: str = "GET", body: bytes = b"", fields: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: shop.test\r\n{fields}{length}\r\n".encode() + body


def ok(text: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text.encode())


class Shop:
    """An upstream that replies to each request with its number and target, or as `says` has it; `got` is what came."""

    def __init__(self, **says: bytes) -> None:
        self.got: list[str] = []
        self.says = {f"/{name}": reply for name, reply in says.items()}
        self.leaves = 0.0  # so often behind a reply

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):  # the end of the stream
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target = head.decode().split()[:2]
                _, _, length = head.partition(b"Content-Length: ")
                await reader.readexactly(int(length.split()[0]) if length else 0)
                self.got.append(f"{method} {target}")
                writer.write(self.says.get(target, ok(f"{len(self.got)} {target}")))
                await writer.drain()
                if random.Random(target).random() < self.leaves:
                    break
        writer.close()


async def open_shop(world, **says: bytes):
    shop = Shop(**says)
    return shop, await world.proxy("shop", f"http://{await world.serve(shop)}")


async def pair(world):
    """A proxy with one link: the client, then the server's reader and writer."""
    proxy = await world.proxy("shop", f"http://{await world.serve()}")
    return proxy, await dial(world, proxy), *await world.accepted()


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    places = sorted({0, len(data), *(rng.randint(0, len(data)) for _ in range(rng.randint(0, 9)))})
    return [data[start:end] for start, end in itertools.pairwise(places)]
