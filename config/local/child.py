"""Becomes the command it is given, as a process that dies with its parent. Run as a script.

Usage: child.py PARENT_PID SIGNAL UID PROGRAM…  (UID 0 leaves the user as it is.) A `preexec_fn` would do the
same, but Python warns of it in a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop to the user, ask the kernel for a signal when the parent dies, then exec."""
    parent, signum, uid = (int(word) for word in sys.argv[1:4])
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)  # before prctl: a change of user clears the death signal
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(1)
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606


if __name__ == "__main__":
    main()
