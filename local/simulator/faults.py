"""How a gateway has been told to misbehave; rules of one family apply one after the other, each so many times."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """What the control API can ask for."""

    OK = "ok"
    REFUSE = "refuse"
    THROTTLE = "throttle"
    ACCEPT_THEN_TIMEOUT = "accept-then-timeout"
    ERROR_AFTER_ACCEPT = "error-after-accept"
    RESET = "reset"
    SLOW = "slow"
    STALL = "stall"
    REPEAT = "repeat"
    SHUFFLE = "shuffle"


# These are not about the answer to a send: a stall is about the files of customers, the last two about webhooks. Each
# holds beside whatever else happens.
BESIDE = frozenset({Behaviour.STALL, Behaviour.REPEAT, Behaviour.SHUFFLE})


@dataclass
class Fault:
    """One rule: a behaviour, how many more times it applies, and the provider's error code where it has one."""

    behaviour: Behaviour
    times: int
    code: int | None = None


class Faults:
    """The rules in force, by integration."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], deque[Fault]] = {}

    def add(self, integration_id: str, fault: Fault) -> None:
        """Put a rule behind those of its family that are already waiting."""
        self._rules.setdefault((integration_id, _family(fault.behaviour)), deque()).append(fault)

    def for_answer(self, integration_id: str) -> Fault:
        """What is to happen to a send that would be accepted; counts the rule down."""
        return self._take(integration_id, "answer") or Fault(Behaviour.OK, 1)

    def for_webhooks(self, integration_id: str, behaviour: Behaviour) -> bool:
        """Whether the webhooks of what just happened are to be repeated, or shuffled; counts the rule down."""
        return self._take(integration_id, behaviour) is not None

    def for_file(self, integration_id: str) -> bool:
        """Whether a customer's file is to stop half-way; counts the rule down."""
        return self._take(integration_id, Behaviour.STALL) is not None

    def clear(self, integration_id: str | None = None) -> None:
        """Forget the rules of an integration, or all."""
        kept = {key: rules for key, rules in self._rules.items() if integration_id and key[0] != integration_id}
        self._rules = kept

    def _take(self, integration_id: str, family: str) -> Fault | None:
        waiting = self._rules.get((integration_id, family))
        if not waiting:
            return None
        fault = waiting[0]
        fault.times -= 1
        if fault.times <= 0:
            waiting.popleft()
        return fault


def _family(behaviour: Behaviour) -> str:
    return behaviour.value if behaviour in BESIDE else "answer"
