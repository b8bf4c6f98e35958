"""What Parley stands on: settings, secrets, queues, the bucket, the database, gateways."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from parley.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger

    import httpx

    from parley.cloud.connections import Connections
    from parley.cloud.endpoint import Endpoint
    from parley.cloud.keyring import Keyring
    from parley.cloud.s3 import Bucket
    from parley.cloud.sealing import Sealer
    from parley.cloud.secrets import Secrets
    from parley.cloud.sqs import Queue
    from parley.domain.queues import QueueName
    from parley.domain.tokens import DeploymentKeys
    from parley.providers.public_web import PublicWeb
    from parley.providers.registry import Providers
    from parley.store.database import Database

CREDENTIALS_PURPOSE = "sealing:credentials"


@cache
def settings() -> Settings:
    """The environment, read once."""
    return Settings.from_environment()


def start_logging(function: str) -> Logger:
    """Write this function's log as JSON lines; answer its logger."""
    from parley.edge.logs import start_logging

    return start_logging(function, settings().log_level)


@cache
def secrets() -> Secrets:
    """The deployment's secrets."""
    from parley.cloud.secrets import Secrets

    return Secrets()


@cache
def keyring() -> Keyring:
    """The deployment's keys."""
    from parley.cloud.keyring import Keyring

    return Keyring(secrets(), settings().required("deployment_secret_arn"), CREDENTIALS_PURPOSE)


def deployment_keys() -> DeploymentKeys:
    """What the deployment's secret derives; follows a rotation within five minutes."""
    return keyring().keys()


def sealer() -> Sealer:
    """Seals and opens integrations' credentials."""
    return keyring().sealer()


@cache
def sqs() -> Endpoint:
    """The queue service."""
    from parley.cloud.sqs import sqs_endpoint

    ours = settings()
    named = (ours.inbound_queue_url, ours.outbound_queue_url, ours.push_queue_url, ours.media_queue_url)
    return sqs_endpoint(next(filter(None, named)))


@cache
def inbound_queue() -> Queue:
    """Webhooks on their way to the processor."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("inbound_queue_url"), sqs(), settings().fast_clock)


@cache
def outbound_queue() -> Queue:
    """Hints that a conversation has something to send."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("outbound_queue_url"), sqs(), settings().fast_clock)


@cache
def push_queue() -> Queue:
    """Hints that a tenant has events nobody has pushed."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("push_queue_url"), sqs(), settings().fast_clock)


@cache
def media_queue() -> Queue:
    """Hints that a file waits to be fetched."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("media_queue_url"), sqs(), settings().fast_clock)


def queue_named(name: QueueName) -> Queue:
    """The queue of a name."""
    return {"inbound": inbound_queue, "outbound": outbound_queue, "media": media_queue, "push": push_queue}[name]()


@cache
def dead_letter_queues() -> Mapping[QueueName, Queue]:
    """Where messages go that were received too often, by the names of the queues they come from."""
    from parley.cloud.sqs import Queue
    from parley.domain.queues import QUEUES

    return {name: Queue(settings().required(f"{name}_dead_letters_url"), sqs()) for name in QUEUES}


@cache
def bucket() -> Bucket:
    """The deployment's bucket."""
    from parley.cloud.s3 import Bucket

    return Bucket(settings().required("bucket_name"))


@cache
def tombstones() -> Bucket:
    """Where it is kept what was erased."""
    from parley.cloud.s3 import Bucket

    return Bucket(settings().required("tombstones_bucket_name"))


@cache
def connections() -> Connections:
    """The WebSocket connections."""
    from parley.cloud.connections import Connections

    return Connections(settings().required("connections_url"))


@cache
def providers() -> Providers:
    """The gateways, for all but fetching files."""
    return _gateways(None)


@cache
def gateways_and_web() -> Providers:
    """The gateways, for fetching files too."""
    return _gateways(web())


def _gateways(web: httpx.Client | None) -> Providers:
    """The gateways, on one HTTP client that goes where companies say their gateways are, but to no private address that
    the operator did not allow. Idle connections are dropped early: one that died while the container slept would make a
    send uncertain.
    """
    import httpx

    from parley.providers.public_web import public_client
    from parley.providers.registry import build

    ours = settings()
    allowed = [url for url in (*ours.private_gateway_urls.split(","), ours.meta_api_url) if url]
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=4.0)
    http = public_client(allowed, limits=limits)
    return build(
        http,
        web=web,
        meta_api_url=ours.meta_api_url,
        meta_api_version=ours.meta_api_version,
        fast_clock=ours.fast_clock,
    )


@cache
def web() -> httpx.Client:
    """The public web, and on the local stack the simulator's files."""
    from parley.providers.public_web import public_client

    return public_client([url for url in settings().private_media_urls.split(",") if url])


def files_of_the_web() -> PublicWeb:
    """Files at addresses that others chose."""
    from parley.providers.public_web import PublicWeb

    return PublicWeb(web())


@cache
def database() -> Database:
    """Postgres, as the functions' role."""
    from parley.store.database import Database

    def unreachable() -> None:
        from .work import meter

        meter()("database.unreachable", 1)

    pooled = settings().database_pooled == "true"
    return Database(conninfo(settings().required("database_secret_arn")), pooled=pooled, unreachable=unreachable)


def conninfo(secret_arn: str) -> str:
    """The connection string of the role a secret names."""
    from psycopg.conninfo import make_conninfo

    ours = settings()
    secret = secrets().read(secret_arn)
    return make_conninfo(
        host=ours.required("database_host"),
        port=ours.database_port,
        dbname=ours.database_name,
        sslmode=ours.database_sslmode,
        user=secret["username"],
        password=secret["password"],
    )
