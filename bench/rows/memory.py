"""The memory of each function: the largest resident size of a fresh process that has imported AWS's runtime client and
the function, and answered one call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from bench.bed import Bed
from bench.calls import first_calls
from bench.functions import environment, present, ready_code, run
from bench.measure import Row

TITLE = "memory of each function"
CALL = """
import json, sys
from types import SimpleNamespace
event = json.loads(EVENT)
context = SimpleNamespace(
    aws_request_id=REQUEST, function_name="bench", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:bench",
    function_version="1", log_group_name="bench", log_stream_name="bench", get_remaining_time_in_millis=lambda: 30000,
)
answer = app.handler(event, context)
status = (answer or {}).get("statusCode", 200)
assert status < 400, answer
assert not (answer or {}).get("batchItemFailures"), answer
"""

# Linux's ru_maxrss remembers the process that was copied to make this one; VmHWM begins with the program.
LARGEST = """
import pathlib, resource, sys
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"\\n{peak}")
"""


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    calls = first_calls(bed)
    for name in present():
        bed.say(name)
        yield _row(bed, name, calls.get(name))


def _row(bed: Bed, name: str, event: dict[str, Any] | None) -> Row:
    runtime = "import awslambdaric.bootstrap\n" if find_spec("awslambdaric") else ""
    code, note = runtime + ready_code(name), "imported and wired, not called"
    if event is not None:
        code += f"EVENT, REQUEST = {json.dumps(event)!r}, {str(uuid4())!r}\n{CALL}"
        note = "after one call"
    said = run(code + LARGEST, environment(bed, name)).output
    size = int(said.splitlines()[-1]) / 1e6
    return Row(
        f"{name} memory", f"{size:.0f} MB", "", size, "MB", 128 if name == "webhook_receiver" else 256, note=note
    )
