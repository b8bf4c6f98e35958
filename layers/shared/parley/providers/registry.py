"""Which gateways there are. The one rule: a gateway is one file or package and one line in the table here.

Adapters are imported when they are asked for: the webhook receiver knows every gateway's name and needs none of them,
and a sender needs the one it sends through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from parley.domain.errors import NotFound

if TYPE_CHECKING:
    import httpx

    from .base import App, Provider

Handshake: TypeAlias = Callable[[Mapping[str, str], str], str | None]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the rest of Parley knows of a gateway before its adapter is imported. `adapter`, `app`: a module here and
    the class in it; an app is for gateways whose app may have one URL for all its accounts. `needs`, `may_have`: names
    of an account's credentials. `proofs`: the headers that its webhooks prove themselves with; whatever else comes
    along is not kept for `verify`.
    """

    adapter: str
    needs: frozenset[str]
    proofs: frozenset[str]
    may_have: frozenset[str] = frozenset()
    app: str | None = None


def _gateway(adapter: str, needs: str, proofs: str, may_have: str = "", app: str | None = None) -> Gateway:
    return Gateway(adapter, frozenset(needs.split()), frozenset(proofs.split()), frozenset(may_have.split()), app)


GATEWAYS: Final[Mapping[str, Gateway]] = {
    "meta": _gateway("meta:Meta", "app_secret access_token", "x-hub-signature-256", app="meta.app:App"),
    "evolution": _gateway("evolution:Evolution", "api_key", "authorization", "jwt_key"),
    "zapi": _gateway("zapi:ZApi", "instance_token", "z-api-token", "client_token z_api_token"),
    "wuzapi": _gateway("wuzapi:WuzApi", "token", "x-hmac-signature", "hmac_key s3_secret_key"),
    "telegram": _gateway("telegram:Telegram", "bot_token", "x-telegram-bot-api-secret-token", "secret_token"),
}
CREDENTIALS: Final = {name: (gateway.needs, gateway.may_have) for name, gateway in GATEWAYS.items()}
PROOFS: Final = {name: gateway.proofs for name, gateway in GATEWAYS.items()}


def app_of(name: str) -> App | None:
    """What knows the URL of a gateway's whole app, imported now; None where a gateway has no such thing."""
    gateway = GATEWAYS.get(name)
    if gateway is None or gateway.app is None:
        return None
    found: App = _load(gateway.app)()
    return found


def adapter(name: str) -> type[Provider]:
    """A gateway's class, imported now.

    Raises NotFound.
    """
    gateway = GATEWAYS.get(name)
    if gateway is None:
        raise NotFound("There is no such gateway.")
    found: type[Provider] = _load(gateway.adapter)
    return found


def _load(place: str) -> Any:  # noqa: ANN401  (a class of the caller's choice)
    module, _, attribute = place.partition(":")
    return getattr(import_module(f".{module}", __package__), attribute)


def _handshake_of(name: str) -> Handshake:
    def shake(query: Mapping[str, str], verify_token: str) -> str | None:
        # Answering a handshake needs no adapter that could send.
        answer: str | None = adapter(name).handshake(query, verify_token)  # type: ignore[call-arg]
        return answer

    return shake


HANDSHAKES: Final[Mapping[str, Handshake]] = {name: _handshake_of(name) for name in GATEWAYS}
"""Each known gateway's answer to a GET verification, a static method; it needs neither a network nor a setting."""


class Providers(Mapping[str, "Provider"]):
    """The adapters by name, each made when it is first asked for. An unknown name raises NotFound."""

    def __init__(self, make: Callable[[str], Provider]) -> None:
        self._make = make
        self._made: dict[str, Provider] = {}

    def __getitem__(self, name: str) -> Provider:
        """Return the adapter. Raises NotFound."""
        if name not in self._made:
            # Two threads may both make one: either serves.
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a gateway."""
        return name in GATEWAYS

    def __iter__(self) -> Iterator[str]:
        """Every gateway's name."""
        return iter(GATEWAYS)

    def __len__(self) -> int:
        """How many gateways there are."""
        return len(GATEWAYS)


def build(
    http: httpx.Client,
    *,
    web: httpx.Client | None = None,
    meta_api_url: str,
    meta_api_version: str,
    fast_clock: float = 1.0,
) -> Providers:
    """Every adapter, on one HTTP client for the gateways themselves and, where files are fetched, a guarded one for
    URLs that others gave us (public_web.py); `fast_clock` divides what each would wait.
    """
    also: Mapping[str, Mapping[str, Any]] = {"meta": {"api_url": meta_api_url, "version": meta_api_version}}

    def make(name: str) -> Provider:
        make_adapter: Callable[..., Provider] = adapter(name)
        return make_adapter(http, web=web, fast_clock=fast_clock, **also.get(name, {}))

    return Providers(make)
