"""The web, for URLs that others gave us. The one rule: a name is resolved once, its addresses are looked at, and the
connection goes to exactly one that was looked at; no private one is ever connected to.

https only, no redirect, bounded size and time. The local stack's simulator is no public place, so its own paths are
named by settings (PRIVATE_MEDIA_URLS, PRIVATE_GATEWAY_URLS), which are empty on AWS unless the operator has gateways
beside the deployment.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urljoin

import httpcore
import httpx

from parley.domain.errors import MediaGone, Unavailable

from .base import Download

CHUNK: Final = 1024 * 1024
LARGEST: Final = 128 * 1024 * 1024
LONGEST_SECONDS: Final = 240.0
MOST_REDIRECTS: Final = 3
TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
# A kept connection was looked at when it was made, but a name may belong to another tomorrow.
FEW: Final = httpx.Limits(max_connections=10, max_keepalive_connections=2, keepalive_expiry=2.0)

_NAT64: Final = ip_network("64:ff9b::/96")
_TEREDO: Final = ip_network("2001::/32")
_SPECIAL: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "::/96", "64:ff9b:1::/48")))

Resolve = Callable[[str, int], Sequence[str]]


class AddressRefused(httpx.ConnectError):
    """The URL leads to where we do not go, today and tomorrow."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also the one hidden inside of it (IPv4-mapped, 6to4, NAT64;
    Teredo hides it too well and is refused).
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in _TEREDO:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(str(inner))
    if any(ip in network for network in _SPECIAL if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def public_client(
    private_urls: Iterable[str] = (), *, resolve: Resolve | None = None, limits: httpx.Limits = FEW
) -> httpx.Client:
    """A client that reaches the public web over https, and whatever is under one of `private_urls`. It follows no
    redirect.
    """
    transport = GuardedTransport(tuple(private_urls), resolve or _resolve, limits)
    return httpx.Client(transport=transport, timeout=TIMEOUT, follow_redirects=False, trust_env=False)


class PublicWeb:
    """Files of the public web, over a guarded client. While a person waits: `seconds` at most."""

    def __init__(self, client: httpx.Client, seconds: float = 20.0) -> None:
        self._client = client
        self._seconds = seconds

    @contextmanager
    def open(self, url: str) -> Iterator[Download]:
        """Open a file; a redirect is followed on the same host only.

        Raises MediaGone (there is none, or the address is not public), Unavailable, both also while it is read.
        """
        deadline = time.monotonic() + self._seconds
        headers = {"accept-encoding": "identity"}
        try:
            for _ in range(1 + MOST_REDIRECTS):
                with self._client.stream("GET", url, headers=headers, follow_redirects=False) as response:
                    if not response.is_redirect:
                        yield _download(response, deadline)
                        return
                    url = _same_host(url, response.headers.get("location", ""))
        except AddressRefused as error:
            raise MediaGone(str(error)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            raise MediaGone("This is no address of a file.") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"The file's host did not answer: {type(error).__name__}.") from error
        raise MediaGone("The address leads from one to another without end.")


class GuardedTransport(httpx.BaseTransport):
    """Sends what may go out, and watches over what comes back."""

    def __init__(self, private_urls: Sequence[str], resolve: Resolve, limits: httpx.Limits = FEW) -> None:
        # Up to a slash: what begins like a host's name may be another's.
        self._private_urls = tuple(f"{url.rstrip('/')}/" for url in private_urls)
        self._guarded = _PinnedTransport(resolve, limits)
        self._plain = httpx.HTTPTransport(trust_env=False, limits=limits) if private_urls else None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises AddressRefused, and what httpx raises."""
        if self._plain and any(str(request.url).startswith(prefix) for prefix in self._private_urls):
            return self._plain.handle_request(request)
        if request.url.scheme != "https":
            raise AddressRefused("Only https addresses are fetched.", request=request)
        deadline = time.monotonic() + LONGEST_SECONDS
        try:
            response = self._guarded.handle_request(request)
        except httpx.ConnectError as error:
            if _is_refusal(error):
                raise AddressRefused("The address is not of the public internet.", request=request) from error
            raise
        if not isinstance(response.stream, httpx.SyncByteStream):
            raise TypeError("a transport of synchronous streams was expected")
        response.stream = _Bounded(response.stream, request, deadline)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._guarded.close()
        if self._plain:
            self._plain.close()


class _RefusedError(httpcore.ConnectError):
    """No address of this name may be connected to."""


class _PinnedTransport(httpx.HTTPTransport):
    """httpx's own transport over connections whose address was looked at; TLS still asks for the URL's host."""

    def __init__(self, resolve: Resolve, limits: httpx.Limits) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_PublicNetwork(resolve),
        )


class _PublicNetwork(httpcore.NetworkBackend):
    """Resolves, looks, and connects to what it looked at."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{type(error).__name__} for the host's name") from error
        # One private address among public ones is no mistake of an honest host.
        if not addresses or not all(is_public(address) for address in addresses):
            raise _RefusedError("not public")
        failure: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in addresses[:3]:
            try:
                return self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise _RefusedError("no socket of this machine")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Bounded(httpx.SyncByteStream):
    """An answer's body, as long as it stays small enough and comes in time."""

    def __init__(self, stream: httpx.SyncByteStream, request: httpx.Request, deadline: float) -> None:
        self._stream = stream
        self._request = request
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        for chunk in self._stream:
            received += len(chunk)
            if received > LARGEST:
                raise httpx.ReadError("The file is too large.", request=self._request)
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("The file took too long.", request=self._request)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _download(response: httpx.Response, deadline: float) -> Download:
    if response.status_code in {408, 425, 429} or response.status_code >= 500:
        raise Unavailable(f"The file was not given: HTTP {response.status_code}.")
    if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
        raise MediaGone(f"There is no file at this address: HTTP {response.status_code}.")
    length = response.headers.get("content-length", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
    return Download(response.headers.get("content-type"), size, _read(response, deadline))


def _read(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    for chunk in response.iter_raw(CHUNK):
        if time.monotonic() > deadline:
            raise Unavailable("The file took too long.")
        yield chunk


def _same_host(url: str, location: str) -> str:
    target = urljoin(url, location)
    before, after = httpx.URL(url), httpx.URL(target)
    if (before.scheme, before.host, before.port) != (after.scheme, after.host, after.port):
        raise MediaGone("The address leads to another host.")
    return target


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_refusal(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, _RefusedError):
            return True
        error = error.__cause__
    return False
