"""Who calls: a person by a JWT, an integrator by an API key. The one rule: whatever is presented, only 401 and 403
come of it, and what can be told without the database is told first.

A token is believed only if it is HS256 under the deployment's secret (the algorithm is pinned, never read from the
token) with `iss`, `aud` and `exp`; of its claims only `sub` and `tenant_id` are used. An API key is `pk_<tenant and
key id>_<secret>_<crc>`, all hexadecimal; the checksum (CRC-32 of what stands before it) spares the database those
that were cut or mistyped.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeAlias
from uuid import UUID

import jwt

from parley.domain.errors import Unauthenticated
from parley.domain.principal import Principal
from parley.services.recognise import Directory

LEEWAY_SECONDS: Final = 10
LONGEST_TOKEN: Final = 8192
LONGEST_SUBJECT: Final = 255

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
_API_KEY = re.compile(r"(pk_([0-9a-f]{32})([0-9a-f]{32})_([0-9a-f]{64}))_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Subject:
    """A person whom a valid token names."""

    tenant_id: UUID
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is at least well written."""

    tenant_id: UUID
    id: UUID
    secret: str = field(repr=False)


Credential: TypeAlias = Subject | Key


class Authenticator:
    """Reads credentials and finds whose they are. `directory` and `jwt_secret` are asked on each request, so that
    nothing is opened before the first and a rotated secret is followed; without a secret no token is believed.
    """

    def __init__(
        self, directory: Callable[[], Directory], jwt_secret: Callable[[], str | None], issuer: str, audience: str
    ) -> None:
        self._directory = directory
        self._jwt_secret = jwt_secret
        self._issuer = issuer
        self._audience = audience

    def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """The caller whom these headers (names in lower case) prove.

        Raises Unauthenticated or Forbidden.
        """
        return self.recognise(self.read(headers))

    def authenticate_token(self, token: str) -> Principal:
        """The person whom a token proves.

        Raises Unauthenticated or Forbidden.
        """
        return self.recognise(self._read_token(token))

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
            return self._read_token(bearer[1])
        if (api_key := headers.get("x-api-key")) is not None:
            return _read_api_key(api_key)
        raise Unauthenticated

    def recognise(self, credential: Credential) -> Principal:
        """The caller behind a credential, as the database knows them now.

        Raises Unauthenticated or Forbidden.
        """
        if isinstance(credential, Key):
            return self._directory().api_key(credential.tenant_id, credential.id, credential.secret)
        return self._directory().user(credential.tenant_id, credential.issuer, credential.subject)

    def _read_token(self, token: str) -> Subject:
        secret = self._jwt_secret()
        if not secret or len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is not valid.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "exp", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.") from error
        except Exception as error:
            # Not PyJWTError alone: claims of wild types and sizes reach int() and json in there.
            raise Unauthenticated("The token is not valid.") from error
        return Subject(_tenant(claims.get("tenant_id")), self._issuer, _subject(claims.get("sub")))


def _tenant(claim: object) -> UUID:
    if not isinstance(claim, str):
        _refuse("tenant_id")
    try:
        return UUID(claim)
    except ValueError:
        _refuse("tenant_id")


def _subject(claim: object) -> str:
    # Printable leaves out NUL and halves of surrogate pairs, neither of which Postgres takes.
    if not isinstance(claim, str) or not claim.isprintable() or not 0 < len(claim) <= LONGEST_SUBJECT:
        _refuse("sub")
    return claim


def _refuse(claim: str) -> NoReturn:
    raise Unauthenticated(f"The token's {claim} is not usable.")


def _read_api_key(text: str) -> Key:
    parts = _API_KEY.fullmatch(text.strip())
    if parts is None or f"{zlib.crc32(parts[1].encode()):08x}" != parts[5]:
        raise Unauthenticated("The API key is not valid.")
    return Key(UUID(parts[2]), UUID(parts[3]), parts[4])
