"""Template, folders and settings say the same: what runs, with which environment, logging where."""

import ast
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parley.settings import Settings

OfType = Callable[[str], dict[str, Any]]
ROOT = Path(__file__).parents[2]
LONGEST_HANDLER = 80


def test_every_function_is_a_folder_and_every_folder_a_function(source: dict[str, Any]) -> None:
    written = [
        item["Properties"]["CodeUri"].removeprefix("s3://artifacts/functions/")
        for item in source["Resources"].values()
        if item["Type"] == "AWS::Serverless::Function"
    ]
    folders = [path.parent.name for path in (ROOT / "functions").glob("*/app.py")]
    assert sorted(written) == sorted(folders)


def test_every_environment_name_is_a_setting_and_every_setting_an_environment_name(of_type: OfType) -> None:
    named = {name for item in of_type("AWS::Lambda::Function").values() for name in item["Environment"]["Variables"]}
    assert named == {field.name.upper() for field in dataclasses.fields(Settings)}


def test_no_secret_is_resolved_into_an_environment(of_type: OfType) -> None:
    for name, item in of_type("AWS::Lambda::Function").items():
        assert "{{resolve:" not in str(item["Environment"]), name


def test_every_function_runs_python_3_13_on_arm64_with_the_layer(of_type: OfType, resources: dict[str, Any]) -> None:
    for name, item in of_type("AWS::Lambda::Function").items():
        assert (item["Runtime"], item["Architectures"], item["Handler"]) == ("python3.13", ["arm64"], "app.handler"), (
            name
        )
        assert [resources[layer["Ref"]]["Type"] for layer in item["Layers"]] == ["AWS::Lambda::LayerVersion"], name


def test_every_function_writes_to_a_log_group_of_its_own(of_type: OfType) -> None:
    groups = {name: item["LoggingConfig"]["LogGroup"]["Ref"] for name, item in of_type("AWS::Lambda::Function").items()}
    assert {name: f"{name}Logs" for name in groups} == groups
    assert set(groups.values()) <= set(of_type("AWS::Logs::LogGroup"))


def test_every_log_group_forgets(of_type: OfType) -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert groups
    assert [name for name, item in groups.items() if item.get("RetentionInDays") != {"Ref": "LogRetentionDays"}] == []


def test_only_migrations_and_the_receiver_do_not_wait_for_migrations(resources: dict[str, Any]) -> None:
    functions = {name: item for name, item in resources.items() if item["Type"] == "AWS::Lambda::Function"}
    free = {name for name, item in functions.items() if item.get("DependsOn") != "Migrations"}
    assert free == {"Migrate", "WebhookReceiver"}


def test_what_a_person_waits_for_starts_from_a_snapshot(of_type: OfType) -> None:
    functions = of_type("AWS::Lambda::Function")
    quick = {name for name, item in functions.items() if item.get("SnapStart") == {"ApplyOn": "PublishedVersions"}}
    assert quick == {"WebhookReceiver", "SendMessage", "InboxApi", "AdminApi", "WsConnect", "WsMessage"}


def test_housekeeping_runs_every_minute_and_never_beside_itself(of_type: OfType) -> None:
    (rule,) = of_type("AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert rule["Targets"][0]["Arn"] == {"Ref": "HousekeeperAliaslive"}
    housekeeper = of_type("AWS::Lambda::Function")["Housekeeper"]
    assert housekeeper["ReservedConcurrentExecutions"] == 1
    assert housekeeper["Timeout"] < 60


def imported(path: Path) -> set[str]:
    """Every module that a handler names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_handlers_import_the_wiring_the_edge_and_the_words_of_the_domain_only() -> None:
    rooms = ("parley.wiring", "parley.edge.", "parley.domain.")
    for path in (ROOT / "functions").glob("*/app.py"):
        foreign = {name for name in imported(path) if name.partition(".")[0] in {"parley", "local", "cli", "functions"}}
        assert {name for name in foreign if not name.startswith(rooms)} == set(), path.parent.name


def test_handlers_are_short() -> None:
    lengths = {path.parent.name: len(path.read_text().splitlines()) for path in (ROOT / "functions").glob("*/app.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_HANDLER} == {}
