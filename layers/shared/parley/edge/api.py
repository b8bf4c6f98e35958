"""A function behind the HTTP API. The one rule: every request ends here, as an answer and as one line in the log; a
caller is known before anything is looked up for them, and a body is read before that.

The order: the credential as far as it proves itself (401), the body's size and syntax (413, 400), the caller's row
(401, 403), the rate (429), the key's scope and the person's role (403), the parameters and the body's fields (400,
404), the work.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast
from uuid import UUID, uuid4

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from parley.domain.errors import Forbidden, InvalidRequest, NotFound, RateLimited
from parley.domain.metrics import Gauges
from parley.domain.principal import Principal

from .authentication import Authenticator
from .bodies import read_object
from .declaration import ANY_CALLER, EVERYBODY, Answers, Declaration, Role, Weight
from .logs import whereabouts
from .problems import known_error, problem
from .schemas import path_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Handler = TypeVar("Handler", bound=Callable[..., Response[Any]])
__all__ = ["ANY_CALLER", "EVERYBODY", "Api", "Call", "ProblemShape", "answer"]

_RANKS: Final[Mapping[str | None, int]] = {None: 0, "agent": 1, "admin": 2, "owner": 3}


class ProblemShape(Protocol):
    """How a route answers an error."""

    def __call__(self, error: Exception, request_id: str, correlation_id: str, /) -> dict[str, Any]:
        """Shape the error as an answer of payload 2.0."""


@dataclass(slots=True)
class Call:
    """One request on its way. `facts` go to the log, so they are ids and figures, never what a person wrote. `waited`:
    seconds that the caller asked to wait for a gateway; they are no latency of ours.
    """

    route: str
    headers: Mapping[str, str]
    request_id: str
    correlation_id: UUID
    base_url: str = ""
    caller: Principal | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    answer_headers: dict[str, str] = field(default_factory=dict)
    waited: float = 0.0


class RateLimiter(Protocol):
    """Counts requests."""

    def take(self, caller: Principal, weight: Weight) -> Mapping[str, str]:
        """Take a turn for a request; answer the headers that say what is left. Raises RateLimited."""


class Api:
    """Routes of one function. Each names the scope an API key needs for it, and the role a person does."""

    def __init__(
        self, name: str, authenticator: Authenticator, limiter: RateLimiter | None = None, meter: Gauges | None = None
    ) -> None:
        self._app = APIGatewayHttpResolver(enable_validation=True)
        self._app.exception_handler(Exception)(_raise_ours)
        self._authenticator = authenticator
        self._limiter = limiter
        self._meter = meter
        self._log = logging.getLogger(f"parley.{name}")
        self._shapes: dict[str, ProblemShape] = {}
        self._call: Call | None = None
        self.declarations: dict[str, Declaration] = {}

    def route(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        role: Role = "agent",
        weight: Weight = "api",
        gives: Answers = None,
        summary: str | None = None,
        example: Mapping[str, Any] | None = None,
        headers: tuple[str, ...] = (),
        shape: ProblemShape = problem,
    ) -> Callable[[Handler], Handler]:
        """Answer a route (`/v1/things/{id}`) with the decorated function, whose annotations say what is valid.

        `scope`: what an API key needs; `role`: what a person does. The rest is for the OpenAPI document: `gives` is
        the type of the answer (`One[Thing]`), or types by status; `example` a body; `headers` the names of those that
        are read.
        """
        key = f"{method} {path}"

        def declare(handler: Handler) -> Handler:
            self.declarations[key] = Declaration(
                method, path, scope, role, weight, handler, gives, summary, example, headers
            )
            return add(handler)

        self._shapes[key] = shape
        rule = path.replace("{", "<").replace("}", ">")
        open_to_all = scope == EVERYBODY
        add = self._app.route(rule, method, middlewares=[] if open_to_all else [_refuse_unknown_parameters])
        return declare

    @property
    def scopes(self) -> dict[str, str]:
        """The scope of each route."""
        return {key: declared.scope for key, declared in self.declarations.items()}

    @property
    def call(self) -> Call:
        """The request being answered."""
        if self._call is None:
            raise LookupError("no request is being answered")
        return self._call

    @property
    def caller(self) -> Principal:
        """Who asks."""
        if self.call.caller is None:
            raise LookupError(f"{self.call.route} is open to everybody")
        return self.call.caller

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer one event of the HTTP API (payload 2.0); raises nothing."""
        began = time.perf_counter()
        call = self._call = _read_call(event)
        try:
            answer = self._answer(event, context, call)
        except Exception as error:
            shape = self._shapes.get(call.route, problem)
            answer = shape(error, call.request_id, str(call.correlation_id))
            call.facts["code"] = known_error(error).code
            if answer["statusCode"] >= 500:
                call.facts |= whereabouts(error)
        finally:
            self._call = None
        answer["headers"] |= {"x-correlation-id": str(call.correlation_id), **call.answer_headers}
        seconds = time.perf_counter() - began
        self._write_line(call, int(answer["statusCode"]), seconds)
        if self._meter is not None:
            ms = max(0.0, round((seconds - call.waited) * 1000, 1))
            self._meter.together({"api.requests": 1, "api.latency": ms})
        return answer

    def _answer(self, event: Mapping[str, Any], context: object, call: Call) -> dict[str, Any]:
        body: dict[str, Any] | None = None
        if self.scopes.get(call.route) != EVERYBODY:
            credential = self._authenticator.read(call.headers)
            if call.route.startswith(("POST ", "PUT ", "PATCH ")):
                body = read_object(event)
            call.caller = self._authenticator.recognise(credential)
            self._admit(call, call.caller)
        query = {name: value for name, value in (event.get("queryStringParameters") or {}).items() if value}
        plain = {
            **event,
            "headers": {**call.headers, "content-type": "application/json"},
            "queryStringParameters": query,
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
        return self._app.resolve(plain, cast("LambdaContext", context))

    def _admit(self, call: Call, caller: Principal) -> None:
        """Whether this caller may have this route now, before anything of the request is looked at."""
        declared = self.declarations.get(call.route)
        if declared is None:
            return
        if self._limiter is not None:
            try:
                call.answer_headers |= self._limiter.take(caller, declared.weight)
            except RateLimited as error:
                call.answer_headers |= error.extra.get("headers", {})
                raise
        if declared.scope != ANY_CALLER and not caller.may(declared.scope):
            raise Forbidden(f"This key lacks the scope {declared.scope}.")
        if caller.kind == "user" and _RANKS[caller.role] < _RANKS[declared.role]:
            raise Forbidden(f"This needs the role {declared.role}.")

    def _write_line(self, call: Call, status: int, seconds: float) -> None:
        about = {
            "correlation_id": str(call.correlation_id),
            "route": call.route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            **({"tenant_id": str(call.caller.tenant_id), "principal": call.caller.key} if call.caller else {}),
            **call.facts,
        }
        self._log.log(logging.ERROR if status >= 500 else logging.INFO, "request", extra=about)


def answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response[Any]:
    """A JSON answer; what is personal is kept out of caches."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(status, "application/json", text, headers={"cache-control": "no-store", **(headers or {})})


def _read_call(event: Mapping[str, Any]) -> Call:
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    try:
        correlation_id = UUID(headers.get("x-correlation-id", ""))
    except ValueError:
        correlation_id = uuid4()
    request_id = str((event.get("requestContext") or {}).get("requestId") or correlation_id)
    return Call(str(event.get("routeKey") or "$default"), headers, request_id, correlation_id, _base_url(event))


def _base_url(event: Mapping[str, Any]) -> str:
    """Where this API is reached; only the local stack is without TLS."""
    domain = str((event.get("requestContext") or {}).get("domainName") or "")
    return f"{'http' if domain.startswith('127.0.0.1') else 'https'}://{domain}"


def _translated(error: Exception) -> Exception:
    """The library's errors as ours."""
    if isinstance(error, NotFoundError):
        return NotFound()
    if not isinstance(error, RequestValidationError):
        return error
    found = error.errors()
    if any(one["loc"][0] == "path" for one in found):
        return NotFound()
    return InvalidRequest(
        "The request has fields that are not valid.",
        errors=[{"path": path_of(one["loc"][1:]) or "body", "message": one["msg"]} for one in found],
    )


def _refuse_unknown_parameters(
    app: APIGatewayHttpResolver, next_middleware: Callable[..., Response[Any]]
) -> Response[Any]:
    known = {parameter.alias for parameter in app.context["_route"].dependant.query_params}
    unknown = sorted(set(app.current_event.query_string_parameters) - known)
    if unknown:
        raise InvalidRequest(errors=[{"path": name, "message": "unknown parameter"} for name in unknown])
    return next_middleware(app)


def _raise_ours(error: Exception) -> Response[Any]:
    # The library would answer its own kinds of errors itself, in its own words.
    raise _translated(error)
