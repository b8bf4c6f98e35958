"""How the Bot API says no: always the same JSON, with the HTTP status in it once more."""

from starlette.responses import Response

from local.simulator.answers import Json

_KINDS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 413: "Request Entity Too Large"}


class TelegramError(Exception):
    """A call that is refused, in Telegram's words."""

    def __init__(self, words: str = "", status: int = 400, **parameters: int) -> None:
        kind = _KINDS.get(status, "Internal Server Error")
        super().__init__(words)
        self.status, self.parameters = status, parameters
        self.description = f"{kind}: {words}" if words else kind

    def answer(self) -> Response:
        """The refusal as an answer."""
        more = {"parameters": self.parameters} if self.parameters else {}
        body = {"ok": False, "error_code": self.status, "description": self.description, **more}
        return Json(body, status_code=self.status)


def too_many(seconds: int) -> Response:
    """The answer to one call too many: in the body, and by the server behind it also in the header."""
    body = {
        "ok": False,
        "error_code": 429,
        "description": f"Too Many Requests: retry after {seconds}",
        "parameters": {"retry_after": seconds},
    }
    return Json(body, status_code=429, headers={"Retry-After": str(seconds)})
