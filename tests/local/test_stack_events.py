"""What functions are given and what becomes of their answers, shown by a toy that answers with its event."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.bundle import Bundle, Cors, Function, HttpRoute, SocketRoute
from local.gateway import Gateway
from local.http_api import HttpApi
from local.http_wire import Client
from local.inline import InlinePool
from local.options import HOST
from local.pump_control import PumpControl
from local.server import Server
from local.sqs import SqsDoor
from local.websocket import WebSocketApi

CLOCK = 300.0  # ten idle minutes are two seconds
TOY = """
import json

CALLS = []

def handler(event, context):
    if "http" in event["requestContext"]:
        return answer(event)
    CALLS.append(event)
    key = event["requestContext"]["routeKey"]
    if key == "$connect":
        protocol = event["headers"].get("Sec-WebSocket-Protocol", "")
        if protocol == "no":
            return {"statusCode": 403}
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": protocol}} if protocol else {"statusCode": 200}
    if key == "$default" and event["body"] == "calls":
        return {"statusCode": 200, "body": json.dumps(CALLS)}
    if key == "$default" and event["body"] == "raise":
        raise ValueError("as asked")
    return {"statusCode": 200, "body": "heard " + event.get("body", "")}

def answer(event):
    if event["rawPath"] == "/raise":
        raise ValueError("as asked")
    if event["rawPath"] == "/picture":
        return {"statusCode": 201, "headers": {"Content-Type": "image/png", "X-Kind": "toy"}, "cookies": ["a=1", "b=2"],
                "isBase64Encoded": True, "body": "iVBORw=="}
    return event
