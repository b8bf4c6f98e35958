"""What a person's data comes down to: exporting it, erasing it, and keeping it erased."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .resources import bucket, database, deployment_keys, tombstones
from .work import pusher

if TYPE_CHECKING:
    from parley.domain.tombstones import Hashing
    from parley.services.erase import Erasing
    from parley.services.export import Exporting
    from parley.services.suppress import Suppression


def hashing() -> Hashing:
    """Makes the hashes of what is erased; follows a rotation of the deployment's key."""
    from parley.domain.tombstones import PURPOSE, Hashing

    keys = deployment_keys()
    return Hashing(keys.derive_all(PURPOSE), keys.current)


@cache
def suppression() -> Suppression:
    """Keeps what was erased erased, on receiving."""
    from parley.services.suppress import Suppression

    return Suppression(hashing)


@cache
def erasing() -> Erasing:
    """Erases contacts."""
    from parley.services.erase import Erasing

    return Erasing(database(), hashing, bucket, tombstones, pusher().wake)


@cache
def exporting() -> Exporting:
    """Exports contacts."""
    from parley.services.export import Exporting

    return Exporting(database())
