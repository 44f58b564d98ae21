"""Run a command under a seccomp filter that refuses calls with EPERM, as a container's may.

    python limited.py CALL[,CALL...] COMMAND...        a CALL is a number, or `seccomp`: that a listener is asked for

What the command does before, the interpreter's own start included, must not need them.
"""

import ctypes
import os
import sys

from brownout.supervisor import kernel

LOAD, EQUAL, ALL_SET, RETURN = 0x20, 0x15, 0x45, 0x06
REFUSE, ALLOW = 0x00050001, 0x7FFF0000  # SECCOMP_RET_ERRNO with EPERM
FLAGS = 16 + 8  # the second argument, in struct seccomp_data
LISTENER = 1 << 3


def main() -> None:
    numbers = kernel.calls()
    assert numbers is not None
    rows = [(LOAD, 0, 0, 0)]
    for call in sys.argv[1].split(","):
        if call == "seccomp":
            rows += [(EQUAL, 0, 4, numbers.seccomp), (LOAD, 0, 0, FLAGS), (ALL_SET, 0, 1, LISTENER)]
            rows += [(RETURN, 0, 0, REFUSE), (LOAD, 0, 0, 0)]
        else:
            rows += [(EQUAL, 0, 1, int(call)), (RETURN, 0, 0, REFUSE)]
    rows.append((RETURN, 0, 0, ALLOW))
    program = kernel._Program(len(rows), (kernel._Filter * len(rows))(*(kernel._Filter(*row) for row in rows)))
    kernel.set_process(kernel.PR_SET_NO_NEW_PRIVS)
    assert kernel._libc.syscall(numbers.seccomp, 1, 0, ctypes.byref(program)) == 0
    os.execvp(sys.argv[2], sys.argv[2:])


main()
