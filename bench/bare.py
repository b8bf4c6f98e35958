"""The barest POST there is on the same server: read the body, answer 200. The yardstick of the gateway's rows."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

ANSWER = b'{"received": true}'


async def application(_: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
