"""What answers callers: webhooks, HTTP requests, sockets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from parley.store.ids import new_id

from .desk import add_desk_routes
from .resources import (
    bucket,
    connections,
    database,
    deployment_keys,
    files_of_the_web,
    inbound_queue,
    outbound_queue,
    providers,
    sealer,
    secrets,
    settings,
    sqs,
)
from .work import meter, notices, pusher, terms, typists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parley.domain.principal import Principal
    from parley.edge.api import Api, RateLimiter
    from parley.edge.authentication import Authenticator
    from parley.edge.declaration import Weight
    from parley.edge.frames import Socket
    from parley.edge.handshake import Gate
    from parley.edge.issuer_keys import Algorithm, IssuerKeys
    from parley.services.accept import Intake
    from parley.services.act import Acting
    from parley.services.limit import Limiter
    from parley.services.listen import Listening
    from parley.services.outbox import Outbox
    from parley.services.read_inbox import Inbox
    from parley.services.recognise import Directory
    from parley.services.upload_media import Uploads

TICKET_TERM = timedelta(seconds=30)


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
    meter()


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
def intake() -> Intake:
    """The door for webhooks."""
    from parley.providers.registry import HANDSHAKES, PROOFS, app_of
    from parley.services.accept import Intake

    def app_secret(provider: str) -> str | None:
        return secrets().read(settings().required("deployment_secret_arn")).get(f"{provider}_app_secret")

    return Intake(HANDSHAKES, deployment_keys, inbound_queue(), bucket(), new_id, app_of, app_secret, PROOFS)


@cache
def listening() -> Listening:
    """Answers what clients say on the socket."""
    from parley.services.listen import Listening

    return Listening(database(), terms(), lambda: datetime.now(UTC), typists(), notices(), meter())


@cache
def socket() -> Socket:
    """The server's side of the socket."""
    from parley.edge.frames import Flood, Socket
    from parley.services.farewell import say_bye

    return Socket(
        listening,
        lambda connection_id, reason: say_bye(connections(), connection_id, reason),
        Flood(terms().frames),
        settings().max_frame_bytes,
    )


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

    tenant_id = forget(database(), connection_id)
    if tenant_id is not None:
        notices().presence_changed(tenant_id)
    return tenant_id is not None


@cache
def directory() -> Directory:
    """Everybody who may call."""
    from parley.services.recognise import Directory

    return Directory(database())


@cache
def authenticator() -> Authenticator:
    """Knows callers by token or key."""
    from parley.edge.authentication import Authenticator
    from parley.edge.tokens import ClaimPaths

    ours = settings()

    def jwt_secret() -> str | None:
        return secrets().read(ours.required("deployment_secret_arn")).get("jwt_hs256")

    return Authenticator(
        directory,
        jwt_secret,
        ours.jwt_issuer,
        ours.jwt_audience,
        claims=ClaimPaths(ours.jwt_subject_claim, ours.jwt_tenant_claim, ours.jwt_role_claim),
        keys=issuer_keys(),
    )


@cache
def issuer_keys() -> IssuerKeys | None:
    """The keys of the tokens' issuer; None where tokens are under the deployment's own secret."""
    from parley.cloud.issuer import fetch_keys
    from parley.edge.issuer_keys import IssuerKeys

    ours = settings()
    algorithm: Algorithm
    if ours.jwt_algorithm == "RS256":
        algorithm = "RS256"
    elif ours.jwt_algorithm == "ES256":
        algorithm = "ES256"
    else:
        return None
    url = ours.jwt_keys_url or f"{ours.jwt_issuer.rstrip('/')}/.well-known/jwks.json"
    return IssuerKeys(
        algorithm,
        lambda: fetch_keys(url),
        kept=lambda: directory().kept_issuer_keys(url),
        keep=lambda document: directory().keep_issuer_keys(url, document),
    )


class _Limits:
    """The limiter, made at the first request: making the routes opens nothing."""

    def take(self, caller: Principal, weight: Weight) -> Mapping[str, str]:
        """Count a request."""
        return limiter().take(caller, weight)


def limits() -> RateLimiter:
    """Counts requests, from the first one on."""
    return _Limits()


@cache
def limiter() -> Limiter:
    """Counts requests."""
    from parley.services.limit import Limiter, Rates

    ours = settings()
    return Limiter(database(), Rates(ours.api_per_minute, ours.sends_per_minute, ours.person_per_minute))


@cache
def inbox() -> Inbox:
    """The inbox, to read."""
    from parley.services.read_inbox import Inbox

    return Inbox(database())


@cache
def outbox() -> Outbox:
    """The inbox, to write."""
    from parley.services.outbox import Outbox

    speed = settings().fast_clock
    return Outbox(database(), providers(), outbound_queue(), pusher().wake, files=uploads, speed=speed)


@cache
def uploads() -> Uploads:
    """Files that companies send, and any file to read."""
    from parley.services.shrink import thumbnail
    from parley.services.upload_media import Uploads

    return Uploads(database(), bucket(), files_of_the_web, thumbnail, lambda: datetime.now(UTC))


@cache
def acting() -> Acting:
    """What is done in the inbox, beside sending."""
    from parley.services.act import Acting

    return Acting(database(), providers(), sealer, pusher().wake, typists())


@cache
def inbox_api() -> Api:
    """The routes that read. Made without opening anything: a dependency that is away fails its own requests only."""
    from parley.cloud.reachable import ask_bucket, ask_queue
    from parley.edge.api import Api
    from parley.edge.routes_health import add_health_routes
    from parley.edge.routes_inbox import add_inbox_routes
    from parley.edge.routes_me import add_me_routes
    from parley.edge.routes_media import add_media_routes
    from parley.edge.routes_realtime import Realtime, add_realtime_routes
    from parley.services import catch_up, presence, read_connections, tickets

    ours = settings()
    api = Api("inbox_api", authenticator(), limits(), meter())
    add_inbox_routes(api, inbox)
    add_media_routes(api, uploads)
    add_me_routes(api, _say_busy)
    add_realtime_routes(
        api,
        Realtime(
            events_after=lambda *asked: catch_up.events_after(database(), *asked),
            snapshot=lambda caller: catch_up.snapshot(database(), caller),
            issue_ticket=lambda caller: tickets.issue(database(), caller, ours.websocket_url, TICKET_TERM),
            presence=lambda caller: presence.presence(database(), caller, terms()),
            connections=lambda *asked: read_connections.connections(database(), *asked),
        ),
    )
    add_desk_routes(api)
    probes = {
        "database": lambda: inbox().is_reachable(),
        "queue": lambda: ask_queue(sqs(), ours.required("push_queue_url")),
        "bucket": lambda: ask_bucket(bucket()),
    }
    add_health_routes(api, probes)
    return api


def _say_busy(caller: Principal, busy: bool) -> None:
    from parley.services.presence import say_busy

    say_busy(database(), caller, busy=busy)
    notices().presence_changed(caller.tenant_id)


@cache
def sending_api() -> Api:
    """The routes that take messages to send, and what is done to them."""
    from parley.edge.api import Api
    from parley.edge.routes_acting import add_acting_routes
    from parley.edge.routes_sending import add_sending_routes

    api = Api("send_message", authenticator(), limits(), meter())
    add_sending_routes(api, outbox)
    add_acting_routes(api, acting)
    return api
