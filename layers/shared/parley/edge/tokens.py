"""People's tokens (JWT). The one rule: the algorithm is the deployment's, never the token's, and a token is believed
only if it names issuer, audience and end, and its signature holds.

HS256 is under the deployment's own secret; RS256 and ES256 are under the issuer's keys. Whom a token names is read at
configured paths: `tenant_id`, `app_metadata.tenant_id`, `https://acme.example/tenant_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn
from uuid import UUID

import jwt

from parley.domain.errors import Unauthenticated, Unavailable

from .issuer_keys import IssuerKeys

LEEWAY_SECONDS: Final = 10
LONGEST_TOKEN: Final = 8192
LONGEST_SUBJECT: Final = 255
LONGEST_EMAIL: Final = 254
LONGEST_NAME: Final = 200
ROLES: Final = frozenset({"owner", "admin", "agent"})


@dataclass(frozen=True, slots=True)
class ClaimPaths:
    """Where a token says what: a claim's name, or a path of names with dots between."""

    subject: str = "sub"
    tenant: str = "tenant_id"
    role: str = "role"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person whom a valid token names, until when. `tenant_id` None: the token names no company. `email` only where
    the issuer has checked it. `role` and `name` count when the person is added, not afterwards.
    """

    tenant_id: UUID | None
    issuer: str
    subject: str
    until: datetime | None = None
    email: str | None = None
    name: str | None = None
    role: str | None = None


class TokenReader:
    """Reads tokens. `secret` is asked each time, so that a rotated one is followed; without it no HS256 token is
    believed. With `keys`, only tokens under those are.
    """

    def __init__(
        self,
        secret: Callable[[], str | None],
        issuer: str,
        audience: str,
        *,
        claims: ClaimPaths | None = None,
        keys: IssuerKeys | None = None,
    ) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        self._paths = claims or ClaimPaths()
        self._keys = keys

    def read(self, token: str) -> Subject:
        """Whom a token names. Raises Unauthenticated, or Unavailable where the issuer's keys were never read."""
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is not valid.")
        try:
            claims = self._verified(token)
        except (Unauthenticated, Unavailable):
            raise
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.") from error
        except Exception as error:
            # Not PyJWTError alone: claims of wild types and sizes reach int() and json in there.
            raise Unauthenticated("The token is not valid.") from error
        return self._subject(claims)

    def _verified(self, token: str) -> dict[str, Any]:
        algorithm = self._keys.algorithm if self._keys else "HS256"
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key(token, algorithm),
            algorithms=[algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "aud", "exp"]},
        )
        return claims

    def _key(self, token: str, algorithm: str) -> Any:  # noqa: ANN401 - PyJWT takes texts and keys
        if self._keys is None:
            secret = self._secret()
            if not secret:
                raise Unauthenticated("The token is not valid.")
            return secret
        header = jwt.get_unverified_header(token)
        key_id = header.get("kid")
        # What is refused anyway must not make anybody ask the issuer for keys.
        if header.get("alg") != algorithm or not (key_id is None or (isinstance(key_id, str) and len(key_id) <= 255)):
            raise Unauthenticated("The token is not valid.")
        found = self._keys.find(key_id)
        if found is None:
            raise Unauthenticated("The token is signed with a key that its issuer does not show.")
        return found

    def _subject(self, claims: Mapping[str, Any]) -> Subject:
        verified = claims.get("email_verified") in (True, "true")
        role = _at(claims, self._paths.role)
        return Subject(
            _tenant(_at(claims, self._paths.tenant), self._paths.tenant),
            self._issuer,
            _named(_at(claims, self._paths.subject), self._paths.subject),
            _end(claims["exp"]),
            email=_text(claims.get("email"), LONGEST_EMAIL) if verified else None,
            name=_text(claims.get("name"), LONGEST_NAME),
            role=role if isinstance(role, str) and role in ROLES else None,
        )


def _at(claims: Mapping[str, Any], path: str) -> object:
    """What is at a path; a claim whose whole name is the path goes first, since names may be URLs."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _tenant(claim: object, path: str) -> UUID | None:
    if claim is None:
        return None
    try:
        return UUID(claim) if isinstance(claim, str) else _refuse(path)
    except ValueError:
        _refuse(path)


def _named(claim: object, path: str) -> str:
    return _text(claim, LONGEST_SUBJECT) or _refuse(path)


def _text(claim: object, longest: int) -> str | None:
    # Printable leaves out NUL and halves of surrogate pairs, neither of which Postgres takes.
    usable = isinstance(claim, str) and claim.isprintable() and 0 < len(claim) <= longest
    return claim if isinstance(claim, str) and usable else None


def _end(claim: object) -> datetime:
    """When the token ends, as late as it is believed; what is beyond any calendar is as good as never."""
    try:
        return datetime.fromtimestamp(int(claim) + LEEWAY_SECONDS, UTC)  # type: ignore[call-overload]
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _refuse(claim: str) -> NoReturn:
    raise Unauthenticated(f"The token's {claim} is not usable.")
