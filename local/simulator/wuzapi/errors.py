"""How WuzAPI answers: one envelope for what worked and what did not, in the order Go writes a map's keys."""

import json
from typing import Any

from starlette.responses import Response


class WuzError(Exception):
    """A refusal with WuzAPI's own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def answer(self) -> Response:
        """The refusal as an answer."""
        return said({"code": self.status, "error": self.text, "success": False}, self.status)


def done(data: dict[str, Any]) -> Response:
    """What worked."""
    return said({"code": 200, "data": data, "success": True})


def said(body: dict[str, Any], status: int = 200) -> Response:
    """Any JSON, as Go's encoder ends it: with a newline."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n"
    return Response(text.encode("ascii"), status, media_type="application/json")


def sending_failed(reason: str) -> WuzError:
    """What whatsmeow says, the way WuzAPI passes it on."""
    return WuzError(500, f"error sending message: {reason}")
