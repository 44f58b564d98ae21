"""How the connections of a command and of all processes beneath it are caught. Linux; the standard library alone.

A seccomp filter (seccomp(2), seccomp_unotify(2)) tells a small process of ours of each connect(). That process is the
parent of the command, so that no system setting keeps it from looking after it.
"""
