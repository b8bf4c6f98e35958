"""Evolution's errors, in its one shape; nearly all of them are 400 (src/exceptions, error handler of main.ts)."""

from starlette.responses import Response

from local.simulator.answers import Json

_NAMES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


class EvolutionError(Exception):
    """An error as Evolution answers it. `message` is a text where its code throws one, else a list."""

    def __init__(self, status: int, message: object) -> None:
        super().__init__(str(message))
        self.status = status
        self.message = message

    def answer(self) -> Response:
        """The error as an answer."""
        name = _NAMES.get(self.status, "Internal Server Error")
        body = {"status": self.status, "error": name, "response": {"message": self.message}}
        return Json(body, status_code=self.status)


def bad(text: str) -> EvolutionError:
    """What Evolution throws for anything that goes wrong in a request."""
    return EvolutionError(400, [text])


def invalid(mistakes: list[str]) -> EvolutionError:
    """A body that does not fit its schema: the list of mistakes lies in a list."""
    return EvolutionError(400, [mistakes])


def unauthorized() -> EvolutionError:
    """A key that is neither the server's nor the instance's."""
    return EvolutionError(401, "Unauthorized")


def no_instance(name: str) -> EvolutionError:
    """The instance in the path is not there; said before the key is looked at."""
    return EvolutionError(404, [f'The "{name}" instance does not exist'])


def not_on_whatsapp(number: str, jid: str) -> EvolutionError:
    """Nobody has this number."""
    return EvolutionError(400, [{"jid": jid, "exists": False, "number": number}])


def disconnected() -> EvolutionError:
    """What every send says while the instance is closed."""
    return bad("Error: Connection Closed")
