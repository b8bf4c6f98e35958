"""AWS Signature Version 4. The one rule: botocore is the oracle; a test compares every
case with it.

Why our own: importing botocore's signer costs more than all the rest of the webhook receiver (docs/decisions/0017).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from parley.domain.errors import Unavailable

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and the session token that goes with a temporary one."""

    access_key: str
    secret_key: str
    token: str | None = None


def ambient_credentials() -> Credentials:
    """Find the credentials of this process, anew for every request so that none outlives its term.

    Lambda sets them in the environment, fixed for the life of a container. Where it does not (under SnapStart a local
    endpoint gives them, on a laptop a profile), botocore's chain finds and refreshes them.
    """
    access_key, secret_key = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN") or None)
    found = _chain()
    if found is None:
        raise Unavailable("There are no AWS credentials.")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def load() -> None:
    """Import botocore's chain if it will be needed, so that a snapshot of the started function holds it."""
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        import botocore.credentials
        import botocore.session  # noqa: F401


@cache
def _chain() -> Any:  # noqa: ANN401  (botocore's, which refreshes itself)
    from botocore.session import get_session

    return get_session().get_credentials()


def sign(
    credentials: Credentials,
    *,
    service: str,
    region: str,
    method: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    query: str = "",
) -> dict[str, str]:
    """Return `headers` with the host, the date, the token and the signature over all of them. `path` is as it goes
    on the wire, and so is `query`, whose names are in order (`canonical_query`).
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": host, "x-amz-date": stamp}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = sorted(signed)
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/~"),  # a second time on top of the wire's own: only S3 signs the path as it is
            query,
            *(f"{name}:{' '.join(signed[name].split())}" for name in names),
            "",
            ";".join(names),
            sha256(body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(signing_key(credentials, stamp[:8], region, service), to_sign.encode(), sha256).hex()
    key_id, names_signed = f"{credentials.access_key}/{scope}", ";".join(names)
    signed["authorization"] = f"{_ALGORITHM} Credential={key_id}, SignedHeaders={names_signed}, Signature={signature}"
    return signed


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Parameters as they are signed and as they go on the wire: in the order of what they are encoded as."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signing_key(credentials: Credentials, day: str, region: str, service: str) -> bytes:
    """The key that signs for one day (YYYYMMDD), region and service."""
    key = b"AWS4" + credentials.secret_key.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), sha256)
    return key
