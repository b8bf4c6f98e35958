"""SQS, S3 and Secrets Manager, played by MiniStack; one rule: what exists there comes from the template.

Secrets' values are made once and kept beside the data (`secrets.json`, mode 600), so that they outlive a MiniStack that
was killed before it saved its state.
"""

import asyncio
import json
import os
import secrets
import signal
import string
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.bundle import seconds_on
from local.children import Child, base_environment, rotate, start_child
from local.intrinsics import ACCOUNT, REGION, Physical
from local.options import HOST, Options, StackError
from local.ports import free_port
from local.postgres import last_line
from local.template import Template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

QUEUE_SECONDS = {"VisibilityTimeout": 30, "DelaySeconds": 0}  # and SQS's defaults
QUEUE_ATTRIBUTES = (*QUEUE_SECONDS, "MessageRetentionPeriod", "MaximumMessageSize", "ReceiveMessageWaitTimeSeconds")
SERVER = ("--no-access-log", "--log-level=warning", "--timeout-keep-alive=75", "--timeout-graceful-shutdown=2")
MIGRATION_SECRET = "parley-local-migration"  # noqa: S105 - its name, not its value


class MiniStack:
    """The process that plays AWS, its state kept in `<directory>/ministack`."""

    def __init__(self, options: Options) -> None:
        self._home = options.directory / "ministack"
        self._log = options.directory / "logs" / "ministack.log"
        self._child: Child | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The endpoint of every AWS service here."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> Child:
        """Start it and wait until it answers."""
        self._home.mkdir(exist_ok=True)
        self._child = start_child(
            "MiniStack",
            # Its own server is hypercorn, which costs twice as much a call.
            [sys.executable, "-m", "uvicorn", "ministack.app:app", f"--host={HOST}", f"--port={self.port}", *SERVER],
            log=rotate(self._log),
            environment=self._environment(),
            death_signal=signal.SIGTERM,
            directory=self._home,
        )
        deadline = time.monotonic() + 30
        while not await asyncio.to_thread(self._answers):
            if self._child.ended.is_set() or time.monotonic() > deadline:
                raise StackError(f"MiniStack did not start: {last_line(self._log)} (see {self._log})")
            await asyncio.sleep(0.03)
        return self._child

    async def stop(self) -> None:
        """End it and let it save its queues."""
        if self._child:
            await self._child.stop(signal.SIGTERM, patience=15)

    def _environment(self) -> dict[str, str]:
        return {
            **base_environment(),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self._home / "state"),
            "S3_DATA_DIR": str(self._home / "s3"),
            "TMPDIR": str(self._home),
            "SERVICES": "sqs,s3,secretsmanager",
            # Signed links and forms are checked: under these, which the functions have too (sandbox.py).
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "",
            "LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
        }

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5):  # noqa: S310 - our own http address
                return True
        except (urllib.error.URLError, OSError):
            return False


