"""AWS and Meta as far as the rows need them, in a process of its own and as quick as Python can be, so that what is
measured is the caller. Its one rule: it answers at once and remembers nothing.

Run as `python -m bench.stub SECRET`: it prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys

from local.http_wire import Server
from local.options import HOST

POST_SECONDS = 0.01
"""What a post to `@connections` takes within one region, below the prefix `/slow`."""


class Stub:
    """Answers SendMessage, GetSecretValue, `@connections`, and Meta's sends."""

    def __init__(self, secret: str) -> None:
        self._secret = json.dumps({"Name": "bench", "SecretString": secret}).encode()

    def answer(self, connection: Server, _: bytes, url: bytes, body: bytes) -> None:
        """Answer one request by what its body looks like."""
        if url.startswith(b"/slow/@connections/"):
            asyncio.get_running_loop().call_later(POST_SECONDS, connection.answer, 200)
        elif url.startswith(b"/@connections/") or not body:
            connection.answer(200)
        elif url.endswith(b"/messages"):
            connection.answer(200, b'{"messaging_product": "whatsapp", "messages": [{"id": "wamid.bench"}]}')
        elif b'"SecretId"' in body:
            connection.answer(200, self._secret)
        else:
            text = json.loads(body).get("MessageBody", "")
            md5 = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            connection.answer(200, b'{"MessageId": "00000000", "MD5OfMessageBody": "%b"}' % md5.encode())


async def serve(stub: Stub) -> None:
    """Serve on a free port until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(stub.answer, lambda _: None), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Stub(sys.argv[1])))
