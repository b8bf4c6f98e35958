"""What the control API and the phone page are asked, checked in one place; what makes no sense is told what would."""

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from local.simulator.answers import Json
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.request_log import parsed

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request that makes no sense; `detail` says what would."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    def answer(self) -> Response:
        """The refusal as problem+json (RFC 9457), like every other error of this port."""
        problem = {"type": "about:blank", "title": self.code, "status": self.status, "code": self.code}
        return Json({**problem, "detail": self.detail}, status_code=self.status, media_type="application/problem+json")


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its RefusedError made an answer."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RefusedError as refusal:
            return refusal.answer()

    return answered


async def json_object(request: Request) -> Mapping[str, object]:
    """The request's body as a JSON object; raises RefusedError."""
    body = parsed(await request.body())
    if not isinstance(body, Mapping):
        raise RefusedError(400, "invalid_body", "The body must be a JSON object.")
    return body


def known_integration(integrations: Integrations, integration_id: object) -> SimulatedIntegration:
    """The integration a request names; raises RefusedError."""
    integration = integrations.by_id(integration_id)
    if integration is None:
        raise RefusedError(404, "not_found", f"No integration has the id {integration_id!r}; demo.json lists them.")
    return integration


def phone_digits(value: object) -> str:
    """A phone number as gateways write it, from any common spelling; raises RefusedError."""
    digits = re.sub(r"[\s()+.-]", "", value) if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9]{5,15}", digits):
        raise RefusedError(422, "invalid_from", "`from` must be a phone number with its country code.")
    return digits
