"""Exporting a contact: all that is kept of it comes out, in pages of any size, and nothing of anybody else's."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import NotFound
from parley.services import export
from parley.services.export import Exporting
from parley.services.same_person import SamePerson
from tests.integration.erasing_company import NAME, NUMBER, OTHER, PERSON, WORDS, Company, live, message


def exported(company: Company, contact_id: UUID, limit: int = 200) -> list[dict[str, Any]]:
    exporting, records, after = Exporting(company.database), [], None
    while True:
        page, after = exporting.page(company.admin, contact_id, after, limit, uuid4())
        assert 0 < len(page) <= limit
        records += page
        if after is None:
            return records


def test_an_export_holds_everything_of_a_contact_and_nothing_that_others_wrote(company: Company) -> None:
    contact = live(company)
    records = exported(company, contact)
    kinds = [record["type"] for record in records]
    assert sorted(set(kinds)) == ["contact", "conversation", "happening", "message", "reaction"]

    about = records[0]
    assert about["contact"]["name"] == NAME
    assert {address["value"] for address in about["addresses"]} == {NUMBER, "77001122334455@lid"}
    assert about["contact"]["attributes"] == {"nickname": "Zanella"}

    messages = {one["message"]["providerMessageId"]: one["message"] for one in records if one["type"] == "message"}
    assert {"m1", "m2", "m3", "m4", "own1", "early", "g1", "g6", None} == set(messages)
    assert messages["m3"]["revisions"][0]["text"] == f"{WORDS}, edited"
    assert messages["own1"]["receipts"][0]["status"] == "read"
    assert messages["m2"]["attachments"][0]["url"].startswith("/v1/media/")
    notes = [one["message"]["text"] for one in records if one.get("message", {}).get("direction") == "internal"]
    assert notes == [f"about {NAME}: {WORDS}"]

    said = json.dumps(records)
    assert "thanks @" not in said
    assert "see you" not in said
    assert {one["reaction"]["emoji"] for one in records if one["type"] == "reaction"} == {"👍", "🎻"}


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_of_any_size_add_up_to_the_same(company: Company, limit: int) -> None:
    contact = live(company)
    assert exported(company, contact, limit) == exported(company, contact)


def test_a_page_stays_below_what_a_function_may_answer(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(12):
        company.take(message(f"long{n}", PERSON, text="é" * 4096, at=n))
    monkeypatch.setattr(export, "LARGEST_PAGE", 30_000)
    contact = company.contact_of(PERSON) or uuid4()
    page, after = Exporting(company.database).page(company.admin, contact, None, 200, uuid4())
    assert after is not None
    assert len(json.dumps(page, ensure_ascii=False, default=str).encode()) < 31_000
    assert len([one for one in exported(company, contact) if one["type"] == "message"]) == 12


def test_a_person_joined_of_two_is_exported_as_one_with_how_that_came(company: Company) -> None:
    contact = live(company)
    other = company.contact_of(OTHER) or uuid4()
    SamePerson(company.database, company.providers, lambda tenant_id: None).merge(company.admin, contact, other)
    records = exported(company, other)
    assert records == exported(company, contact)
    assert records[0]["contact"]["id"] == str(contact)
    assert [one["id"] for one in records[0]["joined"]] == [str(other)]
    assert records[0]["joins"][0]["mergedId"] == str(other)
    assert {"hello", "see you"} <= {one["message"]["text"] for one in records if one["type"] == "message"}


def test_each_export_is_written_down_once_and_of_nobody_there_is_none(company: Company) -> None:
    contact = live(company)
    exported(company, contact, 2)
    exported(company, contact)
    deeds = company.rows("select action, subject_id from audit")
    assert deeds == [{"action": "contact.exported", "subject_id": contact}] * 2
    with pytest.raises(NotFound):
        exported(company, uuid4())
    company.erase(contact)
    with pytest.raises(NotFound):
        exported(company, contact)
