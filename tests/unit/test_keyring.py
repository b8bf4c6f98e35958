"""The deployment's keys: derived once, and anew after a rotation."""

import pytest

from parley.cloud.keyring import Keyring
from parley.cloud.ports import NotSealedHere

FIRST = {"current": "1", "key_1": "a" * 32}
SECOND = {"current": "2", "key_1": "a" * 32, "key_2": "b" * 32}
ABOUT = ("tenant", "integration", "purpose")


class Secrets:
    """A deployment's secret that can be rotated."""

    def __init__(self) -> None:
        self.secret = FIRST

    def read(self, _arn: str) -> dict[str, str]:
        return self.secret


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def keyring(secrets: Secrets) -> Keyring:
    return Keyring(secrets, "arn", "sealing:test")  # type: ignore[arg-type]


def test_keys_are_derived_once_for_each_secret(keyring: Keyring) -> None:
    assert keyring.keys() is keyring.keys()
    assert keyring.sealer() is keyring.sealer()


def test_a_rotation_is_followed_and_the_old_key_still_opens(secrets: Secrets, keyring: Keyring) -> None:
    before = keyring.sealer()
    sealed = before.seal({"token": "old"}, *ABOUT)
    secrets.secret = SECOND
    after = keyring.sealer()
    assert keyring.keys().current == 2
    assert after.open(sealed, *ABOUT) == {"token": "old"}
    with pytest.raises(NotSealedHere):
        before.open(after.seal({"token": "new"}, *ABOUT), *ABOUT)
