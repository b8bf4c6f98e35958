"""An identity provider as tests play it: it signs tokens, shows its keys, and forges what nobody should believe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from parley.domain.errors import Unavailable
from parley.edge.issuer_keys import IssuerKeys

ISSUER = "https://login.acme.example/pool"
AUDIENCE = "parley"


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of somebody; one given as None is left out."""
    now = int(time.time())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ana", "iat": now, "exp": now + 600, **changes}
    return {name: value for name, value in given.items() if value is not None}


class Issuer:
    """An identity provider: it signs, shows its keys, and can be down. Its time is told by hand. `usual`: what all its
    tokens claim unless they are made to claim something else.
    """

    def __init__(self, algorithm: str = "RS256", **usual: Any) -> None:
        self.algorithm = algorithm
        self.usual = usual
        self.keys: dict[str, Any] = {}
        self.asked = 0
        self.down = False
        self.now = 1000.0
        self.kept: bytes | None = None
        self.add("one")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a token of this issuer claims."""
        return claims(**{**self.usual, **changes})

    def add(self, key_id: str) -> None:
        """Begin to sign with a new key."""
        small = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys[key_id] = small if self.algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())

    def shown(self) -> bytes:
        """The key set."""
        listed = []
        for key_id, key in self.keys.items():
            encoder = jwt.algorithms.RSAAlgorithm if self.algorithm == "RS256" else jwt.algorithms.ECAlgorithm
            listed.append({**encoder.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"})
        return json.dumps({"keys": listed}).encode()

    def fetch(self) -> bytes:
        """What is answered to whoever asks for the keys."""
        self.asked += 1
        if self.down:
            raise Unavailable("down")
        return self.shown()

    def keep(self, document: bytes) -> None:
        """What was last read."""
        self.kept = document

    def sign(self, claims: dict[str, Any], key_id: str | None = "one", key: Any = None, **header: Any) -> str:
        """A token of these claims."""
        headers = {**({"kid": key_id} if key_id else {}), **header}
        return jwt.encode(claims, key or self.keys[key_id or "one"], self.algorithm, headers=headers)

    def client(self) -> IssuerKeys:
        """The keys as a function knows them that has just started."""
        algorithm: Any = self.algorithm
        return IssuerKeys(algorithm, self.fetch, kept=lambda: self.kept, keep=self.keep, clock=lambda: self.now)


def attacks(issuer: Issuer) -> Iterator[tuple[str, str]]:
    """Tokens that are not to be believed, by what is wrong with them."""
    now, other = int(time.time()), Issuer(issuer.algorithm, **issuer.usual)
    public = issuer.keys["one"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    yield "no signature at all", jwt.encode(issuer.claims(), "", algorithm="none", headers={"kid": "one"})
    yield "the public key as a secret", hmac_signed(issuer.claims(), pem)
    yield "the key set as a secret", hmac_signed(issuer.claims(), issuer.shown())
    yield "an empty secret", hmac_signed(issuer.claims(), b"")
    yield "somebody else's key under this id", other.sign(issuer.claims())
    yield (
        "a key that it brings itself",
        other.sign(issuer.claims(), None, other.keys["one"], jwk=json.loads(other.shown())),
    )
    yield "a key elsewhere", other.sign(issuer.claims(), None, other.keys["one"], jku="https://evil.example/keys")
    yield "no key id, and another key", other.sign(issuer.claims(), None, other.keys["one"])
    yield "a foreign issuer", issuer.sign(issuer.claims(iss="https://evil.example"))
    yield "the issuer with a slash", issuer.sign(issuer.claims(iss=issuer.claims()["iss"] + "/"))
    yield "no issuer", issuer.sign(issuer.claims(iss=None))
    yield "expired", issuer.sign(issuer.claims(exp=now - 60))
    yield "no end", issuer.sign(issuer.claims(exp=None))
    yield "not yet good", issuer.sign(issuer.claims(nbf=now + 600))
    yield "of the future", issuer.sign(issuer.claims(iat=now + 600))
    yield "for somebody else", issuer.sign(issuer.claims(aud="another"))
    yield "for others, in a list", issuer.sign(issuer.claims(aud=["another", "third"]))
    yield "for nobody", issuer.sign(issuer.claims(aud=None))
    yield "no subject", issuer.sign(issuer.claims(sub=None))
    yield "a company that is no id", issuer.sign(issuer.claims(tenant_id="' or 1=1"))
    yield "an unknown critical header", issuer.sign(issuer.claims(), "one", crit=["x"], x=1)
    yield "a key id that is a path", issuer.sign(issuer.claims(), "../one", issuer.keys["one"])
    good = issuer.sign(issuer.claims())
    yield (
        "another body",
        ".".join([good.split(".")[0], issuer.sign(issuer.claims(sub="bob")).split(".")[1], good.split(".")[2]]),
    )
    family = "ES256" if issuer.algorithm == "RS256" else "RS256"
    yield "another algorithm", Issuer(family, **issuer.usual).sign(issuer.claims())


def hmac_signed(body: dict[str, Any], secret: bytes) -> str:
    """A token under HS256 with a secret that PyJWT would not sign with."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "one"}).encode())
    signed = f"{head}.{part(json.dumps(body).encode())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
