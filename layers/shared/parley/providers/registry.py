"""Which gateways there are. The one rule: a gateway is one file and one line in each of the two tables here.

Adapters are imported when they are asked for: the webhook receiver knows every gateway's name and needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from parley.domain.errors import NotFound

if TYPE_CHECKING:
    import httpx

    from .base import Provider

Handshake: TypeAlias = Callable[[Mapping[str, str], str], str | None]


def _shake_meta(query: Mapping[str, str], verify_token: str) -> str | None:
    from .meta import Meta

    return Meta.handshake(query, verify_token)


HANDSHAKES: Final[Mapping[str, Handshake]] = {
    "meta": _shake_meta,
}
"""Each known gateway's answer to a GET verification; it needs neither a network nor a setting."""


class Providers(dict[str, "Provider"]):
    """The adapters by name; an unknown name raises NotFound."""

    def __missing__(self, name: str) -> NoReturn:
        raise NotFound("There is no such gateway.")

    def provider(self, name: str) -> Provider:
        """Return the adapter.

        Raises NotFound.
        """
        return self[name]


def build(http: httpx.Client, *, meta_api_url: str, meta_api_version: str, fast_clock: float = 1.0) -> Providers:
    """Make every adapter on one HTTP client; `fast_clock` divides what each would wait."""
    from .meta import Meta

    return Providers(
        {
            "meta": Meta(http, meta_api_url, meta_api_version, fast_clock=fast_clock),
        }
    )
