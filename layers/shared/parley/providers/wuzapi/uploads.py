"""A file inside a JSON body, as the data URI WuzAPI wants. The one rule: it is encoded as it is read, so that no
more of it than a chunk is in memory.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from parley.domain.outgoing import Upload

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.ASCII)


class Embedded:
    """A JSON object with one more member: `name`, the file as a data URI. `length` in bytes."""

    def __init__(self, name: str, upload: Upload, body: Mapping[str, Any]) -> None:
        self._upload = upload
        start = json.dumps(dict(body))[:-1] + (", " if body else "")
        self._start = f'{start}{json.dumps(name)}: "data:{data_type(name, upload.mime_type)};base64,'.encode()
        self._end = b'"}'
        self.length = len(self._start) + 4 * ((upload.size + 2) // 3) + len(self._end)

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece; raises what reading the file raises."""
        yield self._start
        left = b""
        with self._upload.read() as chunks:
            for chunk in chunks:
                piece = left + chunk
                whole = len(piece) - len(piece) % 3
                left = piece[whole:]
                yield b64encode(piece[:whole])
        yield b64encode(left) + self._end


def data_type(name: str, mime_type: str) -> str:
    """The type a data URI may have: WuzAPI compares its beginning, so parameters go and documents are bytes."""
    plain = mime_type.partition(";")[0].strip().lower()
    if name == "Document" or not _TYPE.fullmatch(plain):
        return "application/octet-stream"
    return plain
