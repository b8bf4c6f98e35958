"""How commands of admins ask the API. The one rule: whoever asks is told apart from the command line in one place, and
an answer is either what was asked for or a failure in the server's own words.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

import httpx

from cli.api import is_loopback
from cli.demo import Access, demo_company
from cli.failure import FailureError, TroubleError

TIMEOUT_SECONDS = 35.0
"""Longer than the API takes for anything."""


def add_access(parser: ArgumentParser) -> None:
    """Add the arguments that say where the API is and who asks."""
    parser.add_argument("--url", help="the API's address (if not given: the local stack's, as its admin)")
    parser.add_argument("--token", help="an admin's token (a JWT) or an API key with the scope admin")
    parser.add_argument("--tenant", metavar="NAME", help="a tenant of the local stack")
    parser.add_argument("--user", metavar="NAME", help="a person of the local stack")


def access_of(chosen: Namespace) -> Access:
    """Who asks, and where. Raises FailureError, TroubleError."""
    if chosen.url is None and chosen.token is None:
        facts, company, person = demo_company(chosen.tenant, chosen.user)
        if chosen.user is None:
            person = next((one for one in company["users"] if one["role"] in ("owner", "admin")), person)
        return Access(facts["baseUrl"], person["token"])
    if chosen.url is None or chosen.token is None or chosen.tenant or chosen.user:
        raise FailureError("--url and --token go together, and without --tenant and --user")
    return Access(chosen.url.rstrip("/"), chosen.token)


def ask(access: Access, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> dict[str, Any]:
    """The JSON object that a route answers. Raises TroubleError (it may work later) and FailureError."""
    token = access.token
    credential = {"x-api-key": token} if token.startswith("pk_") else {"authorization": f"Bearer {token}"}
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not is_loopback(access.url)) as http:
            answer = http.request(method, access.url + path, json=body, params=query, headers=credential)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise FailureError(f"{access.url} is not the address of an API: {error}") from error
    except httpx.TransportError as error:
        raise TroubleError(f"{access.url} cannot be reached ({type(error).__name__})") from error
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.is_success and isinstance(told, dict):
        return told
    detail = told.get("detail") if isinstance(told, dict) else None
    raise FailureError(f"{method} {path} answered {answer.status_code}: {detail or 'that is not what Parley answers'}")
