"""The phone page of the running stack in a real Chromium: for each number a person sends a picture, a voice note and a
place, reacts, changes, takes back and writes to a group; the agent's thread has all of it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, async_playwright, expect

from .numbers import Number, Shown, able, eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]


@pytest.fixture
def number(demo: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway."""
    number = Number(demo, request.param)
    yield number
    number.http.close()


@pytest.fixture
async def page(number: Number) -> AsyncIterator[Page]:
    """The page, open as a customer nobody knows, writing to the number."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(viewport={"width": 1000, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{number.base_url}/phone")
        await page.get_by_label("Name").fill("Beatriz")
        await page.get_by_label("Phone", exact=True).fill(number.customer().phone)
        await page.get_by_role("button", name="Be this customer").click()
        await page.get_by_role("button", name=number.integration["phone"]).click()
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        yield page
        await browser.close()
        assert complaints == []


async def write(page: Page, text: str) -> Locator:
    """Write a text; its bubble, once the company's webhook took it."""
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")
    return await taken(page.locator(".bubble.customer").last.filter(has_text=text))


async def taken(bubble: Locator) -> Locator:
    """The bubble, once the company's webhook took what it shows."""
    await expect(bubble.locator(".meta")).to_have_attribute("data-state", "delivered")
    return bubble


async def sample(page: Page, name: str) -> None:
    """Send one of the page's own samples."""
    shown = await page.locator(".bubble").count()
    await page.get_by_role("button", name="Send something else").click()
    await page.locator("#samples").get_by_role("button", name=name, exact=True).click()
    await expect(page.locator(".bubble")).to_have_count(shown + 1)
    await taken(page.locator(".bubble").last)


async def do(page: Page, bubble: Locator, deed: str) -> None:
    """Do something with a message."""
    await bubble.get_by_label("React, reply and more").click()
    await page.locator("#deeds").get_by_role("button", name=deed).click()


def thread_with(number: Number, text: str, fits: Callable[[list[Shown]], object]) -> list[Shown]:
    """The agent's thread that has this text, oldest first, once it fits."""

    def look() -> list[Shown] | None:
        newest = number.http.get("/v1/conversations", params={"integrationId": number.id, "limit": 5}).json()["data"]
        for conversation in newest:
            thread = number.thread(conversation["id"])
            if any(message["text"] == text for message in thread) and fits(thread):
                return thread
        return None

    return eventually(look)


@pytest.mark.parametrize("number", able("image", "audio", "location", "reaction"), indirect=True)
async def test_a_person_sends_every_kind_from_the_page(number: Number, page: Page) -> None:
    words = f"Is the house still free? {number.provider} {await page.get_by_label('Phone', exact=True).input_value()}"
    await write(page, words)
    for name in ("Picture", "Voice note", "Location"):
        await sample(page, name)
    await expect(page.get_by_role("img", name="image")).to_be_visible()
    (question,) = [m for m in thread_with(number, words, lambda t: len(t) == 4) if m["text"] == words]
    path = f"/v1/conversations/{question['conversationId']}/messages"
    body = {"type": "text", "text": "It is!", "replyTo": question["id"]}
    assert number.http.post(path, json=body, headers={"prefer": "wait=20"}).status_code == 201
    answer = page.locator(".bubble.company-side")
    await expect(answer.locator(".words")).to_have_text("It is!")
    await expect(answer.locator(".quote")).to_have_text(words)
    await do(page, answer, "👍")
    await expect(answer.locator(".reactions")).to_have_text("👍")
    await do(page, answer, "Reply")
    reply = await write(page, "On Friday, then")
    await expect(reply.locator(".quote")).to_have_text("It is!")

    def everything(thread: list[Shown]) -> bool:
        return len(thread) == 6 and any(message["reactions"] for message in thread)

    thread = thread_with(number, words, everything)
    kinds = sorted(message["kind"] for message in thread)
    assert kinds == ["audio", "image", "location", "text", "text", "text"]
    answered = next(message for message in thread if message["direction"] == "outgoing")
    assert [reaction["emoji"] for reaction in answered["reactions"]] == ["👍"]
    quoting = next(message for message in thread if message["text"] == "On Friday, then")
    assert quoting["replyTo"]["id"] == answered["id"]


@pytest.mark.parametrize("number", able("edit", "delete"), indirect=True)
async def test_a_person_changes_one_message_and_takes_another_back(number: Number, page: Page) -> None:
    words = f"Thanks {await page.get_by_label('Phone', exact=True).input_value()}"
    bubble = await write(page, "Thnks")
    thread_with(number, "Thnks", bool)
    await do(page, bubble, "Edit")
    await page.get_by_label("Message", exact=True).fill(words)
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble .edited")).to_be_visible()
    wrong = await write(page, "Wrong chat")
    thread_with(number, words, lambda thread: len(thread) == 2)
    await do(page, wrong, "Delete for everyone")
    await expect(page.get_by_text("This message was deleted")).to_be_visible()
    thread = thread_with(number, words, lambda thread: any(message["deleted"] for message in thread))
    assert sorted((m["text"] or "", m["edited"], m["deleted"]) for m in thread) == [
        ("", False, True),
        (words, True, False),
    ]


@pytest.mark.parametrize("number", able("group"), indirect=True)
async def test_a_person_writes_to_a_group(number: Number, page: Page) -> None:
    words = f"Hello all {await page.get_by_label('Phone', exact=True).input_value()}"
    await page.get_by_label("in the group").check()
    await expect(page.get_by_role("heading", name="Neighbours")).to_be_visible()
    await write(page, words)
    message = thread_with(number, words, bool)
    conversation_id = message[0]["conversationId"]
    assert number.http.get(f"/v1/conversations/{conversation_id}").json()["data"]["group"]["id"]
    await page.get_by_label("in the group").uncheck()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
