"""API Gateway's part on the running stack: its own answers, limits, and the @connections API as boto3 sees it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

pytestmark = pytest.mark.stack
MEGABYTE = 1024 * 1024


@pytest.fixture
def http(demo: dict[str, Any]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo["baseUrl"], timeout=30) as client:
        yield client


@pytest.fixture
def connections(demo: dict[str, Any]) -> "ApiGatewayManagementApiClient":
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=demo["baseUrl"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@contextmanager
def agent_socket(demo: dict[str, Any]) -> Iterator[tuple[ClientConnection, str]]:
    """An agent's socket after its hello, and its connection id."""
    token = demo["tenants"][0]["users"][0]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    with connect(demo["websocketUrl"], additional_headers=headers, proxy=None, compression=None) as socket:
        socket.send(json.dumps({"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": []}))
        while (frame := json.loads(socket.recv(timeout=30)))["type"] != "welcome":
            pass
        yield socket, frame["connectionId"]


def test_what_no_route_takes_is_the_apis_own_404(http: httpx.Client) -> None:
    for method, path in [("GET", "/nothing/here"), ("DELETE", "/healthz"), ("POST", "/"), ("GET", "/healthz/")]:
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_seven_megabytes_are_refused_whole_and_a_connection_stays_usable(
    http: httpx.Client, demo: dict[str, Any]
) -> None:
    url = demo["tenants"][0]["integrations"][0]["webhookUrl"]
    answer = http.post(url, content=b"x" * 7 * MEGABYTE)
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})
    # Not text, hence base64 in the event: a third larger than what came.
    assert http.post(url, content=b"\xff" * 5 * MEGABYTE).status_code == 413
    assert http.get("/healthz").status_code == 200


def test_a_preflight_is_answered_for_the_templates_origins_only(http: httpx.Client, demo: dict[str, Any]) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    ours = http.options("/v1/conversations", headers={"Origin": demo["baseUrl"], **asked})
    assert ours.headers["access-control-allow-origin"] == demo["baseUrl"]
    assert "authorization" in ours.headers["access-control-allow-headers"].lower()
    theirs = http.options("/v1/conversations", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in theirs.headers


def test_a_socket_without_a_right_is_refused_before_the_upgrade(demo: dict[str, Any]) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(demo["websocketUrl"], subprotocols=["parley.v1", "t.guess"], proxy=None),  # type: ignore[list-item]
    ):
        pass
    assert refused.value.response.status_code in {401, 403}


def test_a_connection_is_posted_to_described_closed_and_then_gone(
    demo: dict[str, Any], connections: "ApiGatewayManagementApiClient"
) -> None:
    with agent_socket(demo) as (socket, id_):
        connections.post_to_connection(ConnectionId=id_, Data=b'{"type": "test"}')
        assert json.loads(socket.recv(timeout=30)) == {"type": "test"}
        assert connections.get_connection(ConnectionId=id_)["Identity"]["SourceIp"] == "127.0.0.1"
        connections.delete_connection(ConnectionId=id_)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == 1000
    with pytest.raises(connections.exceptions.GoneException):
        connections.post_to_connection(ConnectionId=id_, Data=b"{}")
    with pytest.raises(connections.exceptions.GoneException):
        connections.get_connection(ConnectionId="never-was=")


def test_frames_above_32_kilobytes_and_messages_above_128_close_the_socket(demo: dict[str, Any]) -> None:
    filler = json.dumps({"action": "ping", "id": "1", "filler": "x" * 33 * 1024})
    pieces = [filler[start : start + 16 * 1024] for start in range(0, len(filler), 16 * 1024)]
    with agent_socket(demo) as (socket, _):
        socket.send(pieces)  # in frames of 16 kB it is one message, and reaches the function
        assert json.loads(socket.recv(timeout=30))["code"] == "bad_frame"
        socket.send(filler)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == 1009
    with agent_socket(demo) as (socket, _):
        with suppress(ConnectionClosed):  # it may be closed before all is sent
            socket.send(["x" * 16 * 1024] * 9)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == 1009
