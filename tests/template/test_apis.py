"""The two interfaces: routes listed one by one, answers that get through, and logs without tokens."""

import json
import re
from collections.abc import Callable
from typing import Any

OfType = Callable[[str], dict[str, Any]]
ROUTES = {
    "GET /webhooks/{provider}/{integrationId}/{token}": "WebhookReceiver",
    "POST /webhooks/{provider}/{integrationId}/{token}": "WebhookReceiver",
    "GET /webhooks/meta/app/{token}": "WebhookReceiver",
    "POST /webhooks/meta/app/{token}": "WebhookReceiver",
    "GET /webhooks/{provider}/{integrationId}/{token}/{tail+}": "WebhookReceiver",
    "POST /webhooks/{provider}/{integrationId}/{token}/{tail+}": "WebhookReceiver",
    "POST /v1/conversations/{id}/messages": "SendMessage",
    "POST /v1/messages": "SendMessage",
    "POST /send-message": "SendMessage",
    "POST /v1/messages/{id}/resend": "SendMessage",
    "POST /v1/messages/{id}/reactions": "SendMessage",
    "PATCH /v1/messages/{id}": "SendMessage",
    "DELETE /v1/messages/{id}": "SendMessage",
    "POST /v1/conversations/{id}/read": "SendMessage",
    "POST /v1/conversations/{id}/typing": "SendMessage",
    "GET /v1/conversations": "InboxApi",
    "GET /v1/conversations/{id}": "InboxApi",
    "GET /v1/conversations/{id}/messages": "InboxApi",
    "GET /v1/messages/{id}": "InboxApi",
    "GET /v1/contacts/{id}": "InboxApi",
    "POST /v1/contacts/{id}/merge": "InboxApi",
    "POST /v1/contacts/{id}/unmerge": "InboxApi",
    "PATCH /v1/conversations/{id}": "InboxApi",
    "POST /v1/conversations/{id}/assign": "InboxApi",
    "PUT /v1/conversations/{id}/followers/{userId}": "InboxApi",
    "DELETE /v1/conversations/{id}/followers/{userId}": "InboxApi",
    "GET /v1/conversations/counts": "InboxApi",
    "GET /v1/conversations/{id}/timeline": "InboxApi",
    "GET /v1/conversations/{id}/members": "InboxApi",
    "GET /v1/messages": "InboxApi",
    "GET /v1/messages/{id}/context": "InboxApi",
    "GET /v1/search": "InboxApi",
    "GET /v1/messages/{id}/receipts": "InboxApi",
    "GET /v1/contacts": "InboxApi",
    "POST /v1/contacts": "InboxApi",
    "PATCH /v1/contacts/{id}": "InboxApi",
    "POST /v1/contacts/{id}/block": "InboxApi",
    "DELETE /v1/contacts/{id}": "AdminApi",
    "GET /v1/contacts/{id}/export": "AdminApi",
    "GET /v1/labels": "InboxApi",
    "POST /v1/labels": "InboxApi",
    "PATCH /v1/labels/{id}": "InboxApi",
    "DELETE /v1/labels/{id}": "InboxApi",
    "GET /v1/canned-replies": "InboxApi",
    "POST /v1/canned-replies": "InboxApi",
    "PATCH /v1/canned-replies/{id}": "InboxApi",
    "DELETE /v1/canned-replies/{id}": "InboxApi",
    "GET /v1/events": "InboxApi",
    "GET /v1/snapshot": "InboxApi",
    "POST /v1/realtime/ticket": "InboxApi",
    "GET /v1/realtime/connections": "InboxApi",
    "GET /v1/presence": "InboxApi",
    "GET /v1/me": "InboxApi",
    "PUT /v1/me": "InboxApi",
    "POST /v1/media": "InboxApi",
    "GET /v1/media/{id}": "InboxApi",
    "GET /v1/media/{id}/url": "InboxApi",
    "GET /healthz": "InboxApi",
    "GET /v1/users": "AdminApi",
    "POST /v1/users": "AdminApi",
    "PATCH /v1/users/{id}": "AdminApi",
    "GET /v1/api-keys": "AdminApi",
    "POST /v1/api-keys": "AdminApi",
    "POST /v1/api-keys/{id}/rotate": "AdminApi",
    "DELETE /v1/api-keys/{id}": "AdminApi",
    "GET /v1/settings": "AdminApi",
    "PATCH /v1/settings": "AdminApi",
    "GET /v1/audit": "AdminApi",
    "GET /v1/housekeeping": "AdminApi",
    "GET /v1/integrations": "AdminApi",
    "POST /v1/integrations": "AdminApi",
    "GET /v1/integrations/{id}": "AdminApi",
    "PATCH /v1/integrations/{id}": "AdminApi",
    "POST /v1/integrations/{id}/rotate": "AdminApi",
    "POST /v1/integrations/{id}/check": "AdminApi",
    "GET /v1/integrations/{id}/health": "AdminApi",
    "DELETE /v1/integrations/{id}": "AdminApi",
    "GET /v1/queues": "AdminApi",
    "POST /v1/queues/{name}/pause": "AdminApi",
    "POST /v1/queues/{name}/resume": "AdminApi",
    "GET /v1/queues/{name}/dead": "AdminApi",
    "GET /v1/queues/{name}/dead/{id}": "AdminApi",
    "POST /v1/queues/{name}/dead/redrive": "AdminApi",
    "DELETE /v1/queues/{name}/dead/{id}": "AdminApi",
    "GET /v1/ledger": "AdminApi",
    "GET /v1/ledger/{id}": "AdminApi",
    "POST /v1/ledger/{id}/replay": "AdminApi",
    "POST /v1/ledger/replay": "AdminApi",
    "GET /v1/ledger/replays": "AdminApi",
    "GET /v1/ledger/replays/{id}": "AdminApi",
    "GET /v1/ledger/replays/{id}/rows": "AdminApi",
    "POST /v1/ledger/replays/{id}/cancel": "AdminApi",
    "GET /v1/openapi.json": "AdminApi",
    "GET /readyz": "InboxApi",
}
TELLING = re.compile(r"path|header|authoriz|cookie|body|query|input", re.IGNORECASE)
ALIAS = re.compile(r"\$\{(\w+)Aliaslive}")


