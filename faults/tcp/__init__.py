"""Faults of streams and connections: they act on any protocol over TCP, without reading it."""
