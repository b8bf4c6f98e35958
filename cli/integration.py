"""`parley integration`: connects a company's account on a gateway, and shows the URL of a gateway's whole app. The one
rule: credentials come from the environment or a prompt, never from the command line, where everybody on the machine
could read them.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Mapping
from getpass import getpass
from typing import Any
from uuid import UUID

from cli import integration_health
from cli.failure import FailureError
from cli.provision import name_of, with_database
from parley.cloud.sealing import Sealer
from parley.cloud.secrets import Secrets
from parley.domain.errors import ParleyError
from parley.domain.tokens import DeploymentKeys
from parley.providers.registry import GATEWAYS, adapter
from parley.services.accept import APP
from parley.services.provision import NewIntegration, connect_integration
from parley.store.database import Database
from parley.wiring import CREDENTIALS_PURPOSE


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    words = "connect a company's account on a gateway; prints its webhook URL"
    group = commands.add_parser("integration", help=words).add_subparsers(
        metavar="connect|app|health|check", required=True
    )
    _add_app(group)
    integration_health.add(group)
    parser = group.add_parser(
        "connect",
        help=words,
        description="Connect a company's account on a gateway; print its id, webhook URL and verify token as JSON. "
        "Each credential is read from a variable named after it, as META_APP_SECRET, or asked for.",
    )
    parser.add_argument("name", type=name_of, help="what the company calls this account")
    parser.add_argument("--tenant", type=UUID, required=True, metavar="ID")
    parser.add_argument("--provider", choices=sorted(GATEWAYS), default="meta")
    parser.add_argument(
        "--account-id", type=name_of, required=True, help="the gateway's name of it, e.g. Meta's phone_number_id"
    )
    parser.add_argument("--phone", type=name_of, help="the number that customers write to, e.g. +5511900000001")
    parser.add_argument(
        "--setting", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="e.g. baseUrl=https://…"
    )
    parser.add_argument(
        "--waba-id", type=name_of, help="the business account of a number that posts to the whole app's URL (see: app)"
    )
    _add_deployment(parser)
    parser.add_argument("--database", metavar="URL", help="connection string (default: DATABASE_URL)")
    parser.set_defaults(run=run)


def _add_app(group: _SubParsersAction[ArgumentParser]) -> None:
    words = "print the one webhook URL of a whole Meta app, for many numbers and companies"
    parser = group.add_parser(
        "app",
        help=words,
        description="Print, as JSON, the webhook URL and verify token that a Meta app with many numbers, of many "
        "companies, is told once. The app's secret is the member meta_app_secret of the deployment's secret.",
    )
    _add_deployment(parser)
    parser.set_defaults(run=show_app)


def _add_deployment(parser: ArgumentParser) -> None:
    parser.add_argument("--api-url", required=True, metavar="URL", help="the stack's output ApiUrl")
    parser.add_argument(
        "--deployment-secret",
        required=True,
        metavar="ARN",
        help="output DeploymentSecretArn of the stack; - reads stdin",
    )


def show_app(chosen: Namespace) -> int:
    """Print what a Meta app must be told, so that all its numbers post to one address."""
    keys = deployment_keys(chosen.deployment_secret)
    address = f"{chosen.api_url.rstrip('/')}/webhooks/meta/{APP}/{keys.url_token(APP, 1)}"
    print(json.dumps({"webhookUrl": address, "verifyToken": keys.verify_token(APP)}, indent=1))
    return 0


def run(chosen: Namespace) -> int:
    """Connect the account and print what its gateway must be told."""
    keys = deployment_keys(chosen.deployment_secret)
    new = NewIntegration(
        provider=chosen.provider,
        channel=adapter(chosen.provider).channel,
        name=chosen.name,
        account_id=chosen.account_id,
        phone=chosen.phone,
        credentials=_credentials(chosen.provider),
        settings=dict(chosen.setting),
        app_business=chosen.waba_id,
    )
    sealer = Sealer(keys.derive_all(CREDENTIALS_PURPOSE), keys.current)

    def connect(database: Database) -> UUID:
        return connect_integration(database, sealer, chosen.tenant, new)

    integration_id = str(with_database(chosen.database, connect))
    path = f"/webhooks/{chosen.provider}/{integration_id}/{keys.url_token(integration_id, 1)}"
    facts = {
        "id": integration_id,
        "webhookUrl": chosen.api_url.rstrip("/") + path,
        "verifyToken": keys.verify_token(integration_id),
    }
    print(json.dumps(facts, indent=1))
    return 0


def deployment_keys(arn: str) -> DeploymentKeys:
    """The keys of the deployment's secret; `-` reads it from stdin. Raises FailureError."""
    secret: Mapping[str, Any]
    try:
        secret = json.loads(sys.stdin.read()) if arn == "-" else Secrets().read(arn)
        return DeploymentKeys.from_secret(secret)
    except ParleyError as error:
        raise FailureError(f"the deployment secret cannot be read: {error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise FailureError(f"this is no deployment secret: {error}") from error


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ArgumentTypeError("should be NAME=VALUE")
    return name, value


def _credentials(provider: str) -> dict[str, str]:
    """Raises FailureError where one is missing and nobody can be asked."""
    gateway = GATEWAYS[provider]
    given: dict[str, str] = {}
    for name in sorted(gateway.needs | gateway.may_have):
        variable = f"{provider}_{name}".upper()
        value = os.environ.get(variable) or _ask(variable)
        if value:
            given[name] = value
        elif name in gateway.needs:
            raise FailureError(f"{variable} is needed")
    return given


def _ask(variable: str) -> str:
    return getpass(f"{variable}: ") if sys.stdin.isatty() else ""
