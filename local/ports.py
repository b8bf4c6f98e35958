"""Ports on loopback; their one rule: the gateway's is the person's choice, every other is any free one."""

import socket

from local.options import HOST, StackError


def free_port() -> int:
    """Answer a port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def claim_port(port: int) -> socket.socket:
    """Bind the gateway's port before anything else starts.

    Raises:
        StackError: it is taken.
    """
    claimed = socket.socket()
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind((HOST, port))
        claimed.listen(0)  # two may bind with SO_REUSEADDR as long as none listens
    except OSError as error:
        claimed.close()
        raise StackError(f"port {port} is taken or not allowed: choose another with PORT=…") from error
    return claimed
