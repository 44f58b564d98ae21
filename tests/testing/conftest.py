"""An upstream that says what it hears, and tests that no Brownout of the outside reaches."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BROWNOUT_API", raising=False)
        patch.delenv("BROWNOUT_TOKEN", raising=False)
        yield


@pytest.fixture(scope="session")
def echo() -> Iterator[str]:
    """The address of an echo server that lives in threads."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
