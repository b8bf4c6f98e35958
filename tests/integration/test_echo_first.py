"""A message of ours and its echo: one row and one message for the agents, whichever of echo and answer comes first, and
wherever a process dies between them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from parley.domain.outgoing import Accepted, Draft, Outcome, Uncertain
from parley.domain.webhook import Webhook
from parley.services.process import Processor
from parley.store import echoes
from tests.integration.conftest import Desk

CUSTOMER = "5511987654321"
MakeWebhook = Callable[..., Webhook]


class Crash(BaseException):
    """The process is gone."""


class Scene:
    """An agent sends; the gateway tells what it does when the test says so."""

    def __init__(self, desk: Desk, processor: Processor, door: MakeWebhook, meta: SimpleNamespace) -> None:
        self.desk, self.processor, self.door, self.meta = desk, processor, door, meta

    def echo(self, id_: str, text: str) -> None:
        """What was sent from the number, as the gateway echoes it."""
        seconds = int(datetime.now(UTC).timestamp()) + 2
        echo = {"from": "5511900000001", "to": CUSTOMER, "id": id_, "timestamp": str(seconds), "type": "text"}
        webhook = json.loads(self.meta.body())
        change = webhook["entry"][0]["changes"][0]
        change["field"] = "smb_message_echoes"
        change["value"]["message_echoes"] = [{**echo, "text": {"body": text}}]
        self.take(json.dumps(webhook).encode())

    def status(self, id_: str, name: str, reference: UUID | None = None) -> None:
        more = {"biz_opaque_callback_data": str(reference)} if reference else {}
        self.take(self.meta.body(statuses=[self.meta.status(id_, name, **more)]))

    def take(self, body: bytes) -> None:
        done = self.processor.process([self.door(body, received_at=datetime.now(UTC))])
        assert (done.failed, done.parked) == ({}, 0)

    def answers(self, *steps: Outcome | Callable[[Draft], Outcome]) -> None:
        self.desk.gateway.script = list(steps)

    def sent(self) -> list[dict[str, Any]]:
        """What went out, for the agents: text, status, gateway's id, and who wrote it."""
        return self.rows(
            "select body, status, provider_message_id as id, sender_kind as by from messages"
            " where direction = 'outgoing' order by number"
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.desk.database.transaction(self.desk.agent.tenant_id) as tx:
            return tx.rows(query)

    def last(self) -> str:
        (row,) = self.rows("select m.body from conversations c join messages m on m.id = c.last_message_id")
        return str(row["body"])


@pytest.fixture
def scene(desk: Desk, processor: Processor, door: MakeWebhook, meta: SimpleNamespace) -> Scene:
    return Scene(desk, processor, door, meta)


OURS = {"body": "Hello *there*", "status": "sent", "id": "wamid.out", "by": "user"}


def test_an_echo_after_the_answer_is_no_other_message(scene: Scene) -> None:
    scene.answers(Accepted("wamid.out"))
    scene.desk.send("Hello *there*")
    scene.desk.deliver()
    scene.echo("wamid.out", "said otherwise")
    assert scene.sent() == [OURS]


def test_an_echo_that_nobody_could_recognise_gives_way_when_the_answer_names_it(scene: Scene) -> None:
    def slow(_draft: Draft) -> Outcome:
        scene.echo("wamid.out", "said otherwise")
        scene.status("wamid.out", "delivered")
        assert [row["by"] for row in scene.sent()] == ["user", "device"]
        assert scene.last() == "said otherwise"
        return Accepted("wamid.out")

    scene.answers(slow)
    ours = scene.desk.send("Hello *there*").view["id"]
    (before,) = scene.rows("select coalesce(max(ordinal), 0) as at from events")
    scene.desk.deliver()
    assert scene.sent() == [{**OURS, "status": "delivered"}]
    assert scene.last() == "Hello *there*"
    events = scene.rows(f"select type, message_id, delta from events where ordinal > {before['at']} order by ordinal")
    (gone,) = [event for event in events if event["type"] == "message.deleted"]
    (came,) = [event for event in events if event["type"] == "message.new"]
    assert gone["message_id"] == came["message_id"]
    assert gone["delta"]["replacedBy"] == ours
    assert gone["delta"]["deletedAt"].endswith("Z")
    scene.echo("wamid.out", "said otherwise")
    assert len(scene.sent()) == 1


def test_what_was_said_about_the_echo_is_said_about_ours(scene: Scene) -> None:
    def slow(_draft: Draft) -> Outcome:
        scene.echo("wamid.out", "said otherwise")
        reaction = {**scene.meta.text("wamid.r", CUSTOMER, ""), "type": "reaction"}
        scene.take(scene.meta.body(messages=[{**reaction, "reaction": {"message_id": "wamid.out", "emoji": "👍"}}]))
        return Accepted("wamid.out")

    scene.answers(slow)
    message = scene.desk.send("Hello *there*").view["id"]
    scene.desk.deliver()
    assert [reaction["emoji"] for reaction in scene.desk.view(message)["reactions"]] == ["👍"]


def test_a_status_that_names_our_own_message_does_it_where_the_answer_was_lost(scene: Scene) -> None:
    scene.answers(Uncertain("the line broke"))
    message = scene.desk.send("Hello *there*").view["id"]
    scene.desk.deliver()
    scene.echo("wamid.out", "said otherwise")
    assert [row["status"] for row in scene.sent()] == ["unknown", "sent"]
    scene.status("wamid.out", "read", UUID(message))
    assert scene.sent() == [{**OURS, "status": "read"}]


def test_a_sender_that_dies_before_it_writes_the_answer_down_leaves_it_to_the_evidence(
    scene: Scene, sealer: Any
) -> None:
    def dies(_draft: Draft) -> Outcome:
        scene.echo("wamid.out", "said otherwise")
        raise Crash

    scene.answers(dies)
    message = scene.desk.send("Hello *there*").view["id"]
    brief = scene.desk.new_deliverer(sealer, timedelta(0))
    with pytest.raises(Crash):
        brief.deliver(scene.desk.agent.tenant_id, scene.desk.conversation_id, may_go_on=lambda: True)
    with scene.desk.database.transaction(scene.desk.agent.tenant_id) as tx:
        tx.execute("update messages set lease_until = now() - interval '1 s' where status = 'sending'")
    scene.desk.deliver()
    assert [row["status"] for row in scene.sent()] == ["unknown", "sent"]
    scene.status("wamid.out", "sent", UUID(message))
    assert scene.sent() == [OURS]


@pytest.mark.parametrize("at", ["lock_holder", "drop_echo", "set_provider_id"])
def test_a_sender_that_dies_while_the_two_become_one_leaves_both_as_they_were(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def slow(_draft: Draft) -> Outcome:
        scene.echo("wamid.out", "said otherwise")
        return Accepted("wamid.out")

    real = getattr(echoes, at)

    def dies(*given: Any) -> Any:
        real(*given)
        raise Crash

    scene.answers(slow)
    message = scene.desk.send("Hello *there*").view["id"]
    monkeypatch.setattr(echoes, at, dies)
    with pytest.raises(Crash):
        scene.desk.deliver()
    monkeypatch.setattr(echoes, at, real)
    assert [(row["status"], row["id"]) for row in scene.sent()] == [("sending", None), ("sent", "wamid.out")]
    scene.status("wamid.out", "sent", UUID(message))
    assert scene.sent() == [OURS]


def test_words_typed_on_the_phone_at_the_same_moment_are_not_lost(scene: Scene) -> None:
    def slow(_draft: Draft) -> Outcome:
        scene.echo("wamid.phone", "ok")
        assert [row["id"] for row in scene.sent()] == ["wamid.phone"]
        return Accepted("wamid.out")

    scene.answers(slow)
    scene.desk.send("ok")
    scene.desk.deliver()
    for _ in range(2):
        scene.echo("wamid.out", "ok")
        scene.echo("wamid.phone", "ok")
        assert sorted((row["id"], row["by"]) for row in scene.sent()) == [
            ("wamid.out", "user"),
            ("wamid.phone", "device"),
        ]


def test_of_two_sends_with_the_same_words_each_gets_its_own_echo(scene: Scene) -> None:
    def slow(_draft: Draft) -> Outcome:
        scene.echo("wamid.first", "ok")  # of the one whose answer was lost
        return Accepted("wamid.second")

    scene.answers(Uncertain("the line broke"), slow)
    for _ in range(2):
        scene.desk.send("ok")
        scene.desk.deliver()
    assert [(row["id"], row["status"], row["by"]) for row in scene.sent()] == [
        ("wamid.first", "sent", "user"),
        ("wamid.second", "sent", "user"),
    ]
