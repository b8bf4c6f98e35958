"""Files on the running stack: customers' pictures from their gateway to a browser, a company's from a browser to the
bucket, and nothing from where nothing may be fetched.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.simulator.media import SAMPLES

from .test_spine import eventually

pytestmark = pytest.mark.stack

Demo = dict[str, Any]
BEACH = (SAMPLES / "beach.jpg").read_bytes()


@pytest.fixture
def http(demo: Demo) -> Iterator[httpx.Client]:
    """The first company's first agent."""
    token = demo["tenants"][0]["users"][0]["token"]
    with httpx.Client(base_url=demo["baseUrl"], timeout=30, headers={"authorization": f"Bearer {token}"}) as client:
        yield client


def customer_sends(http: httpx.Client, demo: Demo, phone: str, **what: Any) -> dict[str, Any]:
    """A customer sends a file to the Meta number; the file as its message shows it in the end."""
    number = demo["tenants"][0]["integrations"][0]["id"]
    said = http.post("/simulator/messages", json={"integrationId": number, "from": phone, **what})
    assert said.status_code == 200, said.text
    name = said.json()["providerMessageId"]

    def file() -> dict[str, Any] | None:
        for conversation in http.get("/v1/conversations", params={"limit": 100}).json()["data"]:
            for message in http.get(f"/v1/conversations/{conversation['id']}/messages").json()["data"]:
                if message["providerMessageId"] == name and message["attachments"][0]["state"] != "pending":
                    shown: dict[str, Any] = message["attachments"][0]
                    return shown
        return None

    found: dict[str, Any] = eventually(file)
    return found


def test_a_customers_picture_reaches_a_browser(http: httpx.Client, demo: Demo) -> None:
    media = {"base64": base64.b64encode(BEACH).decode(), "mimeType": "image/jpeg"}
    file = customer_sends(http, demo, "5511955540001", kind="image", media=media)
    assert (file["state"], file["mimeType"], file["size"]) == ("stored", "image/jpeg", len(BEACH))
    led = http.get(file["url"])
    assert led.status_code == 302
    answer = httpx.get(led.headers["location"], headers={"origin": demo["baseUrl"]}, timeout=30)
    assert answer.content == BEACH
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["access-control-allow-origin"] in {"*", demo["baseUrl"]}
    stranger = {"authorization": f"Bearer {demo['tenants'][1]['users'][0]['token']}"}
    assert http.get(file["url"], headers=stranger).status_code == 404


def test_a_page_in_a_pictures_place_ends_in_a_sentence(http: httpx.Client, demo: Demo) -> None:
    media = {"base64": base64.b64encode(b"<html><script>alert(1)</script>").decode(), "mimeType": "image/jpeg"}
    file = customer_sends(http, demo, "5511955540002", kind="image", media=media)
    assert (file["state"], file["url"]) == ("failed", None)
    assert file["reason"] == "The file is not a picture, though it was said to be one."


def test_a_browser_brings_a_file_straight_to_the_bucket(http: httpx.Client, demo: Demo) -> None:
    new = {"fileName": "beach.jpg", "mimeType": "image/jpeg", "size": len(BEACH)}
    made = http.post("/v1/media", json=new).json()["data"]
    form = made["upload"]
    for wrong in ({"content": BEACH + b"!"}, {"fields": {"Content-Type": "text/html"}}):
        fields = {**form["fields"], **wrong.get("fields", {})}  # type: ignore[dict-item]
        sent = httpx.post(form["url"], data=fields, files={"file": wrong.get("content", BEACH)}, timeout=30)  # type: ignore[dict-item]
        assert sent.status_code in {400, 403}
    assert http.get(f"/v1/media/{made['id']}").status_code == 409
    sent = httpx.post(form["url"], data=form["fields"], files={"file": BEACH}, timeout=30)
    assert sent.status_code in {200, 201, 204}
    url = http.get(f"/v1/media/{made['id']}/url").json()["data"]["url"]
    answer = httpx.get(url, timeout=30)
    assert answer.content == BEACH
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''beach.jpg"


@pytest.mark.parametrize(
    "url",
    [
        "{base}/healthz",
        "{base}/simulator/requests",
        "{base}/simulator/media/../requests",
        "http://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://[::ffff:127.0.0.1]/",
    ],
)
def test_no_private_address_is_fetched_from(http: httpx.Client, demo: Demo, url: str) -> None:
    answer = http.post("/v1/media", json={"url": url.format(base=demo["baseUrl"])})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
