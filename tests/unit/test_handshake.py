"""`$connect`: which credentials open a socket, from which origins, and what is logged of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from parley.domain.errors import Forbidden, RateLimited, Unauthenticated
from parley.domain.principal import Principal
from parley.edge.handshake import Gate, read_handshake

TENANT = UUID(int=1)
ORIGIN = "https://inbox.example"


class Door:
    """A gate whose tickets, tokens and headers are known, and who came through it."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.came: list[tuple[str, str]] = []
        self._refuses = refuses
        self.gate = Gate(
            origins=[ORIGIN],
            consume_ticket=lambda ticket: self._known(ticket, "good-ticket"),
            authenticate_token=lambda token: self._known(token, "good.jwt.token"),
            authenticate=lambda headers: self._known(headers["authorization"], "Bearer good.jwt.token"),
            admit=self._admit,
        )

    def open(self, headers: Mapping[str, str], **changes: Any) -> dict[str, Any]:
        return self.gate.open({"requestContext": {"connectionId": "c1"}, "headers": dict(headers), **changes})

    @staticmethod
    def _known(given: str, good: str) -> Principal:
        if given != good:
            raise Unauthenticated
        return Principal(TENANT, "user", UUID(int=2), good)

    def _admit(self, principal: Principal, connection_id: str) -> None:
        if self._refuses:
            raise self._refuses
        self.came.append((principal.name, connection_id))


@pytest.mark.parametrize(
    ("headers", "who", "echoed"),
    [
        ({"Sec-WebSocket-Protocol": "parley.v1, t.good-ticket"}, "good-ticket", True),
        ({"sec-websocket-protocol": "parley.v1,bearer.good.jwt.token"}, "good.jwt.token", True),
        ({"Sec-WebSocket-Protocol": "t.good-ticket"}, "good-ticket", False),
        ({"Authorization": "Bearer good.jwt.token"}, "Bearer good.jwt.token", False),
        (
            {"Authorization": "Bearer good.jwt.token", "Sec-WebSocket-Protocol": "parley.v1"},
            "Bearer good.jwt.token",
            True,
        ),
        ({"Origin": ORIGIN, "Sec-WebSocket-Protocol": "parley.v1, t.good-ticket"}, "good-ticket", True),
    ],
)
def test_a_good_credential_opens_the_socket(headers: dict[str, str], who: str, echoed: bool) -> None:
    door = Door()

    answer = door.open(headers)

    assert door.came == [(who, "c1")]
    assert answer == {"statusCode": 200, **({"headers": {"Sec-WebSocket-Protocol": "parley.v1"}} if echoed else {})}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Sec-WebSocket-Protocol": "parley.v1"}, 401),
        ({"Sec-WebSocket-Protocol": "parley.v1, t.bad"}, 401),
        ({"Sec-WebSocket-Protocol": "parley.v1, bearer.bad"}, 401),
        ({"Sec-WebSocket-Protocol": "parley.v1, t.bad", "Authorization": "Bearer good.jwt.token"}, 401),
        ({"Origin": "https://evil.example", "Sec-WebSocket-Protocol": "parley.v1, t.good-ticket"}, 403),
        ({"Origin": "null", "Authorization": "Bearer good.jwt.token"}, 403),
        ({"Origin": "", "Authorization": "Bearer good.jwt.token"}, 403),
    ],
)
def test_anything_else_refuses_the_upgrade(headers: dict[str, str], status: int) -> None:
    door = Door()

    assert door.open(headers) == {"statusCode": status}
    assert door.came == []


@pytest.mark.parametrize(
    ("error", "status"), [(Forbidden(), 403), (RateLimited(), 429), (RuntimeError("a fault of ours"), 500)]
)
def test_who_is_not_admitted_gets_the_status_of_the_reason(error: Exception, status: int) -> None:
    assert Door(error).open({"Authorization": "Bearer good.jwt.token"}) == {"statusCode": status}


def test_a_header_that_came_twice_counts_as_one_list() -> None:
    event = {
        "requestContext": {"connectionId": "c1"},
        "headers": {"Sec-WebSocket-Protocol": "t.x"},
        "multiValueHeaders": {"Sec-WebSocket-Protocol": ["parley.v1", "t.x"]},
    }

    assert read_handshake(event).protocols == ("parley.v1", "t.x")


@pytest.mark.parametrize("refuses", [None, RuntimeError("a fault of ours"), Forbidden()])
def test_no_credential_reaches_a_log(refuses: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for headers in (
        {"Sec-WebSocket-Protocol": "parley.v1, t.good-ticket"},
        {"Sec-WebSocket-Protocol": "parley.v1, bearer.good.jwt.token"},
        {"Sec-WebSocket-Protocol": "parley.v1, t.good-ticket-but-for-this"},
        {"Authorization": "Bearer good.jwt.token"},
    ):
        Door(refuses).open(headers)

    assert caplog.records
    assert "good-ticket" not in caplog.text
    assert "good.jwt" not in caplog.text
    assert "good" not in repr(
        read_handshake({"requestContext": {"connectionId": "c"}, "headers": {"authorization": "good"}})
    )
