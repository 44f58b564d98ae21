"""HTTP/1.x: how it is read, and how heads and replies of our own are written.

protocol    what the rest of Brownout knows of it: name, port, keys of a match, readers
dialect     what makes the readers
reader      the readers of both streams            head, operation    what heads say
reply       replies to requests, framed right      edit               the fields of a head, edited
opening     how a connection begins, and for which host

The names below are imported when they are asked for: whoever reads an address needs the protocol alone.
"""

from typing import TYPE_CHECKING

from ..lazily import lazily

if TYPE_CHECKING:
    from .dialect import Http1
    from .edit import edit_fields
    from .head import HttpReply, HttpRequest
    from .protocol import HTTP
    from .reply import reply_bytes

__all__ = ["HTTP", "Http1", "HttpReply", "HttpRequest", "edit_fields", "reply_bytes"]

if not TYPE_CHECKING:
    __getattr__ = lazily(
        __name__,
        {
            "HTTP": ".protocol",
            "Http1": ".dialect",
            "HttpReply": ".head",
            "HttpRequest": ".head",
            "edit_fields": ".edit",
            "reply_bytes": ".reply",
        },
    )
