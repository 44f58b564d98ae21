"""HTTP/1.x as a protocol: all that the rest of Brownout knows of it stands here, or is reached from here."""

from __future__ import annotations

from ..protocol import Key, Protocol
from .dialect import Http1
from .opening import opening
from .spelling import of_a_header, of_a_target

HTTP = Protocol(
    "http",
    port=80,
    keys=(
        Key("method", "head", "The method, in upper or lower case.", str.upper),
        Key("host", "head", "The host that the request names, without port.", str.lower),
        Key("path", "head", "The path, without the query.", spellings=of_a_target),
        Key("query", "head", "What follows the `?`.", spellings=of_a_target),
        Key("header.NAME", "head", "A header of the request.", spellings=of_a_header),
        Key("content_type", "head", "The media type of the request's body, without parameters.", str.lower),
        Key("body", "body", "The request's body as UTF-8. Of a long body, its beginning."),
        Key("json.PATH", "json", "A value in a JSON body, like `json.items.0.sku`; a dot within a name is `\\.`."),
        Key("status", "reply", "The status of the reply."),
        Key("reply_header.NAME", "reply", "A header of the reply.", spellings=of_a_header),
    ),
    dialect=Http1(),
    opening=opening,
)
