"""The functions as fresh processes: their environment, what makes each ready to serve, and a first call of each. The
one rule: a process runs nothing but the one function, exactly as its folder holds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.options import ROOT

from .bed import Bed

FUNCTIONS = ROOT / "functions"
LAYER = ROOT / "layers" / "shared"

READY: Mapping[str, str] = {
    "webhook_receiver": "wiring.intake()",
    "queue_processor": "wiring.processor(), wiring.pusher(), wiring.inbound_queue()",
    "send_message": "wiring.sending_api(), wiring.outbox()",
    "message_sender": "wiring.deliverer()",
    "inbox_api": "wiring.inbox_api(), wiring.inbox()",
    "ws_connect": "wiring.gate(), wiring.database()",
    "ws_disconnect": "wiring.database()",
    "ws_message": "wiring.socket(), wiring.listening()",
    "realtime_pusher": "wiring.patient_pusher()",
    "housekeeper": "wiring.housekeeper()",
    "migrate": "__import__('parley.store.migrate'), __import__('yoyo')",
}
"""What a function's first call makes before it begins with the call's own work."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took: processor seconds (on a quiet machine the wall's, on a busy one still the same), and what
    it said.
    """

    seconds: float
    output: str


def present() -> list[str]:
    """The functions there are."""
    return [name for name in READY if (FUNCTIONS / name / "app.py").exists()]


def ready_code(name: str) -> str:
    """The code that brings a function as far as its first call finds everything."""
    return f"import app\nfrom parley import wiring\n{READY[name]}\n"


def environment(bed: Bed, name: str, *, with_database: bool = True) -> dict[str, str]:
    """A function's environment, its AWS and its Meta the stub."""
    port = bed.postgres.port if with_database else 1
    url = bed.aws_url
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON", "PARLEY_"))}
    return kept | {
        "PYTHONPATH": os.pathsep.join(map(str, (FUNCTIONS / name, LAYER))),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_ENDPOINT_URL": url,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "POWERTOOLS_SERVICE_NAME": name,
        "NO_PROXY": urlsplit(url).hostname or "",
        "STAGE": "local",
        "LOG_LEVEL": "WARNING",
        "DEPLOYMENT_SECRET_ARN": "bench",
        "DATABASE_SECRET_ARN": "bench",
        "MIGRATION_SECRET_ARN": "bench",
        "BUCKET_NAME": "bench",
        "INBOUND_QUEUE_URL": f"{url}/000000000000/inbound",
        "OUTBOUND_QUEUE_URL": f"{url}/000000000000/outbound",
        "PUSH_QUEUE_URL": f"{url}/000000000000/push",
        "WEBSOCKET_URL": "ws://127.0.0.1:9/ws",
        "CONNECTIONS_URL": url,
        "META_API_URL": url,
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": str(port),
        "DATABASE_NAME": "parley",
        "DATABASE_SSLMODE": "disable",
        "ALLOWED_ORIGINS": "http://127.0.0.1:8080",
        "JWT_ISSUER": "bench",
        "JWT_AUDIENCE": "parley",
    }


def run(code: str, environment: Mapping[str, str], directory: Path = ROOT) -> Run:
    """Run code in a fresh interpreter to its end. Raises RuntimeError with what it said where it failed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env=dict(environment),
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(output.strip().splitlines()[-1] if output.strip() else f"exit code {process.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, output)
