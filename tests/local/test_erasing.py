"""Erasing on the running stack, over real HTTP: a customer writes, is erased, and comes back only by writing again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from .test_spine import Company, Demo, eventually

pytestmark = pytest.mark.stack

CANARY = "xylophone canary"


@pytest.fixture
def company(demo: Demo) -> Iterator[Company]:
    company = Company(demo)
    yield company
    company.http.close()


@pytest.fixture
def admin(company: Company) -> Iterator[httpx.Client]:
    """Clara, who may export and erase."""
    with httpx.Client(base_url=company.demo["baseUrl"], timeout=30, headers=company.bearer(2)) as client:
        yield client


def text(phone: str, id_: str, said: str, at: float) -> dict[str, Any]:
    return {"from": phone, "id": id_, "timestamp": str(int(at)), "type": "text", "text": {"body": said}}


def contact_of(company: Company, phone: str) -> Any:
    found = company.http.get("/v1/contacts", params={"phone": phone}).raise_for_status().json()["data"]
    return found[0] if found else None


def traces(company: Company, phone: str) -> list[str]:
    """Tables of the company in which the number or the words are left."""
    tables = (
        "contacts",
        "contact_aliases",
        "conversations",
        "messages",
        "revisions",
        "attachments",
        "ledger",
        "events",
    )
    found = []
    for table in tables:
        rows = company.rows(f"select t::text from {table} t")
        bodies = company.rows("select encode(body, 'escape') from ledger where body is not null")
        said = [row[0] for row in (*rows, *(bodies if table == "ledger" else ()))]
        if any(phone in one or CANARY in one for one in said):
            found.append(table)
    return found


def test_an_erased_customer_stays_erased_until_they_write_again(company: Company, admin: httpx.Client) -> None:
    phone = f"55119{random.randrange(10**7, 10**8)}"
    message = {"integrationId": company.integration["id"], "from": f"+{phone}", "name": "Quitéria"}
    for kind in ("text", "image"):
        company.http.post("/simulator/messages", json={**message, "kind": kind, "text": CANARY}).raise_for_status()
    body = company.body(text(phone, f"wamid.{phone}", CANARY, time.time()))
    company.post(body).raise_for_status()
    eventually(lambda: company.ledger_of(body))
    contact = eventually(lambda: contact_of(company, phone))
    exported = admin.get(f"/v1/contacts/{contact['id']}/export").raise_for_status().json()["data"]
    assert CANARY in {record["message"]["text"] for record in exported if record["type"] == "message"}
    assert company.http.delete(f"/v1/contacts/{contact['id']}").status_code == 403

    def erased() -> Any:
        state = admin.delete(f"/v1/contacts/{contact['id']}").raise_for_status().json()["data"]
        return state if state["state"] == "erased" else None

    erased_at = datetime.fromisoformat(eventually(erased)["erasedAt"]).timestamp()
    assert company.http.get(f"/v1/contacts/{contact['id']}").status_code == 404
    assert traces(company, phone) == []

    before = company.ledger_of(body)[0][2]
    company.post(body).raise_for_status()  # the same bytes under the same signature
    eventually(lambda: company.ledger_of(body)[0][2] > before)
    assert contact_of(company, phone) is None
    assert traces(company, phone) == []

    eventually(lambda: time.time() > erased_at + 1)
    company.post(company.body(text(phone, f"wamid.{phone}.2", "Hello again", erased_at + 2))).raise_for_status()
    again = eventually(lambda: contact_of(company, phone))
    assert again["id"] != contact["id"]
    conversation = eventually(lambda: company.conversation_of(phone))
    thread = company.http.get(f"/v1/conversations/{conversation['id']}/messages").json()["data"]
    assert [one["text"] for one in thread] == ["Hello again"]
