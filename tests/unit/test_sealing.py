"""Sealed credentials open in their own row only, through a rotation of the key, and never after a change."""

from __future__ import annotations

from uuid import uuid4

import pytest

from parley.cloud.ports import NotSealedHere
from parley.cloud.ports import Sealer as SealerPort
from parley.cloud.sealing import Sealer

OLD, NEW = b"o" * 32, b"n" * 32
TENANT, INTEGRATION = uuid4(), uuid4()
PLAIN = {"access_token": "EAAG-canary", "app_secret": "é"}


def test_what_is_sealed_opens_again_and_shows_nothing() -> None:
    sealer: SealerPort = Sealer({1: OLD}, 1)
    sealed = sealer.seal(PLAIN, TENANT, INTEGRATION, "credentials")
    assert sealer.open(sealed, TENANT, INTEGRATION, "credentials") == PLAIN
    assert b"canary" not in sealed
    assert sealer.seal(PLAIN, TENANT, INTEGRATION, "credentials") != sealed


@pytest.mark.parametrize(
    "place",
    [
        (uuid4(), INTEGRATION, "credentials"),
        (TENANT, uuid4(), "credentials"),
        (INTEGRATION, TENANT, "credentials"),
        (TENANT, INTEGRATION, "webhook"),
    ],
)
def test_a_ciphertext_put_in_another_place_is_refused(place: tuple[object, object, str]) -> None:
    sealer = Sealer({1: OLD}, 1)
    with pytest.raises(NotSealedHere):
        sealer.open(sealer.seal(PLAIN, TENANT, INTEGRATION, "credentials"), *place)


def test_no_changed_byte_goes_unnoticed_and_no_shortened_one_either() -> None:
    sealer = Sealer({1: OLD}, 1)
    sealed = sealer.seal(PLAIN, TENANT, INTEGRATION, "credentials")
    for at in range(len(sealed)):
        with pytest.raises(NotSealedHere):
            sealer.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], TENANT, INTEGRATION, "credentials")
        with pytest.raises(NotSealedHere):
            sealer.open(sealed[:at], TENANT, INTEGRATION, "credentials")


def test_a_rotation_opens_old_and_new_until_the_old_key_goes() -> None:
    old = Sealer({1: OLD}, 1).seal(PLAIN, TENANT, INTEGRATION, "credentials")
    both = Sealer({1: OLD, 2: NEW}, 2)
    new = both.seal(PLAIN, TENANT, INTEGRATION, "credentials")
    assert both.open(old, TENANT, INTEGRATION, "credentials") == PLAIN
    assert (both.version(old), both.version(new)) == (1, 2)
    after = Sealer({2: NEW}, 2)
    assert after.open(new, TENANT, INTEGRATION, "credentials") == PLAIN
    with pytest.raises(NotSealedHere):
        after.open(old, TENANT, INTEGRATION, "credentials")


def test_a_current_key_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="current key"):
        Sealer({1: OLD}, 2)
