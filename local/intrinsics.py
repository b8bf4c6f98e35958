"""CloudFormation's intrinsic functions, as far as a SAM bundle uses them; one rule: never guess."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.options import StackError

REGION = "us-east-1"
ACCOUNT = "000000000000"
PSEUDO_PARAMETERS = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "parley-local",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/parley-local/local",
}
ABSENT = object()  # AWS::NoValue


@dataclass(frozen=True)
class Physical:
    """What a resource became: what `Ref` and `Fn::GetAtt` of it give."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Resolver:
    """Parameters, conditions and resources of one template, and the values expressions have with them."""

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, Any], physical: Mapping[str, Physical] | None = None
    ) -> None:
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._resources = template.get("Resources", {})
        self._parameters = parameters
        self._physical = physical or {}

    def condition(self, name: str) -> bool:
        """Answer whether a named condition holds."""
        return bool(self.resolve(self._conditions[name]))

    def condition_of(self, resource: Mapping[str, Any]) -> bool:
        """Answer whether a resource is made at all."""
        return "Condition" not in resource or self.condition(resource["Condition"])

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - a template holds any JSON
        """Answer a template's value with every intrinsic function in it carried out."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
                return self._apply(name, argument)
        fields = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in fields.items() if item is not ABSENT}

    def _apply(self, name: str, argument: Any) -> Any:  # noqa: ANN401
        lazy: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._substitute,
            "Fn::If": lambda a: self.resolve(a[1] if self.condition(a[0]) else a[2]),
        }
        if name in lazy:
            return lazy[name](argument)
        eager: dict[str, Callable[[Any], Any]] = {
            "Fn::Join": lambda a: str(a[0]).join(str(item) for item in a[1]),
            "Fn::Select": lambda a: a[1][int(a[0])],
            "Fn::Split": lambda a: str(a[1]).split(a[0]),
            "Fn::Equals": lambda a: str(a[0]) == str(a[1]),
            "Fn::Not": lambda a: not a[0],
            "Fn::And": all,
            "Fn::Or": any,
            "Fn::FindInMap": lambda a: self._mappings[a[0]][a[1]][a[2]],
        }
        if name not in eager:
            raise StackError(f"template.yaml uses {name}, which the local stack does not know")
        return eager[name](self.resolve(argument))

    def _ref(self, name: str) -> Any:  # noqa: ANN401
        if name == "AWS::NoValue":
            return ABSENT
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._parameters[name]
        if name in self._physical:
            return self._physical[name].ref
        if name not in self._resources:
            raise StackError(f"template.yaml refers to {name}, which it does not define")
        return name

    def _attribute(self, argument: Any) -> str:  # noqa: ANN401
        name, _, attribute = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        known = self._physical.get(name)
        if known and attribute in known.attributes:
            return known.attributes[attribute]
        return f"arn:aws:local:{REGION}:{ACCOUNT}:{name}" if attribute == "Arn" else f"{name}.{attribute}"

    def _substitute(self, argument: Any) -> str:  # noqa: ANN401
        text, names = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.resolve(item) for name, item in names.items()}

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in values:
                return str(values[name])
            return str(self._attribute(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value_of, text)
