"""Addresses of gateways that somebody hosts. The one rule: a company's admin must not make this deployment call what
only the deployment can reach.

What a name leads to is not looked up here: names change. This refuses what is plainly private.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from parley.domain.errors import InvalidRequest

_PRIVATE_ENDINGS = ("localhost", ".localhost", ".local", ".internal", ".home.arpa", ".lan")


def require_public(url: object, allowed: Collection[str] = ()) -> None:
    """Raise InvalidRequest unless this is an https address on the public internet, or begins as an allowed one does; no
    address at all is fine.
    """
    if url is None:
        return
    if not isinstance(url, str) or not (_is_public(url) or any(url.startswith(one) for one in allowed if one)):
        problem = {"path": "settings.baseUrl", "message": "should be an https address on the public internet"}
        raise InvalidRequest(errors=[problem])


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or not host or parts.username is not None or parts.password is not None:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        plain = host.replace(".", "").isdigit() or host.startswith("0x") or "." not in host
        return not plain and not host.endswith(_PRIVATE_ENDINGS)
