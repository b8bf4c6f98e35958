"""The environment as it is read: types from defaults, and a plain word about what is wrong."""

from __future__ import annotations

from dataclasses import fields

import pytest

from parley.settings import Settings


def test_an_empty_environment_gives_the_defaults_and_an_empty_variable_too() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"DATABASE_PORT": "", "STAGE": ""}) == Settings()


def test_each_field_is_read_from_its_name_in_capitals_as_its_own_type() -> None:
    given = {field.name.upper(): "7" for field in fields(Settings)}
    read = Settings.from_environment(given | {"UNKNOWN": "x"})
    for field in fields(Settings):
        value = getattr(read, field.name)
        assert type(value) is type(field.default)
        assert value == type(field.default)("7")  # type: ignore[misc]


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="DATABASE_PORT is not a number: 'many'"):
        Settings.from_environment({"DATABASE_PORT": "many"})


def test_a_name_that_is_needed_and_missing_is_named() -> None:
    with pytest.raises(LookupError, match="BUCKET_NAME is not set"):
        Settings().required("bucket_name")


def test_the_fast_clock_shortens_what_is_configured() -> None:
    assert Settings(fast_clock=10).sped(30) == 3
