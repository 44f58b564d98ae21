import socket


def keeper() -> socket.socket:
    """A socket that keeps its address until it is closed: nobody listens there but who is told to.

    It is bound and does not listen, so clients are refused, and the system gives the port to nobody who asks for any
    free one. SO_REUSEADDR, on it and on a server's socket, lets the server listen there all the same.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept
