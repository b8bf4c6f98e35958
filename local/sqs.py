"""SQS as this stack reaches it; its one rule: whoever makes a message visible wakes the queue's reader.

MiniStack's own long poll looks only every 100 ms. Functions therefore send through the gateway (`SqsDoor`), which
passes every call on and tells the pump when a message of that queue can be read.
"""

import json
import re
from collections.abc import Callable
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from local.asgi import JSON, read_body, respond
from local.http_wire import Client
from local.intrinsics import ACCOUNT, REGION

MESSAGE_LIMIT = 4 * 1024 * 1024
QUEUE_URL = re.compile(rb'"QueueUrl"\s*:\s*"[^"]*/([^"/]+)"')
DELAYS = re.compile(rb'"(?:DelaySeconds|VisibilityTimeout)"\s*:\s*(\d+)')
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential=local/20250101/{REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0"
PASSED_ON = {b"x-amz-target", b"content-type", b"authorization", b"x-amz-date", b"user-agent", b"x-amzn-query-mode"}
WAKING = ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch")


class SqsError(Exception):
    """MiniStack refused a call or is not there."""


class Sqs:
    """The few SQS calls the pump makes."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, action: str, queue: str, **arguments: Any) -> dict[str, Any]:
        """Make one call on a queue.

        Raises:
            SqsError: it was refused, or nobody answered.
        """
        headers = [
            (b"x-amz-target", f"AmazonSQS.{action}".encode()),
            (b"content-type", b"application/x-amz-json-1.0"),
            (b"authorization", AUTHORIZATION.encode()),
        ]
        body = json.dumps({"QueueUrl": f"http://sqs/{ACCOUNT}/{queue}", **arguments}).encode()
        try:
            status, _, answer = await self._client.request(b"POST", b"/", headers, body)
        except OSError as error:
            raise SqsError(f"SQS does not answer: {error}") from error
        if status != 200:
            raise SqsError(f"SQS refused {action}: {answer[:300]!r}")
        return cast(dict[str, Any], json.loads(answer)) if answer else {}


class SqsDoor:
    """Passes functions' SQS calls on to MiniStack."""

    def __init__(self, client: Client, wake: Callable[[str, float], None]) -> None:
        self._client = client
        self._wake = wake

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Answer whether a request is for SQS."""
        if scope["method"] != "POST":
            return False
        return any(name == b"x-amz-target" and value.startswith(b"AmazonSQS.") for name, value in scope["headers"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on; wake the queue's reader if the call made or will make a message visible."""
        body = await read_body(receive, MESSAGE_LIMIT)
        if body is None:
            await respond(send, 413, [JSON], b'{"__type":"com.amazonaws.sqs#RequestEntityTooLarge"}')
            return
        headers = [(name, value) for name, value in scope["headers"] if name in PASSED_ON]
        action = next(v.decode().rpartition(".")[2] for n, v in headers if n == b"x-amz-target")
        try:
            status, answered, answer = await self._client.request(b"POST", b"/", headers, body)
        except OSError:
            await respond(send, 503, [JSON], b'{"__type":"com.amazonaws.sqs#ServiceUnavailable"}')
            return
        if status == 200 and action in WAKING:
            self._wake_reader(body)
        kept = [(name, value) for name, value in answered if name.startswith(b"x-amz") or name == b"content-type"]
        await respond(send, status, kept, answer)

    def _wake_reader(self, body: bytes) -> None:
        """Find the queue and when its messages can be read.

        Searched for, not parsed: bodies go up to a megabyte. Quotes inside the message text are escaped there, so that
        nothing a customer writes matches.
        """
        if queue := QUEUE_URL.search(body):
            delays = {float(delay) for delay in DELAYS.findall(body)} or {0.0}
            for delay in delays:
                self._wake(queue[1].decode(), delay)
