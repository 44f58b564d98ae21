"""Faults of streams, in virtual time: what an injection does to the bytes that pass."""
