"""`parley demo`: the local stack's addresses, tokens and keys as variables of a shell. The one rule: what it prints can
be given to `eval` as it is.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace, _SubParsersAction

from cli.demo import demo_company
from cli.failure import FailureError


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="print the local stack's addresses and keys for a shell",
        description='Print the local stack\'s addresses, tokens and keys as shell variables: eval "$(parley demo)".',
    )
    parser.add_argument("--tenant", metavar="NAME", help="a tenant of the local stack")
    parser.add_argument("--user", metavar="NAME", help="a person of the local stack")
    parser.add_argument(
        "--provider", metavar="NAME", help="the gateway of the number to use (the first one, if not given)"
    )
    parser.set_defaults(run=run)


def run(chosen: Namespace) -> int:
    """Print the variables."""
    facts, company, person = demo_company(chosen.tenant, chosen.user)
    numbers = [one for one in company["integrations"] if chosen.provider in (None, one["provider"])]
    if not numbers:
        raise FailureError(f"{company['name']} has no number at {chosen.provider!r}")
    integration = numbers[0]
    variables = {
        "API": facts["baseUrl"],
        "SOCKET": facts["websocketUrl"],
        "TENANT": company["id"],
        "TOKEN": person["token"],
        "API_KEY": company["apiKey"],
        "INTEGRATION": integration["id"],
        "WEBHOOK": integration["webhookUrl"],
        "VERIFY_TOKEN": integration["verifyToken"],
        "APP_SECRET": integration["secret"],
        "ACCOUNT": integration["accountId"],
        "APP_WEBHOOK": (facts.get("metaApp") or {}).get("webhookUrl"),
        "APP_VERIFY_TOKEN": (facts.get("metaApp") or {}).get("verifyToken"),
        "META_APP_SECRET": (facts.get("metaApp") or {}).get("secret"),
    }
    for name, value in variables.items():
        print(f"{name}={shlex.quote(value or '')}")
    return 0
