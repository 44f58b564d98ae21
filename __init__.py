"""Brownout: a proxy that makes the services you depend on slow, broken, absent or wrong, on command.

The rooms are the subpackages: `brownout.wire`, `.faults`, `.proxy`, `.control`, `.testing`, `.cli`.
Nothing is imported here: the repository root is this package, and pytest may import this file under another name.
"""
