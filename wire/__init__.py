"""How bytes are read and written: addresses, the known protocols, and parsers without I/O.

    address -> protocols -> protocol, plugins     what is spoken where; the protocols of other packages
    recognition -> openings, tls, http1           which protocol is spoken, from the first bytes of a connection
    dialect                                       what a parser must offer: a reader for each stream
    http1/                                        the parser of HTTP/1, one folder per protocol that is parsed
    errors, mask                                  the one tree of exceptions; URLs without their passwords
    lazily                                        names of a package that are imported when they are asked for

Standard library alone. This room imports no other.
"""
