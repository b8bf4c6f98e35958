"""`parley erase --reapply`: erases again what had been erased, after the database was restored to an earlier day. The
one rule: it begins what the tombstones say and the database does not know; the housekeeper does the rest.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping

from cli.integration import deployment_keys
from cli.provision import with_database
from parley.cloud.s3 import Bucket
from parley.domain.tombstones import PURPOSE, Hashing
from parley.services.reapply import reapply
from parley.store.database import Database


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "erase",
        help="erase again what was erased, after a restore",
        description="After the database was restored to an earlier day: erase again every contact of which there is a "
        "tombstone that the database does not know, in all companies. Run it before the functions are let near the "
        "database. Repeating it is harmless. It reads the bucket with this machine's AWS credentials.",
    )
    parser.add_argument("--reapply", action="store_true", required=True, help="do it; there is nothing else to do here")
    parser.add_argument("--tombstones", required=True, metavar="BUCKET", help="the stack's output TombstonesBucketName")
    words = "output DeploymentSecretArn of the stack; - reads stdin"
    parser.add_argument("--deployment-secret", required=True, metavar="ARN", help=words)
    parser.add_argument("--database", metavar="URL", help="connection string (default: DATABASE_URL)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(chosen: Namespace) -> int:
    """Begin what is to be erased again, and say how much that is."""
    keys = deployment_keys(chosen.deployment_secret)
    hashing = Hashing(keys.derive_all(PURPOSE), keys.current)

    def work(database: Database) -> Mapping[str, int]:
        done = reapply(database, hashing, Bucket(chosen.tombstones))
        return {"tombstones": done.tombstones, "unknown": done.unknown, "contacts": done.contacts}

    figures = with_database(chosen.database, work)
    if chosen.json:
        print(json.dumps(figures))
    else:
        print(
            f"{figures['tombstones']} tombstones, {figures['unknown']} of them unknown to this database; "
            f"{figures['contacts']} contacts are being erased again by the housekeeper"
        )
    return 0
