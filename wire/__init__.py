"""How bytes are read and written: addresses now, one sans-I/O module per protocol as they get built.

Standard library and parsers only; imports no other room.
"""