"""


def bundle(function: Function) -> Bundle:
    paths = ["/raise", "/picture", "/things/{id}", "/things/mine", "/hooks/{provider}/{tail+}"]
    return Bundle(
        stage="local",
        functions={function.name: function},
        http_routes=tuple(HttpRoute(method, path, "toy") for path in paths for method in ("GET", "POST")),
        cors=Cors(("https://here",), ("GET",), ("authorization",), ("etag",), False, 600),
        socket_routes={
            key: SocketRoute(key, "toy", answers)
            for key, answers in [("$connect", True), ("$disconnect", False), ("$default", True), ("mute", False)]
        },
        queue_readers=(),
        schedules=(),
        custom_resources=(),
    )


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    (tmp_path / "app.py").write_text(TOY)
    function = Function("toy", "arn:toy", tmp_path, "app.handler", 5, 128, (), {})
    pools = {"toy": InlinePool(function, {})}
    toys = bundle(function)
    sockets = WebSocketApi(toys, pools, "here", CLOCK)
    nowhere = Client(HOST, 1)
    door = SqsDoor(nowhere, lambda _, __: None)
    server = Server(Gateway(HttpApi(toys, pools, "here"), sockets, door, PumpControl({}), sockets))
    port = socket.socket()
    port.bind((HOST, 0))
    serving = asyncio.create_task(server.serve(sockets=[port]))
    await server.ready.wait()
    yield f"{HOST}:{port.getsockname()[1]}"
    server.should_exit = True
    await serving
    await pools["toy"].stop()


@pytest.fixture
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30, trust_env=False) as client:
        yield client


def dial(address: str, **options: Any) -> connect:
    return connect(f"ws://{address}/ws", proxy=None, compression=None, **options)


async def said(connection: ClientConnection) -> str:
    async with asyncio.timeout(30):
        return str(await connection.recv())


async def test_an_http_event_has_payload_2_0s_shape(http: httpx.AsyncClient) -> None:
    url = "/hooks/meta/a%20b/c?x=1&x=2&empty="
    headers = [("X-Twice", "a"), ("X-Twice", "b"), ("Cookie", "one=1; two=2"), ("Content-Type", "application/json")]
    event = (await http.post(url, content='{"é": 1}'.encode(), headers=headers)).json()
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /hooks/{provider}/{tail+}")
    assert (event["rawPath"], event["rawQueryString"]) == ("/hooks/meta/a b/c", "x=1&x=2&empty=")
    assert event["queryStringParameters"] == {"x": "1,2", "empty": ""}
    assert event["pathParameters"] == {"provider": "meta", "tail": "a b/c"}
    assert event["cookies"] == ["one=1", "two=2"]
    assert event["headers"]["x-twice"] == "a,b"
    assert "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"é": 1}', False)
    context = event["requestContext"]
    assert (context["stage"], context["http"]["method"], context["http"]["sourceIp"]) == ("$default", "POST", HOST)


@pytest.mark.parametrize("content_type", ["image/png", "application/x-www-form-urlencoded", None, "application/json"])
async def test_a_body_that_is_not_text_comes_in_base64(http: httpx.AsyncClient, content_type: str | None) -> None:
    body = b"\xff\x00not utf-8"
    headers = {"Content-Type": content_type} if content_type else {}
    event = (await http.post("/things/1", content=body, headers=headers)).json()
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == body


async def test_a_route_written_out_goes_before_a_parameter(http: httpx.AsyncClient) -> None:
    assert (await http.get("/things/mine")).json()["routeKey"] == "GET /things/mine"
    assert (await http.get("/things/other")).json()["pathParameters"] == {"id": "other"}
    assert (await http.get("/hooks/meta")).status_code == 404
    assert (await http.get("/things/")).status_code == 404


async def test_an_answers_status_headers_cookies_and_bytes_go_out(http: httpx.AsyncClient) -> None:
    answer = await http.get("/picture", headers={"Origin": "https://here"})
    assert (answer.status_code, answer.content) == (201, b"\x89PNG")
    assert (answer.headers["content-type"], answer.headers["x-kind"]) == ("image/png", "toy")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["access-control-allow-origin"] == "https://here"
    assert answer.headers["access-control-expose-headers"] == "etag"


async def test_a_handler_that_raises_is_the_apis_500(http: httpx.AsyncClient) -> None:
    answer = await http.get("/raise")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


async def test_a_socket_is_asked_for_before_the_upgrade_and_its_end_is_told(address: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await dial(address, subprotocols=["no"])
    assert refused.value.response.status_code == 403
    async with dial(address, subprotocols=["yes"]) as first:
        assert first.subprotocol == "yes"
        await first.close(1000, "done")
    async with dial(address) as second:
        calls: list[dict[str, Any]] = []
        async with asyncio.timeout(30):
            while "$disconnect" not in [call["requestContext"]["routeKey"] for call in calls]:
                await second.send("calls")
                calls = json.loads(await said(second))
    contexts = [call["requestContext"] for call in calls]
    kinds = [context["eventType"] for context in contexts]
    assert kinds[:2] == ["CONNECT", "CONNECT"]
    ended = contexts[kinds.index("DISCONNECT")]
    assert (ended["disconnectStatusCode"], ended["disconnectReason"]) == (1000, "done")
    assert ended["connectionId"] == contexts[1]["connectionId"]
    assert {context["stage"] for context in contexts} == {"local"}


async def test_a_frame_is_answered_by_its_route_only_if_the_route_has_a_response(address: str) -> None:
    async with dial(address) as connection:
        await connection.send(json.dumps({"action": "mute"}))
        await connection.send('{"action": "unknown"}')
        assert await said(connection) == 'heard {"action": "unknown"}'
        await connection.send(b"bytes")
        assert await said(connection) == "heard " + base64.b64encode(b"bytes").decode()


async def test_a_function_that_fails_is_the_apis_own_frame(address: str) -> None:
    async with dial(address) as connection:
        await connection.send("raise")
        frame = json.loads(await said(connection))
    assert frame.keys() == {"message", "connectionId", "requestId"}
    assert frame["message"] == "Internal server error"


async def test_a_silent_socket_is_closed_when_its_idle_time_is_over_and_not_before(address: str) -> None:
    async with dial(address) as connection:
        async with asyncio.timeout(30):
            for _ in range(4):  # 2.8 s in all, never silent for two
                await connection.send("here")
                await said(connection)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(connection.recv(), 0.7)
        with pytest.raises(ConnectionClosed):
            await said(connection)
        assert connection.close_code == 1001
