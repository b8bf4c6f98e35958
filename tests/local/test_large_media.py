"""A large film on the running stack: in through every gateway that takes it, in bounded memory, kept once, and played
from its signed URL as a browser does.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import async_playwright

from .conftest import RunningStack
from .numbers import PROVIDERS, Number, Shown, able, sample

pytestmark = pytest.mark.stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MEGABYTES_16 = 16 * 1024 * 1024
PLAYED = """
async (url) => {
  const film = document.createElement("video");
  film.muted = true;
  film.src = url;
  document.body.append(film);
  await new Promise((resolve, reject) => {
    film.onended = resolve;
    film.onerror = () => reject(new Error(film.error.message));
    film.play().catch(reject);
  });
  return [film.videoWidth > 0, film.currentTime > 0];
}
"""


def film(size: int) -> bytes:
    """A film of exactly this size that no other test has: its index is at its end, behind bytes that no player needs,
    so that a player has to ask for ranges.
    """
    content, boxes = sample("video")[0], {}
    at = 0
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        boxes[name] = content[at : at + length]
        at += length
    head = content[: content.index(boxes[b"moov"])]
    padding = size - len(content)
    return head + struct.pack(">I4s", padding, b"free") + os.urandom(padding - 8) + boxes[b"moov"]


@pytest.fixture
def number(demo: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway."""
    number = Number(demo, request.param)
    yield number
    number.http.close()


def receive(number: Number, content: bytes) -> tuple[Shown, Shown]:
    """A customer sends a film; its message, and its file once it is there."""
    media = {"base64": base64.b64encode(content).decode(), "mimeType": "video/mp4"}
    message = number.customer().says("video", media=media)
    return message, number.file(message["id"])


def most_held(pid: int) -> int:
    """The most memory a process has had at once, in bytes, since it was last asked to forget."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture(scope="module")
def usual(stack: RunningStack) -> dict[int, int]:
    """How much memory each fetcher has after small films, with all imported that it needs."""
    for provider in able("video"):
        number = Number(stack.demo, provider)
        receive(number, sample("video")[0])
        number.http.close()
    pids = stack.workers("media_fetcher")
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return {pid: most_held(pid) for pid in pids}


@pytest.mark.parametrize("number", able("video"), indirect=True)
def test_a_film_of_16_mb_comes_in_without_being_held_and_is_kept_once(number: Number, usual: dict[int, int]) -> None:
    content = film(MEGABYTES_16)
    _, file = receive(number, content)
    assert (file["state"], file["size"], file["mimeType"]) == ("stored", MEGABYTES_16, "video/mp4"), file["reason"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    grown = max(most_held(pid) - held for pid, held in usual.items())
    assert grown < MEGABYTES_16, "a part of 6 MB, its copy on the way to the bucket, and change"
    _, again = receive(number, content)
    assert again["id"] != file["id"]
    paths = [httpx.URL(number.http.get(each["url"]).headers["location"]).path for each in (file, again)]
    assert paths[0] == paths[1], "the same bytes are one object"


@pytest.fixture
def large(number: Number) -> tuple[str, bytes]:
    """A film that came in: its signed URL, and its bytes."""
    content = film(MEGABYTES_16)
    _, file = receive(number, content)
    url: str = number.http.get(f"{file['url']}/url").json()["data"]["url"]
    return url, content


@pytest.mark.parametrize("number", PROVIDERS[:1], indirect=True)
def test_a_signed_url_answers_ranges(large: tuple[str, bytes]) -> None:
    url, content = large
    last = len(content) - 1
    for asked, first in (("bytes=0-", 0), (f"bytes={last - 999}-{last}", last - 999), ("bytes=-500", last - 499)):
        answer = httpx.get(url, headers={"range": asked}, timeout=60)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.content == content[first:]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("number", PROVIDERS[:1], indirect=True)
async def test_the_film_plays_from_its_signed_url(number: Number, large: tuple[str, bytes]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        statuses: list[int] = []
        page.on("response", lambda response: statuses.append(response.status))
        await page.goto(f"{number.base_url}/healthz")
        assert await page.evaluate(PLAYED, large[0]) == [True, True]
        await browser.close()
    assert statuses.count(206) >= 2, "the beginning, and the index at the end"
