"""The whole OpenAPI document against the running stack: its examples, its edges, what chance makes of it, and chains of
calls that its links allow. No server error, no answer that is not as the document says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import RunningStack, poll_until

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "no_fault_of_ours",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
)
"""Not among them: what a schema cannot say (a cursor is one of ours, a text has no picture) is refused with 400."""
SECONDS = 60
FULL_SECONDS = 1200
PHASES = ("examples", "coverage", "fuzzing", "stateful")


DUMMY = "0192d3a4-5b6c-7d8e-9f01-23456789abcd"
NAMED = {"conversationId": "conversations", "integrationId": "integrations", "upTo": "messages"}


def real_ids(running: RunningStack, token: str) -> dict[str, str]:
    """Something of each kind that is there, after a customer wrote."""
    (tenant, *_) = running.demo["tenants"]
    with httpx.Client(
        base_url=running.demo["baseUrl"], headers={"authorization": f"Bearer {token}"}, timeout=60
    ) as http:
        told = {
            "integrationId": tenant["integrations"][0]["id"],
            "from": "+5511955550177",
            "kind": "text",
            "text": "Hello",
        }
        http.post("/simulator/messages", json={**told, "name": "Bia"}).raise_for_status()
        poll_until(lambda: http.get("/v1/conversations").json()["data"])
        (conversation,) = http.get("/v1/conversations").json()["data"]
        nobody = http.post("/v1/contacts", json={"phone": "+5511955550178"}).raise_for_status().json()["data"]
    return {
        "conversations": conversation["id"],
        "messages": conversation["lastMessage"]["id"],
        "contacts": conversation["contact"]["id"],
        # The one that is erased, or nothing would be left of the conversation.
        "delete contacts": nobody["id"],
        # Another line than the conversation's: its credentials are about to be replaced by nonsense.
        "integrations": tenant["integrations"][-1]["id"],
        "users": tenant["users"][0]["id"],
    }


def document_about(ids: dict[str, str]) -> dict[str, Any]:
    """The document, with examples that are there."""
    text = (ROOT / "docs/openapi.json").read_text(encoding="utf-8")
    for name, kind in NAMED.items():
        text = text.replace(f'"{name}": "{DUMMY}"', f'"{name}": "{ids[kind]}"')
    document: dict[str, Any] = json.loads(text)
    for path, methods in document["paths"].items():
        room = path.split("/")[2] if path.startswith("/v1/") else ""
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                kind = "users" if parameter["name"] == "userId" else room
                kind = f"{method} {kind}" if f"{method} {kind}" in ids else kind
                if parameter["in"] == "path" and kind in ids:
                    parameter["example"] = ids[kind]
    return document


@pytest.mark.stack
def test_the_running_stack_keeps_what_its_document_says(start_stack: Any, tmp_path: Path, full_proof: bool) -> None:
    running = start_stack()
    (tenant, *_) = running.demo["tenants"]
    token = next(user["token"] for user in tenant["users"] if user["role"] == "admin")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(document_about(real_ids(running, token))))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        str(document),
        f"--url={running.demo['baseUrl']}",
        f"--header=Authorization: Bearer {token}",
        f"--checks={','.join(CHECKS)}",
        f"--phases={','.join(PHASES)}",
        f"--max-time={FULL_SECONDS if full_proof else SECONDS}",
        "--max-examples=20",
        "--request-timeout=35",
        "--continue-on-failure",
        "--no-color",
    ]
    (tmp_path / "hooks.py").write_text((Path(__file__).parent / "schemathesis_hooks.py").read_text())
    environment = {**os.environ, "COLUMNS": "200", "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-20_000:]
    for phase in PHASES:
        assert f"{phase.capitalize()} (in" in said, f"{phase} did not run:\n{said[-3000:]}"
