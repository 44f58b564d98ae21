"""HTTP/1.x: how it is read, and how heads and replies of our own are written.

protocol    what the rest of Brownout knows of it: name, port, keys of a match, readers
reader      the readers of both streams            head, operation    what heads say
reply       replies to requests, framed right      edit               the fields of a head, edited
opening     how a connection begins, and for which host
"""

from .edit import edit_fields
from .head import HttpReply, HttpRequest
from .protocol import HTTP
from .reader import Http1
from .reply import reply_bytes

__all__ = ["HTTP", "Http1", "HttpReply", "HttpRequest", "edit_fields", "reply_bytes"]
