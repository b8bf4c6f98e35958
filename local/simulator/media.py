"""The files of the simulated world: what customers send and what companies sent them, in memory, bounded.

`/simulator/media/{id}` is the one private address a company may fetch from on the local stack.
"""

import base64
import binascii
import hashlib
import mimetypes
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from local.simulator.answers import Json

SAMPLES = Path(__file__).parent / "samples"
SAMPLE_FILES = {
    "image": ("beach.jpg", "image/jpeg"),
    "audio": ("voice.ogg", "audio/ogg; codecs=opus"),
    "video": ("waves.mp4", "video/mp4"),
    "document": ("order.pdf", "application/pdf"),
    "sticker": ("star.webp", "image/webp"),
}
LARGEST_FILE = 100 * 1024 * 1024
MAXIMUM_BYTES = 512 * 1024 * 1024
FETCH_SECONDS = 30.0
# How long a file that was told to stall stops half-way.
STALL_SECONDS = 120.0
CHUNK = 256 * 1024

_DATA_URI = re.compile(r"data:([^,]*?)(;base64)?,(.*)", re.DOTALL)
# Shown in a page of ours, these could run; every other type is only ever a picture, a sound or a download.
_SHOWN = re.compile(r"(image/(jpeg|png|webp|gif)|audio/[\w.+-]+|video/[\w.+-]+)(;.*)?", re.ASCII)


@dataclass(frozen=True)
class File:
    """One file; `url` is where it can be fetched without any credential."""

    id: str
    content: bytes = field(repr=False)
    mime_type: str
    file_name: str | None
    url: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    @property
    def sha256(self) -> str:
        """The content's SHA-256, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def base64(self) -> str:
        """The content in base64."""
        return base64.b64encode(self.content).decode()

    def shown(self) -> dict[str, object]:
        """The file as the phone page gets it: by a path of its own port."""
        path = f"/simulator/media/{self.id}"
        return {"url": path, "mimeType": self.mime_type, "fileName": self.file_name, "size": self.size}


class MediaStore:
    """The files, by id; the oldest are forgotten when there are too many bytes."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._files: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0
        self._made = 0

    def routes(self) -> list[BaseRoute]:
        """The one path."""
        return [Route("/simulator/media/{id}", self._serve, methods=["GET"])]

    def add(self, content: bytes, mime_type: str | None, file_name: str | None = None) -> File:
        """Keep a file. Raises ValueError when it is larger than any gateway takes."""
        if len(content) > LARGEST_FILE:
            raise ValueError(f"A file may have at most {LARGEST_FILE} bytes.")
        self._made += 1
        guessed = mimetypes.guess_type(file_name or "")[0]
        file_id = str(10**14 + self._made * 7_919) + hashlib.sha256(content).hexdigest()[:8]
        url = f"{self._base_url}/simulator/media/{file_id}"
        file = File(file_id, content, mime_type or guessed or "application/octet-stream", file_name, url)
        self._files[file_id] = file
        self._bytes += file.size
        while self._bytes > MAXIMUM_BYTES:
            _, forgotten = self._files.popitem(last=False)
            self._bytes -= forgotten.size
        return file

    def get(self, file_id: str) -> File | None:
        """The file with this id, if it is still kept."""
        return self._files.get(file_id)

    def remove(self, file_id: str) -> None:
        """Forget a file, as gateways do after days."""
        forgotten = self._files.pop(file_id, None)
        self._bytes -= forgotten.size if forgotten else 0

    def sample(self, kind: str) -> File:
        """The built-in file of a kind."""
        name, mime_type = SAMPLE_FILES[kind]
        shown_name = name if kind == "document" else None
        return self.add((SAMPLES / name).read_bytes(), mime_type, shown_name)

    def decode(self, text: str, mime_type: str | None = None, file_name: str | None = None) -> File:
        """A file written as a data URI or bare base64. Raises ValueError."""
        found = _DATA_URI.match(text)
        if found and not found[2]:
            raise ValueError("A data URI must be in base64.")
        try:
            content = base64.b64decode(found[3] if found else text, validate=True)
        except binascii.Error as error:
            raise ValueError("The file is not base64.") from error
        if not content:
            raise ValueError("The file is empty.")
        return self.add(content, (found[1] or mime_type) if found else mime_type, file_name)

    async def fetch(self, url: str, mime_type: str | None = None, file_name: str | None = None) -> File:
        """Get a file from a company's link, as gateways do. Raises ValueError."""
        content = bytearray()
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, timeout=FETCH_SECONDS, trust_env=False) as client,
                client.stream("GET", url, follow_redirects=True) as answer,
            ):
                if answer.status_code != 200:
                    raise ValueError(f"The link answered {answer.status_code}.")
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST_FILE:
                        raise ValueError(f"A file may have at most {LARGEST_FILE} bytes.")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ValueError(f"The link cannot be fetched: {type(error).__name__}.") from error
        return self.add(bytes(content), mime_type or answer.headers.get("content-type"), file_name)

    async def _serve(self, request: Request) -> Response:
        file = self.get(request.path_params["id"])
        if file is None:
            return Json({"error": "There is no such file."}, status_code=404)
        return file_response(file)


def stalled_response(file: File, pause: Callable[[], Awaitable[None]]) -> Response:
    """A file of which the second half comes after a pause."""

    async def halves() -> AsyncIterator[bytes]:
        half = file.size // 2
        for start in range(0, half, CHUNK):
            yield file.content[start : min(start + CHUNK, half)]
        await pause()
        yield file.content[half:]

    headers = {"Content-Type": file.mime_type, "Content-Length": str(file.size)}
    return StreamingResponse(halves(), headers=headers)


def file_response(file: File) -> Response:
    """A file as an answer that no page of this port would run."""
    shown = _SHOWN.fullmatch(file.mime_type) is not None
    named = f"; filename*=UTF-8''{quote(file.file_name)}" if file.file_name else ""
    headers = {
        "Content-Type": file.mime_type if shown or file.mime_type == "application/pdf" else "application/octet-stream",
        "Content-Disposition": ("inline" if shown else "attachment") + named,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(file.content, headers=headers)