class Resources:
    """The template's queues, bucket and secrets, made in MiniStack."""

    def __init__(self, options: Options, endpoint: str) -> None:
        import boto3

        session = boto3.session.Session("local", "local", region_name=REGION)
        self._options = options
        self._sqs: SQSClient = session.client("sqs", endpoint_url=endpoint)
        self._s3: S3Client = session.client("s3", endpoint_url=endpoint)
        self._secrets: SecretsManagerClient = session.client("secretsmanager", endpoint_url=endpoint)
        self._kept = options.directory / "secrets.json"
        self.values: dict[str, str] = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        self.physical: dict[str, Physical] = {}
        self.visibility: dict[str, int] = {}

    def create(self, template: Template) -> dict[str, Physical]:
        """Make what is not there yet and answer what each logical id became."""
        for name, properties in template.of_type("AWS::SecretsManager::Secret"):
            self._secret(name, properties)
        for name, properties in template.of_type("AWS::S3::Bucket"):
            self._bucket(name, properties)
        self._queues(dict(template.of_type("AWS::SQS::Queue")))
        return self.physical

    def put_secret(self, name: str, value: str) -> str:
        """Give a secret this value, and answer its ARN."""
        try:
            return self._secrets.put_secret_value(SecretId=name, SecretString=value)["ARN"]
        except self._secrets.exceptions.ResourceNotFoundException:
            return self._secrets.create_secret(Name=name, SecretString=value)["ARN"]

    def add_to_secret(self, arn: str, field: str, value: str) -> dict[str, str]:
        """Add a field to a JSON secret unless it has it; answer the secret's fields."""
        name = self._named(arn)
        fields = self.fields_of(arn)
        if field not in fields:
            fields[field] = value
            self._keep(name, json.dumps(fields))
            self.put_secret(arn, self.values[name])
        return fields

    def close(self) -> None:
        """Close the connections, for which MiniStack would wait when it ends."""
        for client in (self._sqs, self._s3, self._secrets):
            client.close()

    def fields_of(self, arn: str) -> dict[str, str]:
        """Answer the fields of a JSON secret of the template."""
        fields: dict[str, str] = json.loads(self.values[self._named(arn)])
        return fields

    def _named(self, arn: str) -> str:
        return next(name for name, physical in self.physical.items() if physical.ref == arn)

    def _secret(self, name: str, properties: Mapping[str, Any]) -> None:
        if name not in self.values:
            self._keep(name, _generated(properties))
        arn = self.put_secret(str(properties.get("Name") or _physical_name(name)), self.values[name])
        self.physical[name] = Physical(arn, {"Arn": arn, "Id": arn})

    def _keep(self, name: str, value: str) -> None:
        self.values[name] = value
        fresh = self._kept.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as kept:  # noqa: PTH123 - a mode
            json.dump(self.values, kept, indent=1)
        fresh.replace(self._kept)

    def _bucket(self, name: str, properties: Mapping[str, Any]) -> None:
        bucket = str(properties.get("BucketName") or _physical_name(name))
        if bucket not in {found["Name"] for found in self._s3.list_buckets()["Buckets"]}:
            self._s3.create_bucket(Bucket=bucket)
        if "CorsConfiguration" in properties:
            self._s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=_cors(properties["CorsConfiguration"]))
        domain = f"{bucket}.s3.amazonaws.com"
        self.physical[name] = Physical(bucket, {"Arn": f"arn:aws:s3:::{bucket}", "DomainName": domain})

    def _queue(self, name: str) -> str:
        """Find a queue of an earlier run, which MiniStack knows under the port it had then, or make it."""
        try:
            return self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return self._sqs.create_queue(QueueName=name)["QueueUrl"]

    def _queues(self, queues: Mapping[str, Mapping[str, Any]]) -> None:
        """Make queues and then tie them to their dead letter queues, which may come later in the template."""
        urls = {}
        for name, properties in queues.items():
            queue = str(properties.get("QueueName") or _physical_name(name))
            urls[name] = self._queue(queue)
            # Functions reach SQS through the gateway, which wakes the queue's reader.
            url = f"{self._options.base_url}/{ACCOUNT}/{queue}"
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
            self.physical[name] = Physical(url, {"Arn": arn, "QueueName": queue, "QueueUrl": url})
        for name, properties in queues.items():
            attributes: dict[Any, str] = {key: str(properties[key]) for key in QUEUE_ATTRIBUTES if key in properties}
            for key, default in QUEUE_SECONDS.items():
                attributes[key] = seconds_on(self._options.fast_clock, attributes.get(key, default))
            if redrive := properties.get("RedrivePolicy"):
                target = str(redrive["deadLetterTargetArn"]).rpartition(":")[2]
                arn = self.physical.get(target, Physical("", {"Arn": redrive["deadLetterTargetArn"]})).attributes["Arn"]
                count = int(redrive["maxReceiveCount"])
                attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})
            queue = self.physical[name].attributes["QueueName"]
            self.visibility[queue] = int(attributes["VisibilityTimeout"])
            self._sqs.set_queue_attributes(QueueUrl=urls[name], Attributes=attributes)


def _generated(properties: Mapping[str, Any]) -> str:
    """Answer a secret as Secrets Manager would make it."""
    if "SecretString" in properties:
        return str(properties["SecretString"])
    wish = properties.get("GenerateSecretString", {})
    letters = string.ascii_letters + string.digits
    password = "".join(secrets.choice(letters) for _ in range(int(wish.get("PasswordLength", 32))))
    if "GenerateStringKey" not in wish:
        return password
    return json.dumps({**json.loads(wish.get("SecretStringTemplate", "{}")), wish["GenerateStringKey"]: password})


def _cors(configuration: Mapping[str, Any]) -> Any:  # noqa: ANN401 - boto3's own type is a maze
    """Answer a bucket's CORS rules, which the template writes a little differently from the API."""
    rules = [
        {("MaxAgeSeconds" if name == "MaxAge" else name): value for name, value in rule.items()}
        for rule in configuration["CorsRules"]
    ]
    for rule in rules:
        rule["AllowedOrigins"] = [origin for item in rule["AllowedOrigins"] for origin in str(item).split(",")]
        if "MaxAgeSeconds" in rule:
            rule["MaxAgeSeconds"] = int(rule["MaxAgeSeconds"])
    return {"CORSRules": rules}


def _physical_name(logical_id: str) -> str:
    return f"parley-local-{logical_id.lower()}"
