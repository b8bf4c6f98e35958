"""inbox_api and send_message as they are deployed: started from their folders, wired by the environment alone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from parley import wiring
from parley.domain.principal import Principal
from parley.edge.api import Api

from .conftest import Reply, Thread, ask, event

FUNCTIONS = Path(__file__).parents[3] / "functions"


def test_the_inbox_is_read_by_a_person_of_the_database(
    deployed: Callable[[str], ModuleType], agent: Principal, thread: Thread, token_of: Callable[..., str]
) -> None:
    inbox_api = deployed("inbox_api")
    headers = {"authorization": f"Bearer {token_of(agent)}"}

    def get(route: str) -> Reply:
        return ask(inbox_api.handler, event(route, headers=headers))

    assert [one["id"] for one in get("GET /v1/conversations").body["data"]] == [str(thread.id)]
    snapshot = get("GET /v1/snapshot").body["data"]
    assert [one["id"] for one in snapshot["conversations"]] == [str(thread.id)]
    assert get("GET /v1/events").body["cursor"] == snapshot["cursor"]
    assert get("POST /v1/realtime/ticket").body["data"]["url"] == "wss://socket.example.com/live"
    assert get("GET /v1/presence").body["data"] == {"online": 0, "users": []}


def test_ready_means_that_database_queue_and_bucket_answer(
    deployed: Callable[[str], ModuleType], aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox_api = deployed("inbox_api")

    def get(route: str) -> Reply:
        return ask(inbox_api.handler, event(route))

    assert (get("GET /readyz").status, get("GET /healthz").status) == (200, 200)
    aws.down.add("sqs")
    aws.s3.delete_bucket(Bucket="parley-test")
    capsys.readouterr()
    assert (get("GET /readyz").status, get("GET /healthz").status) == (503, 200)
    assert json.loads(capsys.readouterr().out.splitlines()[0])["failing"] == ["queue", "bucket"]


def test_a_function_whose_secrets_are_away_still_answers(deployed: Callable[[str], ModuleType], aws: Any) -> None:
    inbox_api = deployed("inbox_api")
    aws.down.add("secretsmanager")
    bearer = {"authorization": "Bearer a.b.c"}
    assert ask(inbox_api.handler, event("GET /healthz")).status == 200
    reply = ask(inbox_api.handler, event("GET /v1/conversations", headers=bearer))
    assert (reply.status, reply.body["code"]) == (503, "unavailable")
    assert ask(inbox_api.handler, event("GET /v1/conversations")).status == 401


def test_a_message_to_send_ends_on_the_outbound_queue(
    deployed: Callable[[str], ModuleType], aws: Any, agent: Principal, thread: Thread, token_of: Callable[..., str]
) -> None:
    send_message = deployed("send_message")
    headers = {"authorization": f"Bearer {token_of(agent)}", "idempotency-key": str(uuid.uuid4())}
    body = {"type": "text", "text": "hello"}
    given = event("POST /v1/conversations/{id}/messages", path={"id": str(thread.id)}, headers=headers, body=body)
    reply = ask(send_message.handler, given)
    assert (reply.status, reply.body["data"]["status"]) == (202, "queued"), reply.text
    url = aws.sqs.get_queue_url(QueueName="outbound")["QueueUrl"]
    [hint] = [json.loads(message["Body"]) for message in aws.sqs.receive_message(QueueUrl=url)["Messages"]]
    assert (hint["tenantId"], hint["conversationId"]) == (str(agent.tenant_id), str(thread.id))
    aws.down.add("sqs")
    again = ask(send_message.handler, given)
    assert (again.status, again.body, again.headers["idempotency-replayed"]) == (202, reply.body, "true")


class Plain(yaml.SafeLoader):
    """Reads a template without its intrinsic functions."""


Plain.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@pytest.mark.parametrize(
    ("function", "made"),
    [
        ("inbox_api", wiring.inbox_api),
        ("send_message", wiring.sending_api),
        ("admin_api", wiring.admin_api),
    ],
)
def test_the_template_and_the_code_agree_on_the_routes(
    deployed: Callable[[str], ModuleType], function: str, made: Callable[[], Api]
) -> None:
    deployed(function)
    template = yaml.load((FUNCTIONS.parent / "template.yaml").read_text(), Plain)  # noqa: S506 - a SafeLoader
    [resource] = [
        one["Properties"]
        for one in template["Resources"].values()
        if one.get("Properties", {}).get("CodeUri") == f"functions/{function}"
    ]
    events = [one["Properties"] for one in resource["Events"].values() if one["Type"] == "HttpApi"]
    assert {f"{one['Method']} {one['Path']}" for one in events} == set(made().scopes)
