"""One person, one contact: whatever addresses webhooks show, in whatever order, those proved to be the same person are
one contact with one conversation, and the evidence is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.cloud.ports import Bucket
from parley.cloud.sealing import Sealer
from parley.domain.identity import Address, Person
from parley.domain.incoming import MessageReceived, Reaction
from parley.domain.webhook import Webhook
from parley.providers.base import Capabilities
from parley.services.process import Processor
from parley.store.database import Database

ACCOUNT = "123456789"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ADDRESSES = (
    Address("phone", "5531987654321"),
    Address("phone", "553187654321"),  # the same number without its ninth digit
    Address("phone", "5511912345678"),
    Address("lid", "111@lid"),
    Address("lid", "222@lid"),
    Address("bsuid", "BR.abc"),
)
sightings = st.lists(
    st.tuples(st.lists(st.sampled_from(range(6)), min_size=1, max_size=3, unique=True), st.booleans()),
    min_size=1,
    max_size=7,
)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


class Gateway:
    """Says of each body what it was told to."""

    name, channel, capabilities = "meta", "whatsapp", Capabilities(kinds=frozenset({"text"}))

    def __init__(self) -> None:
        self.facts: dict[bytes, Any] = {}

    def verify(self, body: bytes, headers: Any, account: Any, received_at: datetime) -> None:
        """Everybody is believed."""

    def redact(self, body: bytes, headers: Any) -> bytes:
        return body

    def normalise(self, body: bytes, headers: Any) -> Any:
        return self.facts[body]


def components(groups: list[list[int]]) -> set[frozenset[str]]:
    """Which keys belong together, by plain graph search."""
    parts: list[set[str]] = []
    for group in groups:
        keys = {ADDRESSES[index].key for index in group}
        touching = [part for part in parts if part & keys]
        parts = [part for part in parts if not part & keys] + [keys.union(*touching)]
    return {frozenset(part) for part in parts}


def test_random_graphs_of_addresses_become_one_contact_a_component(
    database: Database,
    bucket: Bucket,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    make_integration: Callable[..., UUID],
    full_proof: bool,
) -> None:
    gateway = Gateway()
    processor = Processor(database, bucket, {"meta": gateway}, lambda: sealer)  # type: ignore[dict-item]

    @settings(max_examples=800 if full_proof else 60, deadline=None, suppress_health_check=QUIET, database=None)
    @given(sightings)
    def one_contact_a_component(seen: list[tuple[list[int], bool]]) -> None:
        tenant = make_tenant()
        integration = make_integration(tenant, account_id=ACCOUNT)
        batch: list[Webhook] = []
        for number, (group, together) in enumerate(seen):
            person = Person(tuple(ADDRESSES[index] for index in group), f"name {number}")
            at = START + timedelta(seconds=number)
            body = uuid4().bytes
            gateway.facts[body] = [
                MessageReceived(ACCOUNT, f"m{number}", person, "text", at, f"text {number}"),
                Reaction(ACCOUNT, "m0", person, "👍", at),
            ]
            batch.append(Webhook("meta", integration, 1, datetime.now(UTC), uuid4(), {}, body))
            if not together:
                assert processor.process(batch).failed == {}
                batch = []
        assert processor.process(batch).failed == {}
        with database.transaction(tenant) as tx:
            contacts = tx.rows("select array_agg(value) as keys from contact_aliases group by contact_id")
            open_ = tx.rows("select unread_count, last_number from conversations where status <> 'resolved'")
            placed = tx.value(
                "select count(*) from messages m join conversations c on c.id = m.conversation_id"
                " join contacts p on p.id = sender_contact("
                "   m.tenant_id, m.integration_id, m.from_kind, m.from_key, m.sender_id)"
                " where c.status <> 'resolved' and p.merged_into is null and c.contact_id = p.id"
            )
            reactions = tx.value(
                "select count(*) from reactions r join contacts p on p.id = r.contact_id where p.merged_into is null"
            )
        expected = components([group for group, _ in seen])
        assert {frozenset(row["keys"]) for row in contacts} == expected
        assert len(open_) == len(expected)
        assert sum(row["unread_count"] for row in open_) == placed == len(seen)
        assert reactions == len(expected)

    one_contact_a_component()


def test_the_older_contact_stays_with_the_newest_name_and_the_evidence(
    database: Database,
    bucket: Bucket,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    make_integration: Callable[..., UUID],
) -> None:
    gateway = Gateway()
    processor = Processor(database, bucket, {"meta": gateway}, lambda: sealer)  # type: ignore[dict-item]
    tenant = make_tenant()
    integration = make_integration(tenant, account_id=ACCOUNT)
    people = [
        Person((ADDRESSES[3],), "Marta (new phone)"),
        Person((ADDRESSES[0],), "Marta"),
        Person((ADDRESSES[0], ADDRESSES[3]), None),
    ]
    for number, person in enumerate(people):
        body = uuid4().bytes
        at = START + timedelta(seconds=[9, 5, 20][number])
        gateway.facts[body] = [MessageReceived(ACCOUNT, f"m{number}", person, "text", at, "hi")]
        processor.process([Webhook("meta", integration, 1, datetime.now(UTC), uuid4(), {}, body)])
    with database.transaction(tenant) as tx:
        (merge,) = tx.rows("select kept_id, merged_id, evidence, moved from merges")
        kept = tx.row("select name from contacts where id = %(id)s", id=merge["kept_id"])
        types = [row["type"] for row in tx.rows("select type from events order by ordinal")]
    assert merge["kept_id"] < merge["merged_id"]
    assert kept == {"name": "Marta (new phone)"}
    assert merge["evidence"]["integrationId"] == str(integration)
    assert len(merge["moved"]["aliases"]) == 1
    assert types[-4:] == ["conversation.updated", "conversation.updated", "contact.updated", "message.new"]
