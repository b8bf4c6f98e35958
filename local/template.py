"""template.yaml, translated offline as a deployment would; its one rule: nothing about the bundle is known elsewhere.

The first half of reading it needs no resource to exist (`Template.of_type`), the second half (`bundle.py`) does.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.intrinsics import REGION, Physical, Resolver
from local.options import ROOT, StackError

TEMPLATE = ROOT / "template.yaml"
SOURCE_BUCKET = "source"  # the translator wants an S3 address for code; the folder stands as its key


class Template:
    """The translated template under one set of parameters."""

    def __init__(
        self,
        translated: Mapping[str, Any],
        parameters: Mapping[str, Any],
        physical: Mapping[str, Physical] | None = None,
    ) -> None:
        self._translated = translated
        self._parameters = parameters
        self._resolver = Resolver(translated, parameters, physical)

    def with_physical(self, parameters: Mapping[str, Any], physical: Mapping[str, Physical]) -> "Template":
        """Answer the same template now that its resources exist."""
        declared = _typed(self._translated.get("Parameters", {}), parameters)
        return Template(self._translated, {**self._parameters, **declared}, physical)

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Walk the resources of a type whose condition holds: logical id and resolved properties."""
        for name, resource in self._translated["Resources"].items():
            if resource["Type"] == kind and self._resolver.condition_of(resource):
                yield name, self._resolver.resolve(resource.get("Properties", {}))

    def custom_resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Walk the custom resources: logical id, type and resolved properties."""
        kinds = {resource["Type"] for resource in self._translated["Resources"].values()}
        for kind in sorted(kinds):
            if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
                for name, properties in self.of_type(kind):
                    yield name, kind, properties

    def parameter(self, name: str) -> str | None:
        """Answer a parameter's value, or None if the template has no such parameter."""
        value = self._parameters.get(name)
        return None if value is None else str(value)


def read_template(parameters: Mapping[str, Any], path: Path = TEMPLATE) -> Template:
    """Translate the template with parameters; those it does not declare are left out.

    Raises:
        StackError: it is missing or the translator refuses it.
    """
    # Half a second of imports, wanted only here and then beside the start of Postgres.
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    if not path.exists():
        raise StackError(f"there is no {path}")
    os.environ["AWS_DEFAULT_REGION"] = REGION
    source = yaml_parse(path.read_text())
    declared = source.get("Parameters", {})
    defaults = {name: body["Default"] for name, body in declared.items() if "Default" in body}
    chosen = {**_typed(declared, defaults), **_typed(declared, parameters)}
    if missing := sorted(set(declared) - set(chosen)):
        raise StackError(f"template.yaml has parameters without a value here: {', '.join(missing)}")
    for resource in source["Resources"].values():
        properties = resource.setdefault("Properties", {})
        for key in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(key), str):
                properties[key] = f"s3://{SOURCE_BUCKET}/{properties[key].strip('/')}"
    try:
        # The translator changes what it is given, and wants lists of parameters as text.
        translated = transform(source, {k: _plain(v) for k, v in chosen.items()}, _NoManagedPolicies())
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise StackError(f"template.yaml: {causes}") from error
    return Template(translated, chosen)


class _NoManagedPolicies:
    """Stands for the table of AWS's managed policies, which would be asked of IAM; roles mean nothing here."""

    def load(self) -> dict[str, str]:
        return {}


def _typed(declared: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, body in declared.items():
        if name in values:
            value = values[name]
            is_list = "List" in body.get("Type", "String")
            chosen[name] = [item.strip() for item in str(value).split(",")] if is_list else value
    return chosen


def _plain(value: Any) -> Any:  # noqa: ANN401 - a parameter is text, a number or a list
    return ",".join(value) if isinstance(value, list) else value
