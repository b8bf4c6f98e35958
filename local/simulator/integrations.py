"""The company numbers the simulator plays the gateway of; the list is the caller's, so later additions are seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SimulatedIntegration:
    """One company number at one provider, with what its webhooks are signed and its sends are authorised with.

    `account_id` is the provider's own name for it (Meta's phone_number_id); `phone` may carry a plus sign. `secret` is
    what webhooks prove themselves with, `access_token` what sends do; `credentials` are all there are, by name.
    """

    id: str
    tenant_name: str
    provider: str
    account_id: str
    phone: str
    webhook_url: str
    secret: str = field(repr=False)
    access_token: str = field(repr=False)
    name: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def digits(self) -> str:
        """The phone number as gateways write it: digits only."""
        return "".join(filter(str.isdigit, self.phone))


class Integrations:
    """Finds integrations by what a request names them with."""

    def __init__(self, known: Sequence[SimulatedIntegration]) -> None:
        self._known = known

    def all(self) -> list[SimulatedIntegration]:
        """Every integration, in the order they were given."""
        return list(self._known)

    def by_id(self, integration_id: object) -> SimulatedIntegration | None:
        """The integration with this id, or None."""
        return next((each for each in self._known if each.id == integration_id), None)

    def by_account(self, provider: str, account_id: str) -> SimulatedIntegration | None:
        """The integration a provider knows under this account, or None."""
        matches = (each for each in self._known if each.provider == provider and each.account_id == account_id)
        return next(matches, None)

    def knows_token(self, provider: str, token: str) -> bool:
        """Whether any integration of this provider sends with this access token."""
        return any(each.provider == provider and each.access_token == token for each in self._known)
