"""Whose a webhook is, and as of when it is believed: with the real adapters, however late it is processed."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from parley.cloud.sealing import Sealer
from parley.domain.webhook import Webhook
from parley.providers.registry import build
from parley.services.process import Processor
from parley.services.provision import NewIntegration, connect_integration
from parley.store.database import Database

Connect = Callable[..., UUID]
LONG_AGO = datetime.now(UTC) - timedelta(days=3)
KEY = "jwt-key-of-this-line"
WUZAPI = {
    "type": "Message",
    "event": {
        "Info": {
            "ID": "3EB0AA",
            "Chat": "5511987654321@s.whatsapp.net",
            "Sender": "5511987654321@s.whatsapp.net",
            "Timestamp": "2025-01-01T12:00:00Z",
        },
        "Message": {"conversation": "hi"},
    },
}


@pytest.fixture
def real_processor(database: Database, bucket: Any, sealer: Sealer) -> Iterator[Processor]:
    with httpx.Client() as http:
        yield Processor(database, bucket, build(http, meta_api_url="", meta_api_version="v26.0"), lambda: sealer)


@pytest.fixture
def connect(database: Database, sealer: Sealer, tenant: UUID) -> Connect:
    def connect(provider: str, account_id: str, **credentials: str) -> UUID:
        new = NewIntegration(provider, "whatsapp", account_id, account_id, None, credentials)
        return connect_integration(database, sealer, tenant, new)

    return connect


def webhook(provider: str, integration_id: UUID, body: Mapping[str, Any], **more: Any) -> Webhook:
    given: dict[str, Any] = {
        "provider": provider,
        "integration_id": integration_id,
        "generation": 1,
        "received_at": datetime.now(UTC),
        "correlation_id": uuid4(),
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body).encode(),
    }
    return Webhook(**{**given, **more})


def ledger(database: Database, tenant: UUID) -> list[tuple[str, str | None, UUID]]:
    with database.transaction(tenant) as tx:
        rows = tx.rows("select state, reason, integration_id from ledger order by received_at")
    return [(row["state"], row["reason"], row["integration_id"]) for row in rows]


def token(ends: datetime) -> str:
    def part(value: bytes) -> bytes:
        return urlsafe_b64encode(value).rstrip(b"=")

    head, claims = json.dumps({"alg": "HS256"}), json.dumps({"exp": int(ends.timestamp())})
    signed = part(head.encode()) + b"." + part(claims.encode())
    return (signed + b"." + part(hmac.digest(KEY.encode(), signed, hashlib.sha256))).decode()


@pytest.mark.parametrize(("ended", "state"), [(timedelta(minutes=-10), "processed"), (timedelta(hours=2), "rejected")])
def test_a_token_that_ends_is_judged_as_of_when_its_webhook_came(
    real_processor: Processor,
    connect: Connect,
    database: Database,
    tenant: UUID,
    ended: timedelta,
    state: str,
) -> None:
    line = connect("evolution", "line", api_key="k", jwt_key=KEY)
    body = {
        "event": "messages.upsert",
        "instance": "line",
        "data": {
            "key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": False, "id": "3EB0AA"},
            "message": {"conversation": "hi"},
            "messageTimestamp": int(LONG_AGO.timestamp()),
        },
    }
    headers = {"content-type": "application/json", "authorization": f"Bearer {token(LONG_AGO - ended)}"}
    real_processor.process([webhook("evolution", line, body, received_at=LONG_AGO, headers=headers)])
    ((found, _, _),) = ledger(database, tenant)
    assert found == state


@pytest.mark.parametrize("account_id", ["u-1", "sales"])
def test_an_instance_connected_under_its_users_id_or_its_own_name_is_found_by_both(
    real_processor: Processor, connect: Connect, database: Database, tenant: UUID, account_id: str
) -> None:
    line = connect("wuzapi", account_id, token="t")
    body = {**WUZAPI, "userID": "u-1", "instanceName": "sales"}
    real_processor.process([webhook("wuzapi", line, body)])
    assert ledger(database, tenant) == [("processed", None, line)]


def test_a_body_of_another_instance_of_the_company_goes_to_that_one_by_either_name(
    real_processor: Processor, connect: Connect, database: Database, tenant: UUID
) -> None:
    line, other = connect("wuzapi", "support", token="t"), connect("wuzapi", "sales", token="t2")
    real_processor.process([webhook("wuzapi", line, {**WUZAPI, "userID": "u-1", "instanceName": "sales"})])
    with database.transaction(tenant) as tx:
        assert tx.value("select integration_id from messages") == other
    real_processor.process([webhook("wuzapi", line, {**WUZAPI, "userID": "u-9", "instanceName": "nobody"})])
    assert ledger(database, tenant)[-1][:2] == ("rejected", "unknown_account")
