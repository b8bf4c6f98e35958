"""The phone page in a real Chromium: a person writes, sees the answer and its ticks, and words stay words."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import FilePayload, Page, async_playwright, expect

from tests.unit.simulator.conftest import CUSTOMER, A, Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '<img src=x onerror="document.title=1"> <script>document.title=2</script> &amp; \u202e'

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]


@pytest.fixture
async def page(served: Served) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(viewport={"width": 390, "height": 780})
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{served.client.base_url}/phone")
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        yield page
        await browser.close()
        assert complaints == []


async def test_a_person_writes_and_the_company_is_told_once(served: Served, page: Page) -> None:
    await page.get_by_label("Message", exact=True).fill("Vocês têm\npão? 🥖")
    await page.keyboard.press("Enter")
    bubble = page.locator(".bubble.customer")
    await expect(bubble.locator(".meta")).to_have_attribute("data-state", "delivered")
    await expect(bubble.locator(".words")).to_have_text("Vocês têm\npão? 🥖")
    (value,) = served.company.values()
    assert value["messages"][0]["text"]["body"] == "Vocês têm\npão? 🥖"
    assert value["contacts"][0]["profile"]["name"] == "Beatriz Souza"
    await expect(page.get_by_label("Message", exact=True)).to_have_value("")


async def test_an_answer_shows_as_words_and_is_reported_read(served: Served, page: Page) -> None:
    await served.send(HOSTILE)
    bubble = page.locator(".bubble.company-side")
    await expect(bubble.locator(".words")).to_have_text(HOSTILE)
    await expect(bubble.locator(".meta")).to_have_attribute("data-state", "read")
    await served.company.told("read")
    assert served.company.statuses() == ["sent", "delivered", "read"]
    assert await page.title() == "The phone · Parley"


async def test_a_file_is_sent_and_shown_and_a_button_the_company_sent_can_be_picked(served: Served, page: Page) -> None:
    picture = FilePayload(name="a.png", mimeType="image/png", buffer=b"\x89PNG")
    await page.get_by_label("Send a file").set_input_files(files=[picture])
    await expect(page.get_by_role("img", name="image")).to_be_visible()
    buttons = [{"type": "reply", "reply": {"id": "yes", "title": "Sim"}}]
    await served.send_body(
        {
            "type": "interactive",
            "interactive": {"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}},
        }
    )
    await page.get_by_role("button", name="Sim").click()
    await expect(page.locator(".bubble.customer .words")).to_have_text("Sim")
    await served.simulator.settled()
    messages = [value["messages"][0] for value in served.company.values() if "messages" in value]
    assert [message["type"] for message in messages] == ["image", "interactive"]


async def test_a_deleted_message_shows_no_more_of_itself(served: Served, page: Page) -> None:
    said = {"integrationId": A.id, "from": CUSTOMER, "kind": "text", "text": "secret"}
    message_id = (await served.client.post("/simulator/messages", json=said)).json()["providerMessageId"]
    await expect(page.get_by_text("secret")).to_be_visible()
    for deed in ({"kind": "reaction", "emoji": "👍"}, {"kind": "delete"}):
        await served.client.post("/simulator/messages", json=said | {"text": None, "target": message_id} | deed)
    await expect(page.locator(".bubble .reactions")).to_have_text("👍")
    await expect(page.get_by_text("secret")).to_have_count(0)


async def test_another_customer_has_a_thread_of_their_own(served: Served, page: Page) -> None:
    await served.send()
    await expect(page.locator(".bubble")).to_have_count(1)
    await page.get_by_role("button", name="Choose company and customer").click()
    await page.get_by_label("Name").fill("Caio")
    await page.get_by_label("Phone", exact=True).fill("+55 21 99999-0000")
    await page.get_by_role("button", name="Be this customer").click()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("you are Caio")).to_be_visible()


async def test_the_page_fits_a_phone(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
