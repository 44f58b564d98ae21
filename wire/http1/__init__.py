"""HTTP/1.x: a reader for each stream, what heads say, and heads and replies that we write ourselves."""

from .edit import edit_fields, reply_bytes
from .head import HttpReply, HttpRequest
from .protocol import HTTP
from .reader import Http1

__all__ = ["HTTP", "Http1", "HttpReply", "HttpRequest", "edit_fields", "reply_bytes"]
