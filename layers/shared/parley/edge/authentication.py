"""Who calls: a person by a JWT, an integrator by an API key. The one rule: whatever is presented, only 401 and 403
come of it (503 where a token's keys were never read), and what can be told without the database is told first.

An API key is `pk_<tenant and key id>_<secret>_<crc>`, all hexadecimal; the checksum (CRC-32 of what stands before it)
spares the database those that were cut or mistyped.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

from parley.domain.errors import Unauthenticated
from parley.domain.principal import Principal
from parley.services.recognise import Directory

from .issuer_keys import IssuerKeys
from .tokens import ClaimPaths, Subject, TokenReader

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
_API_KEY = re.compile(r"(pk_([0-9a-f]{32})([0-9a-f]{32})_([0-9a-f]{64}))_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is at least well written."""

    tenant_id: UUID
    id: UUID
    secret: str = field(repr=False)


Credential: TypeAlias = Subject | Key


class Authenticator:
    """Reads credentials and finds whose they are. `directory` and `jwt_secret` are asked on each request, so that
    nothing is opened before the first and a rotated secret is followed. `claims` and `keys`: as TokenReader says.
    """

    def __init__(
        self,
        directory: Callable[[], Directory],
        jwt_secret: Callable[[], str | None],
        issuer: str,
        audience: str,
        *,
        claims: ClaimPaths | None = None,
        keys: IssuerKeys | None = None,
    ) -> None:
        self._directory = directory
        self._tokens = TokenReader(jwt_secret, issuer, audience, claims=claims, keys=keys)

    def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """The caller whom these headers (names in lower case) prove.

        Raises Unauthenticated or Forbidden.
        """
        return self.recognise(self.read(headers))

    def authenticate_token(self, token: str) -> Principal:
        """The person whom a token proves.

        Raises Unauthenticated or Forbidden.
        """
        return self.recognise(self._tokens.read(token))

    def read(self, headers: Mapping[str, str]) -> Credential:
        """The credential in these headers, as far as it can be checked without the database; a bearer goes before a
        key.

        Raises Unauthenticated.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            bearer = _BEARER.fullmatch(authorization.strip())
            if bearer is None:
                raise Unauthenticated("The Authorization header is not a bearer token.")
            return self._tokens.read(bearer[1])
        if (api_key := headers.get("x-api-key")) is not None:
            return _read_api_key(api_key)
        raise Unauthenticated

    def recognise(self, credential: Credential) -> Principal:
        """The caller behind a credential, as the database knows them now.

        Raises Unauthenticated or Forbidden.
        """
        if isinstance(credential, Key):
            return self._directory().api_key(credential.tenant_id, credential.id, credential.secret)
        principal = self._directory().user(
            credential.tenant_id,
            credential.issuer,
            credential.subject,
            email=credential.email,
            name=credential.name,
            role=credential.role,
        )
        return replace(principal, until=credential.until)


def _read_api_key(text: str) -> Key:
    parts = _API_KEY.fullmatch(text.strip())
    if parts is None or f"{zlib.crc32(parts[1].encode()):08x}" != parts[5]:
        raise Unauthenticated("The API key is not valid.")
    return Key(UUID(parts[2]), UUID(parts[3]), parts[4])
