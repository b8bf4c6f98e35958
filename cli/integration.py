"""`parley integration connect`: connects a company's account on a gateway. The one rule: credentials come from the
environment or a prompt, never from the command line, where everybody on the machine could read them.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping
from getpass import getpass
from typing import Any
from uuid import UUID

from cli.failure import FailureError
from cli.provision import name_of, with_database
from parley.cloud.sealing import Sealer
from parley.cloud.secrets import Secrets
from parley.domain.errors import ParleyError
from parley.domain.tokens import DeploymentKeys
from parley.services.provision import NewIntegration, connect_integration
from parley.store.database import Database
from parley.wiring import CREDENTIALS_PURPOSE

CREDENTIALS = {"meta": {"app_secret": "META_APP_SECRET", "access_token": "META_ACCESS_TOKEN"}}
"""Each gateway's credentials and the variables they may be given in."""
CHANNELS = {"meta": "whatsapp"}


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    words = "connect a company's account on a gateway; prints its webhook URL"
    group = commands.add_parser("integration", help=words).add_subparsers(metavar="connect", required=True)
    parser = group.add_parser(
        "connect",
        help=words,
        description="Connect a company's account on a gateway; print its id, webhook URL and verify token as JSON. The "
        "credentials are read from META_APP_SECRET and META_ACCESS_TOKEN, or asked for.",
    )
    parser.add_argument("name", type=name_of, help="what the company calls this account")
    parser.add_argument("--tenant", type=UUID, required=True, metavar="ID")
    parser.add_argument("--provider", choices=sorted(CREDENTIALS), default="meta")
    parser.add_argument("--account-id", type=name_of, required=True, help="Meta's phone_number_id")
    parser.add_argument("--phone", type=name_of, help="the number that customers write to, e.g. +5511900000001")
    parser.add_argument("--api-url", required=True, metavar="URL", help="the stack's output ApiUrl")
    parser.add_argument(
        "--deployment-secret",
        required=True,
        metavar="ARN",
        help="output DeploymentSecretArn of the stack; - reads stdin",
    )
    parser.add_argument("--database", metavar="URL", help="connection string (default: DATABASE_URL)")
    parser.set_defaults(run=run)


def run(chosen: Namespace) -> int:
    """Connect the account and print what its gateway must be told."""
    keys = _keys(chosen.deployment_secret)
    new = NewIntegration(
        provider=chosen.provider,
        channel=CHANNELS[chosen.provider],
        name=chosen.name,
        account_id=chosen.account_id,
        phone=chosen.phone,
        credentials=_credentials(CREDENTIALS[chosen.provider]),
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


def _keys(arn: str) -> DeploymentKeys:
    secret: Mapping[str, Any]
    try:
        secret = json.loads(sys.stdin.read()) if arn == "-" else Secrets().read(arn)
        return DeploymentKeys.from_secret(secret)
    except ParleyError as error:
        raise FailureError(f"the deployment secret cannot be read: {error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise FailureError(f"this is no deployment secret: {error}") from error


def _credentials(wanted: Mapping[str, str]) -> dict[str, str]:
    """Raises FailureError where nobody can be asked."""
    given = {name: os.environ.get(variable) or _ask(variable) for name, variable in wanted.items()}
    for name, variable in wanted.items():
        if not given[name]:
            raise FailureError(f"{variable} is needed")
    return given


def _ask(variable: str) -> str:
    return getpass(f"{variable}: ") if sys.stdin.isatty() else ""
