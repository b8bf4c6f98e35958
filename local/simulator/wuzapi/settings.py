"""An account's own routes at WuzAPI: its state, its webhook, its signing key, where its files go."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from local.simulator.integrations import SimulatedIntegration
from local.simulator.wuzapi.errors import WuzError, done, said
from local.simulator.wuzapi.jids import phone_jid
from local.simulator.wuzapi.rules import decoded
from local.simulator.wuzapi.sessions import Sessions, user_id

Handler = Callable[[SimulatedIntegration, bytes, Request], Awaitable[Response]]

EVENTS = frozenset(
    {
        *("Message", "UndecryptableMessage", "Receipt", "MediaRetry", "ReadReceipt", "GroupInfo", "JoinedGroup"),
        *("Picture", "Connected", "Disconnected", "ConnectFailure", "KeepAliveRestored", "KeepAliveTimeout"),
        *("LoggedOut", "ClientOutdated", "TemporaryBan", "StreamError", "StreamReplaced", "PairSuccess", "QR"),
        *("HistorySync", "Presence", "ChatPresence", "CallOffer", "All"),
    }
)
SHORTEST_KEY = 32
DELIVERIES = ("base64", "s3", "both")


def routes(sessions: Sessions, connected: Callable[[SimulatedIntegration], bool]) -> list[tuple[str, str, Handler]]:
    """Method, path and handler of each."""

    async def status(integration: SimulatedIntegration, _: bytes, __: Request) -> Response:
        session, on = sessions.of(integration), connected(integration)
        return done(
            {
                "id": user_id(integration),
                "name": integration.account_id,
                "connected": on,
                "loggedIn": on,
                "jid": phone_jid(integration.digits),
                "webhook": session.webhook,
                "events": ",".join(session.events),
                "hmac_configured": bool(session.key),
            }
        )

    async def set_webhook(integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, webhookurl=str, events=list)
        session = sessions.of(integration)
        session.webhook = fields["webhookurl"] or ""
        # Names it does not know it discards.
        session.events = [event for event in fields["events"] or session.events if event in EVENTS]
        return done({"webhook": session.webhook})

    async def get_webhook(integration: SimulatedIntegration, _: bytes, __: Request) -> Response:
        session = sessions.of(integration)
        return done({"webhook": session.webhook, "subscribe": session.events})

    async def set_key(integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        key = decoded(body, hmac_key=str)["hmac_key"] or ""
        if len(key) < SHORTEST_KEY:
            raise WuzError(400, "HMAC key must be at least 32 characters long")
        sessions.of(integration).key = key
        # This handler answers without the envelope.
        return said({"Details": "HMAC configuration saved successfully"})

    async def set_files(integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, enabled=bool, media_delivery=str)
        delivery = fields["media_delivery"] or "base64"
        if delivery not in DELIVERIES:
            raise WuzError(400, "media_delivery must be 'base64', 's3', or 'both'")
        session = sessions.of(integration)
        session.bucket, session.delivery = bool(fields["enabled"]) and delivery != "base64", delivery
        return done({"Details": "S3 configuration saved successfully", "Enabled": bool(fields["enabled"])})

    async def get_files(integration: SimulatedIntegration, _: bytes, __: Request) -> Response:
        session = sessions.of(integration)
        return done({"enabled": session.bucket, "media_delivery": session.delivery, "access_key": "***"})

    return [
        ("GET", "/session/status", status),
        ("POST", "/webhook", set_webhook),
        ("GET", "/webhook", get_webhook),
        ("POST", "/session/hmac/config", set_key),
        ("POST", "/session/s3/config", set_files),
        ("GET", "/session/s3/config", get_files),
    ]
