"""Start one child so that it cannot outlive the stack: `launcher.py SIGNAL PARENT USER PATH -- COMMAND…`.

Its one rule: it ends in `exec`, so the child is the very process the stack started. It runs before any of our
packages can be imported (`python -I -S`), hence the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1


def main(arguments: list[str]) -> None:
    """Drop to a user if one is named, tie the child's life to the parent's, become the command."""
    death_signal, parent, user, path, _, *command = arguments
    if user != "-":
        _become(user, path)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            os.kill(os.getpid(), signal.SIGKILL)
    os.execv(command[0], command)  # noqa: S606 - no shell wanted


def _become(name: str, path: str) -> None:
    """Give root up for `name`, keeping the right to walk through other people's directories if `path` needs it."""
    import pwd

    user = pwd.getpwnam(name)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if libc and not os.access(path, os.R_OK, effective_ids=True):
        # A checkout below /root or a private temporary directory: Postgres refuses root, but not this.
        mask = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        libc.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
        if not os.access(path, os.R_OK, effective_ids=True):
            sys.exit(f"the user {name} may not read {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
