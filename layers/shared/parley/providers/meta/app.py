"""One URL for a whole Meta app: its signature, and whose each part of a body is. The one rule: a change of a body
belongs to the one number, or business account, that it names, so no part holds what another's customers wrote.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from parley.domain.errors import Rejected, Unreadable
from parley.providers.base import Part
from parley.providers.reading import Json, object_of, objects, optional_id, read_object

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})", re.ASCII)
_NUMBER: Final = re.compile(rb'"phone_number_id"\s*:\s*"([0-9]{1,20})"')
_OBJECT: Final = "whatsapp_business_account"


def check_signature(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Check `X-Hub-Signature-256`, HMAC-SHA256 of the raw bytes under the app's secret.

    Raises Rejected: signature_missing, signature_malformed or signature_wrong.
    """
    header = headers.get("x-hub-signature-256")
    if not header:
        raise Rejected("signature_missing")
    match = _SIGNATURE.fullmatch(header.strip())
    if not match:
        raise Rejected("signature_malformed")
    expected = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    if not hmac.compare_digest(match[1].lower(), expected):
        raise Rejected("signature_wrong")


class App:
    """The URL that all numbers of a Meta app share."""

    def verify(self, body: bytes, headers: Mapping[str, str], secret: str) -> None:
        """Check the signature. Raises Rejected."""
        check_signature(body, headers, secret)

    def account_of(self, body: bytes) -> str:
        """The first number the body names, by a look that costs next to nothing; empty where it names none."""
        match = _NUMBER.search(body)
        return match[1].decode() if match else ""

    def take_apart(self, body: bytes) -> Sequence[Part]:
        """Each change with the number it names, else with its business account.

        Raises Unreadable.
        """
        webhook = read_object(body)
        if webhook.get("object") != _OBJECT:
            raise Unreadable("not a webhook of a WhatsApp business account")
        return [
            Part(_account(change, entry), {**entry, "changes": [change]})
            for entry in objects(webhook.get("entry"), "entry")
            for change in objects(entry.get("changes"), "changes")
        ]

    def put_together(self, parts: Sequence[Part]) -> bytes:
        """The body that Meta would have posted, had there been these parts alone."""
        entries: list[dict[str, Any]] = []
        for part in parts:
            around = {name: value for name, value in part.content.items() if name != "changes"}
            if entries and {**entries[-1], "changes": None} == {**around, "changes": None}:
                entries[-1]["changes"] += part.content["changes"]
            else:
                entries.append({**around, "changes": list(part.content["changes"])})
        return json.dumps({"object": _OBJECT, "entry": entries}, separators=(",", ":")).encode()


def _account(change: Json, entry: Json) -> str:
    metadata = object_of(object_of(change.get("value")).get("metadata"))
    return optional_id(metadata.get("phone_number_id")) or optional_id(entry.get("id")) or ""
