"""How connections begin, in protocols that are carried and not parsed.

A function is given what came first from the client and from the server, either of which may be empty or cut off, and
says whether that is its protocol's and no other one's. Taking something else for it is worse than missing it, so
lengths must fit, and what an end that has spoken said must not contradict.
"""

from __future__ import annotations

import re

_POSTGRES_CODES = {
    80877102: range(16, 269),  # CancelRequest; its key has up to 256 bytes since protocol 3.2
    80877103: range(8, 9),  # SSLRequest
    80877104: range(8, 9),  # GSSENCRequest
}
"""Which lengths the requests have that begin like a StartupMessage."""
_POSTGRES_PARAMETER = re.compile(rb"[a-z][a-z0-9_.]*\x00[^\x00]+\x00")
_POSTGRES_LONGEST = 10_000

_MYSQL_VERSION = re.compile(rb"\x0a[0-9]+\.[ -~]{1,100}\x00")
_MYSQL_ERROR = re.compile(rb"\xff..(?:#[0-9A-Z]{5})?[ -~]+", re.DOTALL)
_MYSQL_ERRORS = range(1000, 5000)

_REDIS = re.compile(rb"\*[1-9][0-9]{0,6}\r\n\$[1-9][0-9]{0,8}\r\n[A-Za-z]|(?i:PING|INFO(?: [a-z]+)?)\r\n")
_REDIS_REPLY = re.compile(rb"[+\-:$*_#,(!=%~>]|$")

_SMTP = re.compile(rb"220[ -][^\r\n]{0,512}?\bE?SMTP\b")
_SMTP_CLIENT = re.compile(rb"(?:EHLO|HELO|LHLO|QUIT|NOOP)\b|$", re.IGNORECASE)

_NATS = re.compile(rb"INFO \{")
_NATS_CLIENT = re.compile(rb"CONNECT \{|PING\r\n|$")

_KAFKA_FIRST = {0: 13, 1: 18, 2: 11, 3: 13, 10: 6, 17: 1, 18: 5}
"""The newest versions of the requests that connections begin with, from Produce (0) to ApiVersions (18)."""
_KAFKA_CLIENT = re.compile(rb"[ -~]*")

_MONGODB_SECTION = re.compile(rb"[\x00\x01]")
_MONGODB_COLLECTION = re.compile(rb"[!-~]+\.\$cmd\x00")
_MONGODB_LONGEST = 2**20


def amqp(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with the protocol header of AMQP 0-9-1 (section 4.2.2 of its specification)."""
    return client.startswith(b"AMQP\x00\x00\x09\x01")


def kafka(client: bytes, server: bytes) -> bool:
    """Say whether a client's first bytes are one whole request with a header of version 1 or 2.

    Length, api key, api version, correlation id, client id: "Request Header" in Kafka's protocol guide.
    """
    if len(client) < 14 or int.from_bytes(client[:4], "big") != len(client) - 4:
        return False
    key, version = int.from_bytes(client[4:6], "big"), int.from_bytes(client[6:8], "big")
    if version > _KAFKA_FIRST.get(key, -1) or client[8] & 0x80:
        return False
    length = int.from_bytes(client[12:14], "big", signed=True)
    return -1 <= length <= len(client) - 14 and _KAFKA_CLIENT.fullmatch(client, 14, 14 + max(length, 0)) is not None


def mongodb(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with OP_MSG, or with OP_QUERY on a `$cmd` collection ("MongoDB Wire Protocol").

    Length, request id, response to, operation; then flags, and a section or the collection.
    """
    length, answers, operation, flags = (int.from_bytes(client[at : at + 4], "little") for at in (0, 8, 12, 16))
    if len(client) < 21 or not 26 <= length <= _MONGODB_LONGEST or answers:
        return False
    if operation == 2013:
        return not flags & 0xFFFE_FFFC and _MONGODB_SECTION.match(client, 20) is not None
    return operation == 2004 and flags < 2**8 and _MONGODB_COLLECTION.match(client, 20) is not None


def mssql(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with a PRELOGIN packet whose first option is VERSION.

    [MS-TDS], sections 2.2.3 and 2.2.6.5.
    """
    if len(client) < 14 or int.from_bytes(client[2:4], "big") != len(client):
        return False
    return client[:2] == b"\x12\x01" and client[7] == 0 and client[8] == 0 and client[11:13] == b"\x00\x06"


def mysql(client: bytes, server: bytes) -> bool:
    """Say whether a server greets with a handshake of version 10, or with an error in its place.

    Length, sequence 0, then "Protocol::HandshakeV10" or "ERR_Packet" of MySQL's client/server protocol.
    """
    if len(server) < 7 or int.from_bytes(server[:3], "little") != len(server) - 4 or server[3]:
        return False
    if client[3:4] not in (b"", b"\x01"):
        return False
    if _MYSQL_VERSION.match(server, 4):
        return True
    return int.from_bytes(server[5:7], "little") in _MYSQL_ERRORS and _MYSQL_ERROR.fullmatch(server, 4) is not None


def nats(client: bytes, server: bytes) -> bool:
    """Say whether a server begins with INFO and its JSON ("NATS Client Protocol")."""
    return _NATS.match(server) is not None and _NATS_CLIENT.match(client) is not None


def postgres(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with StartupMessage, SSLRequest, GSSENCRequest or CancelRequest.

    Length, then the version or a code: "Message Formats" in the manual of PostgreSQL.
    """
    length, code = int.from_bytes(client[:4], "big"), int.from_bytes(client[4:8], "big")
    if len(client) < 8 or length < len(client):
        return False
    if code >> 16 == 3:
        return length <= _POSTGRES_LONGEST and _POSTGRES_PARAMETER.match(client, 8) is not None
    return length == len(client) and length in _POSTGRES_CODES.get(code, ())


def redis(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with an array of bulk strings, or with PING or INFO in a line ("RESP")."""
    return _REDIS.match(client) is not None and _REDIS_REPLY.match(server) is not None


def smtp(client: bytes, server: bytes) -> bool:
    """Say whether a server greets with 220 and calls itself an SMTP server; FTP says 220 as well.

    RFC 5321, sections 3.1 and 4.2.
    """
    return _SMTP.match(server) is not None and _SMTP_CLIENT.match(client) is not None
