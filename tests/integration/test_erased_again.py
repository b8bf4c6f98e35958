"""What was erased stays erased where the database is restored to an earlier day, or the deployment's key is rotated."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from parley.domain.tombstones import PREFIX
from parley.services.reapply import reapply
from parley.services.suppress import Suppression
from parley.store.database import Database
from tests.conftest import Server
from tests.integration.erasing_company import (
    PERSON,
    SECRET,
    Company,
    hashing_of,
    live,
)


@pytest.fixture
def backup(company: Company, server: Server, database_name: str) -> Iterator[Callable[[], Company]]:
    """Copy the whole database, as a backup does; answers the company of the copy, with the buckets as they are then."""
    name, opened = f"{database_name}_backup", []

    def copy() -> Company:
        company.database.close()
        with psycopg.connect(server.url, autocommit=True) as admin:
            named = (sql.Identifier(one) for one in (name, server.migrator, database_name))
            admin.execute(sql.SQL("create database {} owner {} template {}").format(*named))
        restored = Database(server.database_url(name, server.app_role))
        opened.append(restored)
        other = Company(
            restored, company.sealer, company.admin, company.integration, server.database_url(name, server.migrator)
        )
        other.gateway.facts, other.taken = company.gateway.facts, company.taken
        other.bucket, other.tombstones = company.bucket, company.tombstones
        return other

    yield copy
    for database in opened:
        database.close()
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def test_after_a_restore_what_was_erased_is_erased_again(company: Company, backup: Callable[[], Company]) -> None:
    contact = live(company)
    restored = backup()
    company.erase(contact)
    (stone,) = company.tombstones.objects
    assert stone.startswith(PREFIX)
    assert restored.traces() != []

    done = reapply(restored.database, hashing_of(), restored.tombstones)
    restored.finish()

    assert (done.tombstones, done.unknown, done.contacts) == (1, 1, 1)
    assert restored.contact_of(PERSON) is None
    assert restored.traces() == []
    restored.replay()
    assert restored.traces() == []
    assert reapply(restored.database, hashing_of(), restored.tombstones).unknown == 0
    assert restored.erase(contact)["state"] == "erased"


def test_after_a_restore_who_came_in_again_before_is_found_by_the_address(
    company: Company, backup: Callable[[], Company]
) -> None:
    restored = backup()  # of a day on which nobody had ever written
    contact = live(company)
    company.erase(contact)
    restored.replay()  # before anybody thought of the tombstones
    again = restored.contact_of(PERSON)
    assert again not in (None, contact)

    assert reapply(restored.database, hashing_of(), restored.tombstones).contacts == 1
    restored.finish()

    assert restored.contact_of(PERSON) is None
    assert restored.rows("select 1 from messages where body like '%%xylophone%%'") == []


def test_after_the_key_was_rotated_the_old_tombstones_still_hold(company: Company) -> None:
    contact = live(company)
    company.erase(contact)
    rotated = {**SECRET, "current": "2", "key_2": "n" * 40}
    company.processor = company.new_processor(Suppression(lambda: hashing_of(rotated)))
    company.replay()
    assert company.traces() == []
