"""URL tokens, verify tokens and derived keys, through rotation and against forgery."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.domain.errors import Unauthenticated
from parley.domain.tokens import DeploymentKeys

OLD, NEW = "o" * 32, "n" * 40
ID = "01920000-0000-7000-8000-000000000001"
KEYS = DeploymentKeys({1: OLD}, 1)
ROTATED = DeploymentKeys({1: OLD, 2: NEW}, 2)


def mac(key: str, message: str) -> str:
    return urlsafe_b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode().rstrip("=")


def test_the_formats_are_those_of_the_design() -> None:
    assert KEYS.url_token(ID, 3) == "3." + mac(OLD, f"webhook-url:{ID}:3")
    assert KEYS.verify_token(ID) == mac(OLD, f"verify:{ID}")
    assert KEYS.derive("sealing") == hmac.new(OLD.encode(), b"sealing", hashlib.sha256).digest()


def test_a_token_of_any_live_key_is_read_and_the_current_key_makes_new_ones() -> None:
    assert ROTATED.read_url_token(ID, KEYS.url_token(ID, 7)) == 7
    assert ROTATED.read_url_token(ID, ROTATED.url_token(ID, 7)) == 7
    assert ROTATED.verify_tokens(ID) == (mac(NEW, f"verify:{ID}"), mac(OLD, f"verify:{ID}"))
    assert ROTATED.derive_all("x") == {1: KEYS.derive("x"), 2: ROTATED.derive("x")}
    with pytest.raises(Unauthenticated):
        KEYS.read_url_token(ID, ROTATED.url_token(ID, 7))


def test_a_token_opens_neither_another_integration_nor_another_generation() -> None:
    token = KEYS.url_token(ID, 1)
    for integration_id, forged in ((ID[:-1] + "2", token), (ID, token.replace("1.", "2.", 1))):
        with pytest.raises(Unauthenticated):
            KEYS.read_url_token(integration_id, forged)


@pytest.mark.parametrize("end", ["=", "\n", " ", "A"])
def test_a_token_with_anything_at_its_end_is_wrong(end: str) -> None:
    with pytest.raises(Unauthenticated):
        KEYS.read_url_token(ID, KEYS.url_token(ID, 1) + end)


@given(st.text())
def test_no_text_is_a_token_by_chance_and_none_breaks_the_reader(text: str) -> None:
    for token in (text, f"1.{text}", KEYS.url_token(ID, 1)[:-1] + text):
        if token != KEYS.url_token(ID, 1):
            with pytest.raises(Unauthenticated):
                KEYS.read_url_token(ID, token)
    with pytest.raises(Unauthenticated):
        KEYS.read_url_token(text, KEYS.url_token(ID, 1))


def test_the_secret_names_its_keys_and_what_else_it_holds_is_no_key() -> None:
    keys = DeploymentKeys.from_secret({"current": "2", "key_1": OLD, "key_2": NEW, "jwt_hs256": "short", "key_x": "x"})
    assert keys.url_token(ID, 1) == ROTATED.url_token(ID, 1)


@pytest.mark.parametrize(
    "secret", [{}, {"current": "1"}, {"current": "2", "key_1": OLD}, {"current": "1", "key_1": "short"}]
)
def test_a_secret_without_a_sound_current_key_is_an_error_at_once(secret: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="deployment secret"):
        DeploymentKeys.from_secret(secret)
