"""The composition root: settings → adapters → services. The one rule: everything is made on first use and once a
container; importing this module opens nothing and imports nothing heavy, so that each function pays only for what it
calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from parley.settings import Settings
from parley.store.ids import new_id

if TYPE_CHECKING:
    from logging import Logger

    from parley.cloud.connections import Connections
    from parley.cloud.endpoint import Endpoint
    from parley.cloud.s3 import Bucket
    from parley.cloud.sealing import Sealer
    from parley.cloud.secrets import Secrets
    from parley.cloud.sqs import Queue
    from parley.domain.terms import Terms
    from parley.domain.tokens import DeploymentKeys
    from parley.edge.api import Api
    from parley.edge.authentication import Authenticator
    from parley.edge.frames import Socket
    from parley.edge.handshake import Gate
    from parley.providers.registry import Providers
    from parley.services.accept import Intake
    from parley.services.deliver import Deliverer
    from parley.services.housekeep import Housekeeper
    from parley.services.listen import Listening
    from parley.services.outbox import Outbox
    from parley.services.process import Processor
    from parley.services.push import Pusher
    from parley.services.read_inbox import Inbox
    from parley.services.recognise import Directory
    from parley.store.database import Database

__all__ = ["new_id"]

CREDENTIALS_PURPOSE = "sealing:credentials"
TICKET_TERM = timedelta(seconds=30)


@cache
def settings() -> Settings:
    """The environment, read once."""
    return Settings.from_environment()


def start_logging(function: str) -> Logger:
    """Write this function's log as JSON lines; answer its logger."""
    from parley.edge.logs import start_logging

    return start_logging(function, settings().log_level)


def load_for_webhooks() -> None:
    """Import what the webhook receiver will call, while start-up still has a whole processor."""
    import parley.cloud.s3
    import parley.cloud.secrets
    import parley.cloud.signing
    import parley.cloud.sqs
    import parley.domain.tokens
    import parley.providers.registry
    import parley.services.accept

    parley.cloud.signing.load()


def load_for_inbox() -> None:
    """Import what the inbox API will call and make its routes, while start-up still has a whole processor."""
    import parley.store.database  # noqa: F401

    inbox_api()


def load_for_sockets() -> None:
    """Import what a frame or a new connection will call, while start-up still has a whole processor."""
    import parley.edge.authentication
    import parley.edge.frames
    import parley.edge.handshake
    import parley.services.connect  # noqa: F401


def load_for_sending() -> None:
    """Import what taking a message to send will call and make its routes, while start-up has a whole processor."""
    import parley.cloud.sqs
    import parley.providers.meta
    import parley.services.push  # noqa: F401

    sending_api()


@cache
def secrets() -> Secrets:
    """The deployment's secrets."""
    from parley.cloud.secrets import Secrets

    return Secrets()


def deployment_keys() -> DeploymentKeys:
    """What the deployment's secret derives; follows a rotation within five minutes."""
    secret = secrets().read(settings().required("deployment_secret_arn"))
    return _keys_of(_Same(secret))


class _Same:
    """A mapping that equals only itself: what is made of a secret is kept until another one is read."""

    def __init__(self, secret: Mapping[str, str]) -> None:
        self.secret = secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.secret is self.secret

    def __hash__(self) -> int:
        return id(self.secret)


@lru_cache(maxsize=1)
def _keys_of(same: _Same) -> DeploymentKeys:
    from parley.domain.tokens import DeploymentKeys

    return DeploymentKeys.from_secret(same.secret)


@lru_cache(maxsize=1)
def _sealer_of(same: _Same) -> Sealer:
    from parley.cloud.sealing import Sealer

    keys = _keys_of(same)
    return Sealer(keys.derive_all(CREDENTIALS_PURPOSE), keys.current)


def sealer() -> Sealer:
    """Seals and opens integrations' credentials."""
    return _sealer_of(_Same(secrets().read(settings().required("deployment_secret_arn"))))


@cache
def _sqs() -> Endpoint:
    from parley.cloud.sqs import sqs_endpoint

    ours = settings()
    return sqs_endpoint(ours.inbound_queue_url or ours.outbound_queue_url or ours.push_queue_url)


@cache
def inbound_queue() -> Queue:
    """Webhooks on their way to the processor."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("inbound_queue_url"), _sqs())


@cache
def outbound_queue() -> Queue:
    """Hints that a conversation has something to send."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("outbound_queue_url"), _sqs())


@cache
def push_queue() -> Queue:
    """Hints that a tenant has events nobody has pushed."""
    from parley.cloud.sqs import Queue

    return Queue(settings().required("push_queue_url"), _sqs())


@cache
def bucket() -> Bucket:
    """The deployment's bucket."""
    from parley.cloud.s3 import Bucket

    return Bucket(settings().required("bucket_name"))


@cache
def connections() -> Connections:
    """The WebSocket connections."""
    from parley.cloud.connections import Connections

    return Connections(settings().required("connections_url"))


@cache
def providers() -> Providers:
    """The gateways, on one HTTP client. Idle connections are dropped early: one that died while the container slept
    would make a send uncertain.
    """
    import httpx

    from parley.providers.registry import build

    limits = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=4.0)
    http = httpx.Client(limits=limits, follow_redirects=False, trust_env=False)
    ours = settings()
    return build(
        http, meta_api_url=ours.meta_api_url, meta_api_version=ours.meta_api_version, fast_clock=ours.fast_clock
    )


@cache
def intake() -> Intake:
    """The door for webhooks."""
    from parley.providers.registry import HANDSHAKES
    from parley.services.accept import Intake

    return Intake(HANDSHAKES, deployment_keys, inbound_queue(), bucket(), new_id)


