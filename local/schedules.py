"""EventBridge's part: functions called on a schedule; one rule: a call still running is not overtaken by the next."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from local.bundle import Schedule
from local.intrinsics import ACCOUNT, REGION
from local.runtime import FunctionPool


async def keep_schedule(schedule: Schedule, pools: Mapping[str, FunctionPool]) -> None:
    """Call a schedule's function for ever, the first time when the first interval is over."""
    loop = asyncio.get_running_loop()
    due = loop.time() + schedule.seconds
    while True:
        await asyncio.sleep(due - loop.time())
        await pools[schedule.function].invoke(_event(schedule))
        due = max(due + schedule.seconds, loop.time())


def _event(schedule: Schedule) -> bytes:
    event = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{schedule.name}"],
        "detail": {},
    }
    return json.dumps(event).encode()
