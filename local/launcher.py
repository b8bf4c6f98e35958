"""Start one child so that it cannot outlive the stack: `launcher.py SIGNAL PARENT USER PATH -- COMMAND…`.

Its one rule: it ends in `exec`, so the child is the very process the stack started. It runs before any of our
packages can be imported (`python -I -S`), hence the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
NO_SETUID_FIXUP, KEEP_CAPS = 1 << 2, 1 << 4  # the former also lets access(2) heed capabilities, which Postgres asks
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
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc:
        libc.prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP | KEEP_CAPS, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if libc:
        _capabilities(libc, effective=0, permitted=1 << CAP_DAC_OVERRIDE)
        if _reaches(path):
            _capabilities(libc, effective=0, permitted=0)
            return
        # A checkout below /root or a private temporary directory: Postgres refuses root, but not this.
        _capabilities(libc, effective=1 << CAP_DAC_OVERRIDE, permitted=1 << CAP_DAC_OVERRIDE)
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    if not _reaches(path):
        sys.exit(f"the user {name}, for whom root starts this, may not read {path}")


def _reaches(path: str) -> bool:
    return os.access(path, os.R_OK) and os.access(os.getcwd(), os.X_OK)  # noqa: PTH109 - standard library only


def _capabilities(libc: ctypes.CDLL, *, effective: int, permitted: int) -> None:
    """Set what the process may do and may pass on (capset(2))."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)(effective, permitted, permitted, 0, 0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
