"""Files of received messages. The one rule: a file is fetched from the API's own host and nowhere else, for its address
holds the bot's token; it is asked for anew each time, and no source keeps it.

Source: core.telegram.org/bots/api#getfile: bots get files of up to 20 MB, by an address that lasts an hour.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from parley.domain.errors import MediaGone, Unavailable
from parley.domain.outgoing import Refused
from parley.providers.base import Account, Download
from parley.providers.calls import Answer
from parley.providers.reading import object_of, optional_id

from .errors import trouble
from .server import BotApi, Call

CHUNK: Final = 1024 * 1024
DOWNLOAD_SECONDS: Final = 240.0

# Below the bot's own folder; a server of one's own in local mode answers a path of its disk, which cannot be fetched.
_PATH: Final = re.compile(r"(?!/)(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9_./ ()+@=,-]{1,300}", re.ASCII)


class Files:
    """Downloads."""

    def __init__(self, api: BotApi, *, fast_clock: float = 1.0) -> None:
        self._api = api
        self._seconds = DOWNLOAD_SECONDS / fast_clock

    @contextmanager
    def fetch(self, source: Mapping[str, Any], account: Account) -> Iterator[Download]:
        """Ask where the file lies, then open it there. Raises MediaGone, Unavailable."""
        file_id = optional_id(source.get("fileId"))
        if file_id is None:
            raise MediaGone("The message names no file.")
        url = self._api.file_url(account, self._path_of(file_id, account))
        if url is None:
            raise Unavailable("The account has no bot token.")
        deadline = time.monotonic() + self._seconds
        opened = False
        try:
            headers = {"accept-encoding": "identity"}
            with self._api.http.stream(
                "GET", url, headers=headers, timeout=self._api.timeout, follow_redirects=False
            ) as response:
                if response.status_code != 200:
                    # It was there a moment ago: Telegram's file servers fall behind at times.
                    raise Unavailable(f"Telegram did not give the file: HTTP {response.status_code}.")
                opened = True
                # Its Content-Type says nothing: it is the same for every file.
                yield Download(None, _length(response), _chunks(response, deadline))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = "broke off" if opened else "cannot be fetched"
            # Without its cause: that has the address.
            raise Unavailable(f"The file {what}: {type(error).__name__}.") from None

    def _path_of(self, file_id: str, account: Account) -> str:
        answer = self._api.call(Call("getFile", {"file_id": file_id}), account)
        if isinstance(answer, Refused):
            raise Unavailable(answer.message)
        if not isinstance(answer, Answer):
            raise Unavailable(f"The file's address is not known yet: {answer.reason}.")
        wrong = trouble(answer)
        if isinstance(wrong, Refused) and "file is too big" in str(wrong.provider.get("description", "")).lower():
            raise MediaGone("Telegram gives bots no file of more than 20 MB.")
        path = object_of(answer.object().get("result")).get("file_path")
        if wrong is not None or not isinstance(path, str):
            raise Unavailable(f"Telegram did not say where the file is: HTTP {answer.status}.")
        if not _PATH.fullmatch(path):
            raise MediaGone("The file's address is none that can be fetched.")
        return path


def _length(response: httpx.Response) -> int | None:
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None


def _chunks(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    try:
        for chunk in response.iter_raw(CHUNK):
            if time.monotonic() > deadline:
                raise Unavailable("The file comes too slowly.")
            yield chunk
    except httpx.HTTPError as error:
        raise Unavailable(f"The file broke off: {type(error).__name__}.") from None
