"""The bundle as the stack runs it: functions, routes, queues' readers, schedules; one rule: read, never invented.

Durations are those of the template divided by the fast clock. A function's own timeout is not: its work takes as long
as it takes.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.intrinsics import ACCOUNT, REGION, Physical
from local.options import ROOT, Options, StackError
from local.template import Template

API_ADDRESS = re.compile(r"(https|wss)://(\w+)\.execute-api\.[\w-]+\.amazonaws\.com(/[\w$-]+)?")
DEFAULT_MEMORY, DEFAULT_TIMEOUT = 128, 3
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Function:
    """One Lambda function; `name` is its folder's."""

    name: str
    arn: str
    code: Path
    handler: str
    timeout: float
    memory: int
    layers: tuple[Path, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class HttpRoute:
    """One route of the HTTP API."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class Cors:
    """What the HTTP API says to browsers of other origins."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    credentials: bool
    max_age: int | None


@dataclass(frozen=True)
class SocketRoute:
    """One route of the WebSocket API; `answers` if its function's answer goes back as a frame."""

    key: str
    function: str
    answers: bool


@dataclass(frozen=True)
class QueueReader:
    """One event source mapping: which function gets a queue's messages, and how."""

    queue: str
    function: str
    batch_size: int
    window: float
    reports_failures: bool
    concurrency: int | None


@dataclass(frozen=True)
class Schedule:
    """One function called every so many seconds."""

    name: str
    function: str
    seconds: float


@dataclass(frozen=True)
class CustomResource:
    """One function called by the deployment."""

    name: str
    kind: str
    function: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Bundle:
    """Everything the template says about what runs."""

    stage: str
    functions: Mapping[str, Function]
    http_routes: tuple[HttpRoute, ...]
    cors: Cors | None
    socket_routes: Mapping[str, SocketRoute]
    queue_readers: tuple[QueueReader, ...]
    schedules: tuple[Schedule, ...]
    custom_resources: tuple[CustomResource, ...]

    @property
    def waited_for(self) -> frozenset[str]:
        """The functions whose callers wait for the answer."""
        called = {route.function for route in self.http_routes}
        return frozenset(called | {route.function for route in self.socket_routes.values()})


def function_resources(template: Template) -> dict[str, Physical]:
    """Answer what functions, their aliases and the APIs are called, so that others may refer to them."""
    known = {name: _function_physical(name) for name, _ in template.of_type("AWS::Lambda::Function")}
    for name, properties in template.of_type("AWS::Lambda::Alias"):
        arn = f"{_function_physical(properties['FunctionName']).attributes['Arn']}:{properties['Name']}"
        known[name] = Physical(arn, {"Arn": arn})
    for name, properties in template.of_type("AWS::ApiGatewayV2::Api"):
        scheme = "wss" if properties.get("ProtocolType") == "WEBSOCKET" else "https"
        known[name] = Physical(name, {"ApiEndpoint": f"{scheme}://{name}.execute-api.{REGION}.amazonaws.com"})
    return known


def read_bundle(template: Template, options: Options) -> Bundle:
    """Read the bundle of a template whose resources exist."""
    reader = _Reader(template, options)
    return Bundle(
        stage=template.parameter("Stage") or "local",
        functions=reader.functions,
        http_routes=tuple(reader.http_routes()),
        cors=reader.cors(),
        socket_routes={route.key: route for route in reader.socket_routes()},
        queue_readers=tuple(reader.queue_readers()),
        schedules=tuple(reader.schedules()),
        custom_resources=tuple(reader.custom_resources()),
    )


class _Reader:
    def __init__(self, template: Template, options: Options) -> None:
        self._template = template
        self._options = options
        self._sockets = {
            name
            for name, properties in template.of_type("AWS::ApiGatewayV2::Api")
            if properties.get("ProtocolType") == "WEBSOCKET"
        }
        layers = {
            name: ROOT / properties["Content"]["S3Key"]
            for name, properties in template.of_type("AWS::Lambda::LayerVersion")
        }
        self._names: dict[str, str] = {}
        self.functions: dict[str, Function] = {}
        for logical_id, properties in template.of_type("AWS::Lambda::Function"):
            function = self._function(logical_id, properties, layers)
            self._names[logical_id] = function.name
            self.functions[function.name] = function

    def _function(self, logical_id: str, properties: Mapping[str, Any], layers: Mapping[str, Path]) -> Function:
        code = ROOT / properties["Code"]["S3Key"]
        variables = properties.get("Environment", {}).get("Variables", {})
        return Function(
            name=code.name,
            arn=_function_physical(logical_id).attributes["Arn"],
            code=code,
            handler=properties["Handler"],
            timeout=float(properties.get("Timeout", DEFAULT_TIMEOUT)),
            memory=int(properties.get("MemorySize", DEFAULT_MEMORY)),
            layers=tuple(layers[layer] for layer in properties.get("Layers", []) if layer in layers),
            environment={name: self._localised(str(value)) for name, value in variables.items()},
        )

    def _localised(self, text: str) -> str:
        """Put this machine's addresses where the template says the APIs' own."""

        def address(match: re.Match[str]) -> str:
            scheme, api, tail = match.groups()
            base = self._options.websocket_url if scheme == "wss" else self._options.base_url
            return base if api in self._sockets else base + (tail or "")

        return API_ADDRESS.sub(address, text)

    def _called(self, arn: str) -> str:
        found = re.search(r"function:([\w-]+)", arn)
        name = self._names.get(found[1] if found else arn)
        if name is None:
            raise StackError(f"template.yaml calls {arn}, which is not one of its functions")
        return name

    def http_routes(self) -> Iterator[HttpRoute]:
        for _, api in self._template.of_type("AWS::ApiGatewayV2::Api"):
            for path, methods in api.get("Body", {}).get("paths", {}).items():
                for method, operation in methods.items():
                    if integration := operation.get("x-amazon-apigateway-integration"):
                        yield HttpRoute(method.upper(), path, self._called(integration["uri"]))

    def cors(self) -> Cors | None:
        for _, api in self._template.of_type("AWS::ApiGatewayV2::Api"):
            if said := api.get("Body", {}).get("x-amazon-apigateway-cors"):
                return Cors(
                    origins=_words(said.get("allowOrigins")),
                    methods=_words(said.get("allowMethods")),
                    headers=_words(said.get("allowHeaders")),
                    exposed=_words(said.get("exposeHeaders")),
                    credentials=str(said.get("allowCredentials", "")).lower() == "true",
                    max_age=int(said["maxAge"]) if "maxAge" in said else None,
                )
        return None

    def socket_routes(self) -> Iterator[SocketRoute]:
        integrations = dict(self._template.of_type("AWS::ApiGatewayV2::Integration"))
        two_way = {answer["RouteId"] for _, answer in self._template.of_type("AWS::ApiGatewayV2::RouteResponse")}
        for name, route in self._template.of_type("AWS::ApiGatewayV2::Route"):
            if route["ApiId"] in self._sockets:
                integration = integrations[route["Target"].removeprefix("integrations/")]
                answers = name in two_way and "RouteResponseSelectionExpression" in route
                yield SocketRoute(route["RouteKey"], self._called(integration["IntegrationUri"]), answers)

    def queue_readers(self) -> Iterator[QueueReader]:
        for _, mapping in self._template.of_type("AWS::Lambda::EventSourceMapping"):
            concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            if str(mapping.get("Enabled", True)).lower() == "true":
                yield QueueReader(
                    queue=mapping["EventSourceArn"].rpartition(":")[2],
                    function=self._called(mapping["FunctionName"]),
                    batch_size=int(mapping.get("BatchSize", 10)),
                    window=float(mapping.get("MaximumBatchingWindowInSeconds", 0)) / self._options.fast_clock,
                    reports_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
                    concurrency=int(concurrency) if concurrency else None,
                )

    def schedules(self) -> Iterator[Schedule]:
        for name, schedule in self._template.of_type("AWS::Scheduler::Schedule"):
            yield self._schedule(name, schedule["ScheduleExpression"], schedule["Target"]["Arn"])
        for name, rule in self._template.of_type("AWS::Events::Rule"):
            for target in rule.get("Targets", []) if "ScheduleExpression" in rule else []:
                yield self._schedule(name, rule["ScheduleExpression"], target["Arn"])

    def _schedule(self, name: str, expression: str, arn: str) -> Schedule:
        rate = re.fullmatch(r"rate\((\d+) (second|minute|hour|day)s?\)", expression)
        if not rate:
            raise StackError(f"template.yaml: the local stack knows no schedule like {expression}")
        return Schedule(name, self._called(arn), int(rate[1]) * UNITS[rate[2]] / self._options.fast_clock)

    def custom_resources(self) -> Iterator[CustomResource]:
        for name, kind, properties in self._template.custom_resources():
            yield CustomResource(name, kind, self._called(properties["ServiceToken"]), properties)


def seconds_on(clock: float, value: Any) -> str:  # noqa: ANN401 - a number or text, as templates go
    """Answer an SQS duration under the fast clock: whole seconds, rounded up."""
    return str(math.ceil(float(value) / clock))


def _function_physical(logical_id: str) -> Physical:
    return Physical(logical_id, {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{logical_id}"})


def _words(value: str | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    given = value.split(",") if isinstance(value, str) else value
    return tuple(word.strip() for item in given for word in item.split(","))
