"""AWS for the functions' tests: moto behind a loopback port. The one rule: whatever speaks HTTP is spoken to over HTTP.

moto answers botocore and `requests` inside the process; Parley's own calls (docs/decisions/0017) are neither, so a
relay takes them from a socket and passes them on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from moto import mock_aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}


@dataclass
class Aws:
    """The clients to look with, the relay's address, and what came through it. A service in `down` answers 503."""

    url: str
    sqs: SQSClient
    s3: S3Client
    secrets: SecretsManagerClient
    down: set[str] = field(default_factory=set)
    relayed: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class Relay(BaseHTTPRequestHandler):
    """Passes a signed request on to the service its signature names."""

    protocol_version = "HTTP/1.1"
    aws: Aws

    def do_POST(self) -> None:
        self._pass_on()

    def do_GET(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        service = self.headers["authorization"].split("/")[3]
        self.aws.relayed.append((service, {name.lower(): value for name, value in self.headers.items()}))
        if service in self.aws.down:
            self._answer(503, b"{}")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        # Only Lambda's calls of these are told apart by their path.
        path = self.path if service == "lambda" else "/"
        url = f"https://{service}.{REGION}.amazonaws.com{path}"
        answer = requests.request(self.command, url, data=body, headers=headers, timeout=10)
        self._answer(answer.status_code, answer.content)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty AWS account; the environment's credentials and endpoints lead to it."""
    with mock_aws(), ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        for name, value in {**CREDENTIALS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETSMANAGER", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_MONITORING", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        direct = {"sqs": f"https://sqs.{REGION}.amazonaws.com", "sm": f"https://secretsmanager.{REGION}.amazonaws.com"}
        account = Aws(
            url,
            boto3.client("sqs", endpoint_url=direct["sqs"]),
            boto3.client("s3"),
            boto3.client("secretsmanager", endpoint_url=direct["sm"]),
        )
        server.RequestHandlerClass = type("BoundRelay", (Relay,), {"aws": account})
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield account
        server.shutdown()
        thread.join()
