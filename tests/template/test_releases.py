"""What is deployed is what runs: new code, layer or release publishes versions, and a new layer migrates again."""

from collections.abc import Callable
from typing import Any

Translated = Callable[..., dict[str, Any]]


def versions(resources: dict[str, Any]) -> dict[str, str]:
    """The logical id of each function's published version: a new id is a new version."""
    return {
        name.removesuffix("Aliaslive"): item["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
        for name, item in resources.items()
        if item["Type"] == "AWS::Lambda::Alias"
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Functions whose alias moves between two translations."""
    return {name for name, version in versions(after).items() if versions(before)[name] != version}


def test_every_function_is_published_under_an_alias(resources: dict[str, Any]) -> None:
    functions = {name for name, item in resources.items() if item["Type"] == "AWS::Lambda::Function"}
    assert functions == set(versions(resources))


def test_the_same_template_publishes_nothing(translated_with: Translated) -> None:
    assert changed(translated_with(), translated_with()) == set()


def test_new_code_moves_its_own_alias_only(translated_with: Translated) -> None:
    after = translated_with(artifacts={"InboxApi": "s3://artifacts/other"})
    assert changed(translated_with(), after) == {"InboxApi"}


def test_a_new_layer_moves_every_alias(translated_with: Translated) -> None:
    before, after = translated_with(), translated_with(artifacts={"SharedLayer": "s3://artifacts/other"})
    assert changed(before, after) == set(versions(before))


def test_a_new_release_moves_every_alias_so_that_changed_parameters_arrive(translated_with: Translated) -> None:
    before, after = translated_with({"Release": "one"}), translated_with({"Release": "two"})
    assert changed(before, after) == set(versions(before))


def test_a_new_layer_changes_what_the_migrations_are_told(translated_with: Translated) -> None:
    before, after = translated_with(), translated_with(artifacts={"SharedLayer": "s3://artifacts/other"})
    told = [resources["Migrations"]["Properties"]["Migrations"] for resources in (before, after)]
    assert told[0] != told[1]
    assert [resources[layer["Ref"]]["Type"] for resources, layer in zip((before, after), told, strict=True)] == [
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::LayerVersion",
    ]


def test_migrations_are_run_by_the_published_function_and_given_its_full_time(resources: dict[str, Any]) -> None:
    assert resources["Migrations"]["Properties"]["ServiceToken"] == {"Ref": "MigrateAliaslive"}
    assert resources["Migrate"]["Properties"]["Timeout"] < resources["Migrations"]["Properties"]["ServiceTimeout"]
