"""The pumps' own page: what they count, and where they are told to pause; one rule: it is the local stack's alone, for
what CloudWatch and Lambda's event sources are asked on AWS.

`GET /pump` tells of every queue; `POST /pump/{queue}/pause` and `…/resume` stop and start taking from one.
"""

from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from local.asgi import respond_json
from local.pump import Pump
from local.sqs import SqsError

PREFIX = "/pump"


class PumpControl:
    """Tells of the pumps, and tells them. `pumps` is looked at anew at each request."""

    def __init__(self, pumps: Mapping[str, Pump]) -> None:
        self._pumps = pumps

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        match scope["method"], scope["path"].removeprefix(PREFIX).strip("/").split("/"):
            case "GET", [""]:
                await self._tell(send)
            case "POST", [queue, "pause"] if queue in self._pumps:
                await self._pumps[queue].pause()
                await respond_json(send, 200, {"data": {"queue": queue, "paused": True}})
            case "POST", [queue, "resume"] if queue in self._pumps:
                self._pumps[queue].resume()
                await respond_json(send, 200, {"data": {"queue": queue, "paused": False}})
            case _:
                await respond_json(send, 404, {"message": "no such queue, or nothing to be done to it"})

    async def _tell(self, send: Send) -> None:
        try:
            figures = [await pump.figures() for pump in self._pumps.values()]
        except SqsError as error:
            await respond_json(send, 503, {"message": str(error)})
            return
        await respond_json(send, 200, {"data": figures})
