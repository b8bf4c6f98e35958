"""What schemathesis is told about this API: which cases are not worth sending, and which answers above 499 are no fault
of ours.
"""

from typing import Any

import schemathesis


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """A parameter without a value is allowed (`allowEmptyValue`); schemathesis takes it for a mistake."""
    query = case.query if isinstance(case.query, dict) else {}
    return "" not in query.values()


@schemathesis.check
def no_fault_of_ours(_context: Any, response: Any, _case: Any) -> None:
    """A gateway may refuse an account whose token chance has replaced: 502 `provider_rejected`, and nothing else."""
    if response.status_code >= 500:
        found = (response.status_code, response.json().get("code"))
        assert found == (502, "provider_rejected"), response.content