@cache
def database() -> Database:
    """Postgres, as the functions' role."""
    from parley.store.database import Database

    return Database(conninfo(settings().required("database_secret_arn")), pooled=settings().database_pooled == "true")


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


@cache
def processor() -> Processor:
    """Takes webhooks from the queue into the inbox."""
    from parley.services.process import Processor

    return Processor(database(), bucket(), providers(), sealer)


@cache
def deliverer() -> Deliverer:
    """Sends what is queued."""
    from parley.services.deliver import Deliverer

    ours = settings()
    return Deliverer(
        database(),
        providers(),
        sealer,
        outbound_queue(),
        pusher().wake,
        lease=timedelta(seconds=ours.sped(ours.send_lease_seconds)),
        backoff=timedelta(seconds=ours.sped(ours.send_backoff_seconds)),
    )


@cache
def housekeeper() -> Housekeeper:
    """The net under the hints."""
    from parley.services.housekeep import Housekeeper

    ours = settings()
    return Housekeeper(
        database(),
        inbound=inbound_queue(),
        outbound=outbound_queue(),
        bucket=bucket(),
        wake=pusher().wake,
        silent_for=timedelta(seconds=ours.sped(ours.connection_silence_seconds)),
        stuck_for=timedelta(seconds=ours.sped(ours.send_lease_seconds)),
    )


@cache
def terms() -> Terms:
    """What the socket promises."""
    from parley.domain.terms import Terms

    ours = settings()
    return Terms.sped(
        ours.fast_clock,
        silence_seconds=ours.connection_silence_seconds,
        per_user=ours.max_connections_per_user,
        per_tenant=ours.max_connections_per_tenant,
    )


@cache
def pusher() -> Pusher:
    """Pushes what this function committed, as far as that is quickly done."""
    from parley.services.push import Pusher

    return Pusher(database(), connections(), push_queue())


@cache
def patient_pusher() -> Pusher:
    """Pushes to audiences of any size."""
    from parley.services.push import Pusher

    return Pusher(database(), connections(), push_queue(), audience_limit=None)


@cache
def listening() -> Listening:
    """Answers what clients say on the socket."""
    from parley.services.listen import Listening

    return Listening(database(), terms(), lambda: datetime.now(UTC))


@cache
def socket() -> Socket:
    """The server's side of the socket."""
    from parley.edge.frames import Socket
    from parley.services.farewell import say_bye

    return Socket(listening, lambda connection_id, reason: say_bye(connections(), connection_id, reason))


@cache
def gate() -> Gate:
    """Lets sockets in."""
    from parley.edge.handshake import Gate
    from parley.services import connect, tickets

    origins = [origin.strip() for origin in settings().allowed_origins.split(",")]
    return Gate(
        origins=[origin for origin in origins if origin],
        consume_ticket=lambda ticket: tickets.consume(database(), ticket),
        authenticate_token=authenticator().authenticate_token,
        authenticate=authenticator().authenticate,
        admit=lambda caller, connection_id: connect.connect(database(), connections(), caller, connection_id, terms()),
    )


def forget_connection(connection_id: str) -> bool:
    """Forget a connection that ended; whether it was known."""
    from parley.services.connect import forget

    return forget(database(), connection_id)


@cache
def directory() -> Directory:
    """Everybody who may call."""
    from parley.services.recognise import Directory

    return Directory(database())


@cache
def authenticator() -> Authenticator:
    """Knows callers by token or key."""
    from parley.edge.authentication import Authenticator

    ours = settings()

    def jwt_secret() -> str | None:
        return secrets().read(ours.required("deployment_secret_arn")).get("jwt_hs256")

    return Authenticator(directory, jwt_secret, ours.jwt_issuer, ours.jwt_audience)


@cache
def inbox() -> Inbox:
    """The inbox, to read."""
    from parley.services.read_inbox import Inbox

    return Inbox(database())


@cache
def outbox() -> Outbox:
    """The inbox, to write."""
    from parley.services.outbox import Outbox

    return Outbox(database(), providers(), outbound_queue(), pusher().wake)


@cache
def inbox_api() -> Api:
    """The routes that read. Made without opening anything: a dependency that is away fails its own requests only."""
    from parley.cloud.reachable import ask_bucket, ask_queue
    from parley.edge.api import Api
    from parley.edge.routes_health import add_health_routes
    from parley.edge.routes_inbox import add_inbox_routes
    from parley.edge.routes_realtime import Realtime, add_realtime_routes
    from parley.services import catch_up, presence, tickets

    ours = settings()
    api = Api("inbox_api", authenticator())
    add_inbox_routes(api, inbox)
    add_realtime_routes(
        api,
        Realtime(
            events_after=lambda *asked: catch_up.events_after(database(), *asked),
            snapshot=lambda caller: catch_up.snapshot(database(), caller),
            issue_ticket=lambda caller: tickets.issue(database(), caller, ours.websocket_url, TICKET_TERM),
            presence=lambda caller: presence.presence(database(), caller),
        ),
    )
    probes = {
        "database": lambda: inbox().is_reachable(),
        "queue": lambda: ask_queue(_sqs(), ours.required("push_queue_url")),
        "bucket": lambda: ask_bucket(bucket()),
    }
    add_health_routes(api, probes)
    return api


@cache
def sending_api() -> Api:
    """The routes that take messages to send."""
    from parley.edge.api import Api
    from parley.edge.routes_sending import add_sending_routes

    api = Api("send_message", authenticator())
    add_sending_routes(api, outbox)
    return api


def migrate() -> list[str]:
    """Apply the missing migrations as the migration role, and give the functions' role its password."""
    from parley.store.migrate import migrate as apply

    ours = settings()
    app = secrets().read(ours.required("database_secret_arn"))
    return apply(conninfo(ours.required("migration_secret_arn")), app["username"], app["password"])
