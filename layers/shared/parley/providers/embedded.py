"""A file inside a JSON body, as base64. The one rule: it is encoded as it is read, so that only a chunk of it is in
memory.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from parley.domain.outgoing import Upload


class Embedded:
    """A JSON object with one more member, `name`: the file, behind `prefix`. `length` in bytes."""

    def __init__(self, body: Mapping[str, Any], name: str, upload: Upload, prefix: str = "") -> None:
        self._upload = upload
        start = json.dumps({**body})[:-1] + (", " if body else "")
        self._start = f'{start}{json.dumps(name)}: "{prefix}'.encode()
        self._end = b'"}'
        self.length = len(self._start) + 4 * ((upload.size + 2) // 3) + len(self._end)

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece. Raises what reading the file raises."""
        yield self._start
        left = b""
        with self._upload.read() as chunks:
            for chunk in chunks:
                piece = left + chunk
                whole = len(piece) - len(piece) % 3
                left = piece[whole:]
                yield b64encode(piece[:whole])
        yield b64encode(left) + self._end
