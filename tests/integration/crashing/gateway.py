"""Meta as it behaves on bad days. The one rule: it logs every request it received, and that log, not Parley's own
account of things, is what P5 is judged by.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx

ACCEPTS = "accepts"
SILENT = "accepts, then says nothing"
BREAKS = "accepts, then answers 503"
DROPS = "loses the request and says nothing"
UNREACHABLE = "cannot be connected to"
THROTTLES = "is too busy once"
REFUSES = "refuses"
SLOW = "accepts, but answers after the lease"
OUTRUN = "answers after the lease and after its own statuses"
FADES = "accepts, and breaks off after the lease"

BEHAVIOURS = (ACCEPTS, SILENT, BREAKS, DROPS, UNREACHABLE, THROTTLES, REFUSES, SLOW, OUTRUN, FADES)


@dataclass(frozen=True)
class Received:
    """A request of which at least one byte arrived. `denied`: answered so that the sender knows it was not taken."""

    reference: str
    text: str
    denied: bool


class Gateway:
    """Accepts messages and tells their statuses. `script`: how it behaves for the next requests, `accepts` afterwards;
    `meanwhile`: what goes on elsewhere while somebody waits for a slow answer; `tells_late`: its statuses are a long
    time coming.
    """

    def __init__(self, meta: SimpleNamespace, meanwhile: Callable[[], None]) -> None:
        self._meta = meta
        self._meanwhile = meanwhile
        self.script: list[str] = []
        self.log: list[Received] = []
        self.taken: dict[str, str] = {}
        self.tells_late = False
        self.to_tell: list[bytes] = []
        self.to_tell_later: list[bytes] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer `POST /{account}/messages`, or break off as the script says."""
        behaviour = self.script.pop(0) if self.script else ACCEPTS
        if behaviour == UNREACHABLE:
            raise httpx.ConnectError("connection refused", request=request)
        body = json.loads(request.content)
        reference, text = body["biz_opaque_callback_data"], body["text"]["body"]
        denied = behaviour in {THROTTLES, REFUSES}
        self.log.append(Received(reference, text, denied))
        if behaviour == THROTTLES:
            return _response(429, {"error": {"code": 130429}}, {"retry-after": "5"})
        if behaviour == REFUSES:
            return _response(400, {"error": {"code": 131047, "message": "Re-engagement message"}})
        if behaviour == DROPS:
            raise httpx.ReadTimeout("no answer", request=request)
        return self._take(behaviour, request, reference, text)

    def _take(self, behaviour: str, request: httpx.Request, reference: str, text: str) -> httpx.Response:
        provider_id = f"wamid.out.{text}.{len(self.log)}"
        self.taken[reference] = provider_id
        if behaviour in {SLOW, FADES}:
            self._meanwhile()
        self._tell(reference, provider_id)
        if behaviour == OUTRUN:
            self.catch_up()
            self._meanwhile()
        if behaviour in {SILENT, FADES}:
            raise httpx.ReadTimeout("no answer", request=request)
        if behaviour == BREAKS:
            return _response(503, {})
        return _response(200, {"messaging_product": "whatsapp", "messages": [{"id": provider_id}]})

    def _tell(self, reference: str, provider_id: str) -> None:
        """Statuses come in any order; the last one first is the meanest."""
        statuses = [
            self._meta.status(provider_id, name, at=at, biz_opaque_callback_data=reference)
            for at, name in ((3, "read"), (1, "sent"), (2, "delivered"))
        ]
        told = self.to_tell_later if self.tells_late else self.to_tell
        told += [self._meta.body(statuses=some) for some in (statuses[:1], statuses[1:])]

    def catch_up(self) -> None:
        """Tell what was a long time coming."""
        self.to_tell += self.to_tell_later
        self.to_tell_later.clear()

    def problems(self) -> list[str]:
        """P5: a message is requested once more only if every request before was denied for certain."""
        maybe_taken = Counter(received.reference for received in self.log if not received.denied)
        texts = {received.reference: received.text for received in self.log}
        return [
            f"P5: the gateway got {texts[reference]!r} {times} times"
            for reference, times in maybe_taken.items()
            if times > 1
        ]


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(json.dumps(body).encode()))
