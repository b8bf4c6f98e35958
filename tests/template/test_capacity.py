"""One invocation holds one database connection: in every stage, all that may run stays below the limit."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OfType = Callable[[str], dict[str, Any]]
SAMCONFIG = tomllib.loads((Path(__file__).parents[2] / "samconfig.toml").read_text(encoding="utf-8"))
STAGES = ["dev", "staging", "prod"]


def overrides(stage: str) -> dict[str, str]:
    """The parameters that samconfig.toml gives to a stage."""
    pairs = SAMCONFIG[stage]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in pairs)


def figures(template: dict[str, Any], stage: str | None) -> dict[str, Any]:
    """Every parameter's value in a stage, or its default."""
    given = overrides(stage) if stage else {}
    return {name: given.get(name, item.get("Default")) for name, item in template["Parameters"].items()}


def connections(of_type: OfType, values: dict[str, Any]) -> int:
    """How many invocations that use the database may run at once."""

    def number(bound: int | dict[str, str]) -> int:
        return int(values[bound["Ref"]] if isinstance(bound, dict) else bound)

    by_queue = {
        item["FunctionName"]["Ref"].removesuffix("Aliaslive"): number(item["ScalingConfig"]["MaximumConcurrency"])
        for item in of_type("AWS::Lambda::EventSourceMapping").values()
    }
    total = 0
    for name in of_type("AWS::Lambda::Function").keys() - {"WebhookReceiver"}:
        reserved = of_type("AWS::Lambda::Function")[name].get("ReservedConcurrentExecutions")
        assert reserved is not None or name in by_queue, f"{name} has no bound"
        total += by_queue[name] if name in by_queue else number(reserved)
    return total


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_all_functions_together_stay_below_the_databases_limit(
    template: dict[str, Any], of_type: OfType, stage: str | None
) -> None:
    values = figures(template, stage)
    assert 0 < connections(of_type, values) < int(values["DatabaseConnectionLimit"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gives_every_parameter_without_default_and_no_unknown_one(template: dict[str, Any], stage: str) -> None:
    parameters, given = template["Parameters"], overrides(stage)
    assert set(given) <= set(parameters)
    assert {name for name, item in parameters.items() if "Default" not in item} <= set(given)
    assert given["Stage"] == stage


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_parameters_have_no_spaces_for_a_shell_to_split(stage: str) -> None:
    assert [pair for pair in SAMCONFIG[stage]["deploy"]["parameters"]["parameter_overrides"] if " " in pair] == []


def test_the_receiver_is_unbounded_for_a_flood_must_not_be_refused(of_type: OfType) -> None:
    assert "ReservedConcurrentExecutions" not in of_type("AWS::Lambda::Function")["WebhookReceiver"]
