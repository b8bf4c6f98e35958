"""`parley queues` for people."""

from __future__ import annotations

from typing import Any

from cli.queues import table


def queue(name: str, **more: Any) -> dict[str, Any]:
    quiet = {
        "name": name, "depth": 0, "inFlight": 0, "oldestAgeSeconds": None, "ratePerMinute": 0, "errorRate": 0,
        "dead": 0, "paused": None, "series": [],
    }  # fmt: skip
    return {**quiet, **more}


def test_a_queue_is_a_line_under_its_heading() -> None:
    paused = {"since": "2026-03-01T12:00:00.000Z", "reason": "a bug"}
    busy = queue("inbound", depth=1200, inFlight=20, oldestAgeSeconds=300.4, ratePerMinute=3.2, errorRate=0.25, dead=4)
    assert table([busy, queue("push", oldestAgeSeconds=7.2, paused=paused), queue("media", oldestAgeSeconds=9000)]) == (
        "queue    waiting  under way  oldest  a minute  failed  dead\n"
        "inbound     1200         20   5 min       3.2   25.0%     4\n"
        "push           0          0     7 s         0    0.0%     0  paused since 2026-03-01T12:00:00.000Z: a bug\n"
        "media          0          0     2 h         0    0.0%     0"
    )
