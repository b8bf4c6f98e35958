"""API Gateway's HTTP API: payload 2.0 events, CORS, its limits and its own errors; one rule: routes are the template's.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import asyncio
import base64
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.types import Receive, Scope, Send

from local.asgi import JSON, client_of, read_body, respond, respond_json
from local.bundle import Bundle, Cors, HttpRoute
from local.intrinsics import ACCOUNT
from local.runtime import FunctionPool, Outcome

BODY_LIMIT = 6 * 1024 * 1024
EVENT_LIMIT = 6_291_556
INTEGRATION_TIMEOUT = 30
TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript")


class HttpApi:
    """Routes requests to functions and functions' answers back."""

    def __init__(self, bundle: Bundle, pools: Mapping[str, FunctionPool], domain: str) -> None:
        self._pools = pools
        self._domain = domain
        self._cors = _CorsHeaders(bundle.cors) if bundle.cors else None
        # By method and number of segments; a greedy route under 0 fits any longer path.
        self._routes: dict[tuple[str, int], list[_Route]] = defaultdict(list)
        for route in map(_Route, bundle.http_routes):
            self._routes[route.method, route.length].append(route)
        for routes in self._routes.values():
            routes.sort(key=lambda route: route.rank)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as API Gateway would."""
        headers = _joined_headers(scope)
        cors = self._cors.of(headers.get("origin")) if self._cors else []
        if self._cors and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await respond(send, 204, self._cors.preflight(headers.get("origin")), b"")
            return
        body = await read_body(receive, BODY_LIMIT)
        if body is None:
            await respond_json(send, 413, {"message": "Request Entity Too Large"}, cors)
            return
        found = self._find(scope["method"], scope["path"])
        if found is None:
            await respond_json(send, 404, {"message": "Not Found"}, cors)
            return
        route, parameters = found
        event = json.dumps(self._event(scope, headers, body, route, parameters)).encode()
        if len(event) > EVENT_LIMIT:
            await respond_json(send, 413, {"message": "Request Entity Too Large"}, cors)
            return
        try:
            async with asyncio.timeout(INTEGRATION_TIMEOUT):
                outcome = await asyncio.shield(self._pools[route.function].invoke(event))
        except TimeoutError:
            outcome = Outcome(b"", "Sandbox.Timedout")
        status, answer_headers, answer = _answer_of(outcome)
        await respond(send, status, [*answer_headers, *cors], answer)

    def _find(self, method: str, path: str) -> "tuple[_Route, dict[str, str]] | None":
        segments = path.split("/")[1:]
        for length in (len(segments), 0):
            for known in (method, "ANY"):
                for route in self._routes.get((known, length), ()):
                    parameters = route.match(segments)
                    if parameters is not None:
                        return route, parameters
        return None

    def _event(
        self, scope: Scope, headers: dict[str, str], body: bytes, route: "_Route", parameters: dict[str, str]
    ) -> dict[str, Any]:
        query = scope["query_string"].decode("latin-1")
        cookies = headers.pop("cookie", None)
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": scope["path"],
            "rawQueryString": query,
            "headers": headers,
            "requestContext": self._request_context(scope, headers, route),
            "isBase64Encoded": False,
        }
        if cookies is not None:
            event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
        if query:
            event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
        if parameters:
            event["pathParameters"] = parameters
        if body:
            event["body"], event["isBase64Encoded"] = _event_body(body, headers.get("content-type", ""))
        return event

    def _request_context(self, scope: Scope, headers: Mapping[str, str], route: "_Route") -> dict[str, Any]:
        now = time.time()
        return {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": self._domain,
            "domainPrefix": "local",
            "http": {
                "method": scope["method"],
                "path": scope["path"],
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": client_of(scope),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": route.key,
            "stage": "$default",
            "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now * 1000),
        }


class _Route:
    def __init__(self, route: HttpRoute) -> None:
        self.method = route.method.upper().replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY")
        self.key = f"{self.method} {route.path}"
        self.function = route.function
        self._segments = route.path.split("/")[1:]
        self._greedy = self._segments[-1].endswith("+}")
        self.length = 0 if self._greedy else len(self._segments)
        # API Gateway prefers what is written out to what is a parameter, from the left.
        self.rank = [segment.startswith("{") for segment in self._segments]

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Answer the path's parameters if the path is of this route."""
        if self._greedy:
            if len(segments) < len(self._segments):
                return None
            last = len(self._segments) - 1
            segments = [*segments[:last], "/".join(segments[last:])]
        parameters = {}
        for pattern, segment in zip(self._segments, segments, strict=True):
            if pattern.startswith("{"):
                if not segment:
                    return None
                parameters[pattern.strip("{}+")] = segment
            elif pattern != segment:
                return None
        return parameters


class _CorsHeaders:
    def __init__(self, cors: Cors) -> None:
        self._cors = cors

    def of(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        """Answer the headers every answer to this origin gets."""
        if origin is None or not ({origin, "*"} & set(self._cors.origins)):
            return []
        allowed = "*" if "*" in self._cors.origins else origin
        headers = [(b"access-control-allow-origin", allowed.encode()), (b"vary", b"origin")]
        if self._cors.credentials:
            headers.append((b"access-control-allow-credentials", b"true"))
        if self._cors.exposed:
            headers.append((b"access-control-expose-headers", ",".join(self._cors.exposed).encode()))
        return headers

    def preflight(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        """Answer the headers a preflight from this origin gets."""
        headers = self.of(origin)
        if headers:
            headers.append((b"access-control-allow-methods", ",".join(self._cors.methods).encode()))
            headers.append((b"access-control-allow-headers", ",".join(self._cors.headers).encode()))
            if self._cors.max_age is not None:
                headers.append((b"access-control-max-age", str(self._cors.max_age).encode()))
        return headers


def _joined_headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        separator = ";" if key == "cookie" else ","
        headers[key] = f"{headers[key]}{separator}{text}" if key in headers else text
    return headers


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _event_body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Answer the event's body and whether it is base64: API Gateway trusts the content type, we also the bytes."""
    if content_type.lower().startswith(TEXTUAL):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _answer_of(outcome: Outcome) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if outcome.timed_out:
        return 503, [JSON], b'{"message":"Service Unavailable"}'
    if outcome.error:
        return 500, [JSON], b'{"message":"Internal Server Error"}'
    answer = json.loads(outcome.payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return 200, [JSON], outcome.payload
    headers = [(str(k).lower().encode(), str(v).encode("latin-1")) for k, v in (answer.get("headers") or {}).items()]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"text/plain;charset=UTF-8"))
    headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in answer.get("cookies") or []]
    headers = [header for header in headers if header[0] != b"content-length"]
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else str(text).encode()
    return int(answer["statusCode"]), headers, body
