"""The local stack's facts, as `make run` writes them to .local/demo.json. The one rule: they are read anew each time,
for the stack may have been started again meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from cli.failure import FailureError, TroubleError

Facts: TypeAlias = Mapping[str, Any]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API is, and who calls."""

    url: str
    token: str = field(repr=False)


def demo_file() -> Path:
    """Where the local stack writes its facts."""
    return Path(os.environ.get("PARLEY_LOCAL_DIR") or ROOT / ".local") / "demo.json"


def demo_company(tenant: str | None, user: str | None) -> tuple[Facts, Facts, Facts]:
    """The local stack's facts, and of them a company and a person: the first ones, unless names say others.

    Raises TroubleError where no stack runs, FailureError where it has no such company or person.
    """
    try:
        facts: Facts = json.loads(demo_file().read_text())
    except FileNotFoundError as error:
        raise TroubleError("no local stack is running: start it with `make run`") from error
    except (OSError, ValueError) as error:
        raise FailureError(f"{demo_file()} cannot be read: {error}") from error
    company = _named("tenant", facts["tenants"], tenant)
    return facts, company, _named("user", company["users"], user)


def demo_access(tenant: str | None, user: str | None) -> Access:
    """How a person of the local stack calls its API. Raises what `demo_company` raises."""
    facts, _, person = demo_company(tenant, user)
    return Access(facts["baseUrl"], person["token"])


def _named(what: str, known: Sequence[Facts], name: str | None) -> Facts:
    for one in known:
        if name is None or one["name"].casefold() == name.casefold():
            return one
    names = ", ".join(one["name"] for one in known) or "none"
    wanted = f"no {what} {name!r}" if name else f"no {what}"
    raise FailureError(f"the local stack has {wanted}; it has: {names}")
