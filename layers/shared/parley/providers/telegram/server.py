"""Calls of the Bot API: where it is, and whose. The one rule: the address of a request holds the bot's token, so it is
made here and goes into nothing else.

Source: core.telegram.org/bots/api#making-requests and #file; #using-a-local-bot-api-server for one's own.
"""

from __future__ import annotations

import json
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

from parley.domain.errors import ParleyError
from parley.domain.outgoing import NotSent, Refused, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.calls import Answer, Caller

from .errors import CREDENTIALS

DEFAULT_BASE: Final = "https://api.telegram.org"

Answered = Answer | NotSent | Uncertain | Refused


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its parameters; `file`: the one that is a file, and that file."""

    method: str
    parameters: Mapping[str, Any]
    file: tuple[str, Upload] | None = None


class BotApi:
    """The API of one bot at a time."""

    def __init__(self, usual: Caller, files: Caller, quick: Caller) -> None:
        self._usual, self._files, self._quick = usual, files, quick
        self.http, self.timeout = usual.http, usual.timeout

    def call(self, call: Call, account: Account, *, quick: bool = False) -> Answered:
        """Call a method once; `quick`: it is a question on the way to something else."""
        url = self._url(account, "bot", call.method)
        if url is None:
            return Refused(CREDENTIALS.code, CREDENTIALS.sentence, account_lost=True)
        if call.file is not None:
            return self._upload(url, call.parameters, *call.file)
        caller = self._quick if quick else self._usual
        return caller.call("POST", url, headers={}, json_body=dict(call.parameters))

    def file_url(self, account: Account, path: str) -> str | None:
        """Where a file lies; None without a token."""
        return self._url(account, "file/bot", quote(path))

    def _url(self, account: Account, kind: str, path: str) -> str | None:
        token = account.credentials.get("bot_token")
        if not token:
            return None
        base = str(account.settings.get("baseUrl") or DEFAULT_BASE).rstrip("/")
        return f"{base}/{kind}{quote(token, safe=':')}/{path}"

    def _upload(self, url: str, parameters: Mapping[str, Any], name: str, file: Upload) -> Answered:
        """Send the file with the message. What breaks on our side while it is on its way leaves half a request, of
        which Telegram does nothing.
        """
        boundary = secrets.token_hex(16)
        head, tail = _parts(parameters, name, file, boundary)
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(head) + file.size + len(tail)),
        }
        try:
            with file.read() as chunks:
                return self._files.call("POST", url, headers=headers, content=chain((head,), chunks, (tail,)))
        except ParleyError as error:
            return NotSent(f"the file could not be read: {error.code}")


def _parts(parameters: Mapping[str, Any], name: str, file: Upload, boundary: str) -> tuple[bytes, bytes]:
    """What comes before and after the file's bytes (RFC 7578); of a form's values objects are JSON."""
    fields = "".join(
        f'--{boundary}\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n'
        f"{value if isinstance(value, str) else json.dumps(value)}\r\n"
        for field, value in parameters.items()
    )
    mime_type = "".join(char for char in file.mime_type if char.isascii() and char.isprintable())
    opening = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="{_file_name(file)}"\r\n'
    head = f"{fields}{opening}content-type: {mime_type}\r\n\r\n"
    return head.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


def _file_name(file: Upload) -> str:
    """Telegram tells what a file is by the end of its name. No quote or break may end the header early."""
    given = "".join(char for char in file.file_name or "" if char.isprintable() and char not in '"\\')
    return given or f"file{mimetypes.guess_extension(file.mime_type.partition(';')[0].strip()) or ''}"
