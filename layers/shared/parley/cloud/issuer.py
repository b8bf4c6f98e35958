"""The key set of the issuer of people's tokens, from where it shows it. The one rule: one small answer over TLS, from
the very address the deployment names, or none.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import urllib3

from .endpoint import CallFailed

LARGEST: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


def fetch_keys(url: str, *, connect: float = 2.0, read: float = 3.0) -> bytes:
    """The body at this address: https, or plain on this very machine. Raises CallFailed (an Unavailable)."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise CallFailed("reading the issuer's keys", error="the address is not https")
    timeout = urllib3.Timeout(connect=connect, read=read)
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            try:
                body = answer.read(LARGEST + 1, decode_content=True)
            finally:
                answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise CallFailed("reading the issuer's keys", error=type(error).__name__) from error
    if answer.status != 200 or len(body) > LARGEST:
        raise CallFailed("reading the issuer's keys", answer.status, "not a key set")
    return bytes(body)
