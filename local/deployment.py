"""What CloudFormation does for a deployment, done here; its one rule: resources, custom resources, then traffic."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from local.aws import MIGRATION_SECRET, Resources
from local.bundle import Bundle, function_resources, read_bundle
from local.intrinsics import PSEUDO_PARAMETERS
from local.options import HOST, Options, StackError
from local.postgres import APPLICATION, Database
from local.runtime import FunctionPool
from local.template import Template


@dataclass(frozen=True)
class Deployment:
    """The bundle as deployed, and the secrets a demo needs."""

    bundle: Bundle
    deployment_secret: Mapping[str, str]
    application_url: str


def first_parameters(options: Options) -> dict[str, Any]:
    """Answer what this machine says to the template before anything runs; what it leaves out has a default."""
    return {
        "Stage": "local",
        "LogLevel": os.environ.get("LOG_LEVEL", "INFO"),
        "FastClock": f"{options.fast_clock:g}",
        "DatabaseHost": HOST,
        "MigrationSecretArn": "known-later",
        "MetaApiUrl": f"{options.base_url}/simulator/meta",
        # The simulated gateways' files, and nothing else on this machine.
        "PrivateMediaUrls": f"{options.base_url}/simulator/media/,{options.base_url}/simulator/meta/attachments/",
        "AllowedOrigins": f"{options.base_url},{options.base_url.replace(HOST, 'localhost')}",
        "JwtIssuer": "parley-local",
        "JwtAudience": "parley",
        "PrivateGatewayUrls": f"{options.base_url}/simulator/",
        "QueueFiguresUrl": f"{options.base_url}/pump",
        # Whoever has this machine has all of its companies.
        "AdminsOperate": "true",
        # A person at this machine is no flood, and tests ask as fast as they can.
        "PersonPerMinute": 0,
        **options.parameters,
    }


def deploy(template: Template, resources: Resources, database: Database, options: Options) -> Deployment:
    """Make the template's resources and read the bundle with what they became."""
    credentials = {"username": database.migrator, "password": database.migrator_password}
    parameters = {
        "DatabaseHost": database.host,
        "DatabasePort": database.port,
        "DatabaseName": database.name,
        "DatabaseSslMode": database.sslmode,
        # What DATABASE_URL names may be a pooler; our own Postgres is none.
        "DatabasePooled": "true" if os.environ.get("DATABASE_URL") else "false",
        "MigrationSecretArn": resources.put_secret(MIGRATION_SECRET, json.dumps(credentials)),
    }
    physical = resources.create(template) | function_resources(template)
    bundle = read_bundle(template.with_physical(parameters, physical), options)
    # For development only: on AWS tokens are an identity provider's.
    resources.add_to_secret(_environment(bundle, "DEPLOYMENT_SECRET_ARN"), "jwt_hs256", secrets.token_urlsafe(48))
    # Of the simulated Meta app: it signs what comes by the app's own URL.
    deployment_secret = resources.add_to_secret(
        _environment(bundle, "DEPLOYMENT_SECRET_ARN"), "meta_app_secret", secrets.token_hex(16)
    )
    password = resources.fields_of(_environment(bundle, "DATABASE_SECRET_ARN"))["password"]
    return Deployment(bundle, deployment_secret, database.url(APPLICATION, "" if database.trusts else password))


async def run_custom_resources(bundle: Bundle, pools: Mapping[str, FunctionPool]) -> None:
    """Call the deployment's custom resources; without a ResponseURL, so that a failure is the call's own.

    Raises:
        StackError: one failed.
    """
    for resource in bundle.custom_resources:
        event = {
            "RequestType": "Create",
            "RequestId": str(uuid4()),
            "StackId": PSEUDO_PARAMETERS["AWS::StackId"],
            "ResourceType": resource.kind,
            "LogicalResourceId": resource.name,
            "ResourceProperties": resource.properties,
        }
        outcome = await pools[resource.function].invoke(json.dumps(event).encode())
        if outcome.error:
            raise StackError(f"{resource.function} failed, so nothing is deployed: {outcome.error}")


def _environment(bundle: Bundle, name: str) -> str:
    for function in bundle.functions.values():
        if name in function.environment:
            return function.environment[name]
    raise StackError(f"template.yaml gives no function {name}")
