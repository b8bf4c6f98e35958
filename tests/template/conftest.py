"""The template as CloudFormation gets it: translated offline, with the parameters that a person has to give."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
REQUIRED = {
    "DatabaseHost": "db.example",
    "MigrationSecretArn": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:migrations",
    "AllowedOrigins": "https://console.example",
    "JwtIssuer": "https://login.example",
}


class NoManagedPolicies:
    """Stands where SAM would ask AWS for the ARNs of managed policies: the template names none."""

    def load(self) -> dict[str, str]:
        """Return no policies."""
        return {}


def translate(source: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """Expand SAM's resources; the region is named because the translator asks for one even offline."""
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
    try:
        translated: dict[str, Any] = transform(source, parameters, NoManagedPolicies())
    finally:
        if before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = before
    return translated


def read_source() -> dict[str, Any]:
    """Read template.yaml with CloudFormation's short forms spelled out."""
    source: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    # `sam build` puts the artifact's address here; what it is does not matter to any rule.
    for resource in source["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = f"s3://artifacts/{resource['Properties'][name]}"
    return source


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """The template as written."""
    return read_source()


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The template as translated."""
    return translate(read_source(), REQUIRED)


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """The translated resources by logical id."""
    found: dict[str, Any] = template["Resources"]
    return found


@pytest.fixture(scope="session")
def of_type(resources: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """A function that picks the properties of every resource of one type."""

    def pick(kind: str) -> dict[str, Any]:
        return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}

    return pick


@pytest.fixture(scope="session")
def translated_with() -> Callable[..., dict[str, Any]]:
    """A function that translates with other parameters, or with other artifacts (by the logical id they belong to)."""

    def again(parameters: dict[str, str] | None = None, artifacts: dict[str, str] | None = None) -> dict[str, Any]:
        source = read_source()
        for name, address in (artifacts or {}).items():
            properties = source["Resources"][name]["Properties"]
            properties["ContentUri" if "ContentUri" in properties else "CodeUri"] = address
        found: dict[str, Any] = translate(source, REQUIRED | (parameters or {}))["Resources"]
        return found

    return again