def http_api(of_type: OfType) -> dict[str, Any]:
    """The OpenAPI body that SAM makes of the functions' events."""
    body: dict[str, Any] = of_type("AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]
    return body


def test_every_http_route_is_listed_and_ends_at_its_function(of_type: OfType) -> None:
    found = {}
    for path, methods in http_api(of_type)["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["payloadFormatVersion"] == "2.0"
            alias = ALIAS.search(integration["uri"]["Fn::Sub"])
            found[f"{method.upper()} {path}"] = alias.group(1) if alias else None
    assert found == ROUTES


def test_browsers_are_let_in_by_the_list_that_the_websocket_uses(of_type: OfType) -> None:
    condition, cors, otherwise = http_api(of_type)["x-amazon-apigateway-cors"]["Fn::If"]
    assert (condition, otherwise) == ("HasOrigins", {"Ref": "AWS::NoValue"})
    listed = of_type("AWS::Lambda::Function")["WsConnect"]["Environment"]["Variables"]["ALLOWED_ORIGINS"]
    assert listed == {"Ref": "AllowedOrigins"}
    assert cors["allowOrigins"] == {"Fn::Split": [",", "https://console.example"]}
    assert {"authorization", "content-type", "idempotency-key", "prefer"} <= set(cors["allowHeaders"])
    assert not cors.get("allowCredentials")


def test_websocket_frames_are_told_apart_by_their_action(of_type: OfType) -> None:
    api = of_type("AWS::ApiGatewayV2::Api")["WebSocketApi"]
    assert api["RouteSelectionExpression"] == "$request.body.action"


def test_websocket_routes_point_at_aliases(of_type: OfType) -> None:
    integrations = of_type("AWS::ApiGatewayV2::Integration")
    ends = {}
    for route in of_type("AWS::ApiGatewayV2::Route").values():
        target = route["Target"]["Fn::Join"][1][1]["Ref"]
        ends[route["RouteKey"]] = integrations[target]["IntegrationUri"]["Fn::Sub"][1]["FunctionArn"]
    assert ends == {
        "$connect": {"Ref": "WsConnectAliaslive"},
        "$disconnect": {"Ref": "WsDisconnectAliaslive"},
        "$default": {"Ref": "WsMessageAliaslive"},
    }


def test_answers_to_connect_and_to_frames_get_through(of_type: OfType) -> None:
    routes = of_type("AWS::ApiGatewayV2::Route")
    answered = set()
    for response in of_type("AWS::ApiGatewayV2::RouteResponse").values():
        assert response["RouteResponseKey"] == "$default"
        answered.add(response["RouteId"]["Ref"])
    speaking = {name for name, route in routes.items() if route.get("RouteResponseSelectionExpression") == "$default"}
    assert speaking == answered
    assert {routes[name]["RouteKey"] for name in answered} == {"$connect", "$default"}


def test_connections_are_answered_at_the_stage_that_is_deployed(of_type: OfType) -> None:
    (stage,) = (s for s in of_type("AWS::ApiGatewayV2::Stage").values() if s["ApiId"] == {"Ref": "WebSocketApi"})
    for item in of_type("AWS::Lambda::Function").values():
        for name in ("WEBSOCKET_URL", "CONNECTIONS_URL"):
            assert item["Environment"]["Variables"][name]["Fn::Sub"].endswith(f"/{stage['StageName']}")


def test_access_logs_hold_no_path_no_header_and_no_body(of_type: OfType) -> None:
    stages = of_type("AWS::ApiGatewayV2::Stage")
    assert len(stages) == 2
    for stage in stages.values():
        format_ = stage["AccessLogSettings"]["Format"]
        json.loads(format_)
        variables = set(re.findall(r"\$context\.([A-Za-z.]+)", format_))
        assert [name for name in variables if TELLING.search(name)] == []
