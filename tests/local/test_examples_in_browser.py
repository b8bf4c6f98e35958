"""The examples of the browser packages in a real browser, on the running stack: an agent reads and answers."""

import shutil
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 60_000

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")]


@pytest.mark.parametrize("page_name", ["inbox", "hooks"])
def test_an_agent_reads_and_answers_in_the_example(demo: dict[str, Any], page_name: str) -> None:
    tenant = demo["tenants"][0]
    name = f"Customer {uuid4().hex[:8]}"
    written = {"integrationId": tenant["integrations"][0]["id"], "from": "+5511955558877", "name": name, "kind": "text"}
    answer = f"Until six, {name}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{demo['baseUrl']}/examples/{page_name}.html#token={tenant['users'][0]['token']}")
        page.get_by_role("status").filter(has_text="live").wait_for()
        httpx.post(
            f"{demo['baseUrl']}/simulator/messages", json={**written, "text": f"Hello from {name}"}
        ).raise_for_status()
        page.get_by_role("button", name=name).click()
        page.get_by_role("listitem").filter(has_text=f"Hello from {name}").wait_for()
        page.get_by_label("Message").fill(answer)
        page.get_by_role("button", name="Send").click()
        # Shown at once, then as the gateway tells it.
        page.get_by_role("listitem").filter(has_text=answer).filter(has_text="read").wait_for()
        assert page.get_by_role("listitem").filter(has_text=answer).count() == 1
        browser.close()
