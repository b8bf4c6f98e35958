"""Which gateways there are. The one rule: a gateway is one file or package and one line in the table here.

Adapters are imported when they are asked for: the webhook receiver knows every gateway's name and needs none of them,
and a sender needs the one it sends through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from parley.domain.errors import NotFound

if TYPE_CHECKING:
    import httpx

    from .base import Provider

Handshake: TypeAlias = Callable[[Mapping[str, str], str], str | None]

GATEWAYS: Final[Mapping[str, str]] = {
    "meta": "meta:Meta",
    "evolution": "evolution:Evolution",
    "zapi": "zapi:ZApi",
    "wuzapi": "wuzapi:WuzApi",
}
"""Each gateway's adapter: its module here and the class in it."""


def adapter(name: str) -> type[Provider]:
    """A gateway's class, imported now.

    Raises NotFound.
    """
    place = GATEWAYS.get(name)
    if place is None:
        raise NotFound("There is no such gateway.")
    module, _, attribute = place.partition(":")
    found: type[Provider] = getattr(import_module(f".{module}", __package__), attribute)
    return found


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
