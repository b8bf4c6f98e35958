"""Pushing one new message to 1, 50 and 500 connections, from the committed events to every position recorded, beside
the same frames posted alone, as many at once, over the same kept connections to the same endpoint.

The endpoint answers after `POST_SECONDS`, as `@connections` within one region does; without that the row would
compare Postgres with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.bed import Bed
from bench.measure import Row, interleave, median, ms, timed
from bench.stub import POST_SECONDS
from parley.cloud.connections import Connections
from parley.cloud.endpoint import Endpoint
from parley.cloud.signing import Credentials
from parley.cloud.sqs import Queue
from parley.services.post import AT_ONCE
from parley.services.push import Pusher

TITLE = "push to 1, 50 and 500 connections"


class Remembering(Connections):
    """Connections that remember the last frame each was posted."""

    frames: dict[str, bytes]

    def post(self, connection_id: str, data: bytes) -> None:
        """Post a frame, and remember it."""
        self.frames[connection_id] = data
        super().post(connection_id, data)


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    for many, rounds in ((1, bed.size(40, 10)), (50, bed.size(20, 6)), (500, bed.size(6, 2))):
        bed.say(f"{many} connections")
        yield _row(bed, many, rounds)


def _row(bed: Bed, many: int, rounds: int) -> Row:
    company = bed.company(f"push to {many}")
    processor = company.processor()
    ids = company.listen(company.agent(), many)
    connections = _connections(bed)
    nobody = Queue("http://127.0.0.1:9/nothing-is-handed-over")
    pusher = Pusher(bed.database, connections, nobody, audience_limit=None)

    def push() -> float:
        processor.process([company.webhook(1)])
        connections.frames = {}
        seconds = timed(lambda: pusher.push(company.id))()
        assert len(connections.frames) == many
        return seconds

    push()
    bed.analyze()
    frames = dict(connections.frames)

    def post() -> None:
        with ThreadPoolExecutor(min(AT_ONCE, many)) as pool:
            list(pool.map(lambda id_: Connections.post(connections, id_, frames[id_]), ids))

    found = interleave({"ours": push, "posts": timed(post)}, rounds)
    ours, posts = median(found["ours"]), median(found["posts"])
    note = f"{min(AT_ONCE, many)} at once, each answered after {POST_SECONDS * 1000:.0f} ms"
    title = f"push to {many} connection{'s' if many > 1 else ''}"
    return Row(title, ms(ours), f"posts alone {ms(posts)}", ours / posts, "×", 1.3, note=note)


def _connections(bed: Bed) -> Remembering:
    url = f"{bed.aws_url}/slow"
    endpoint = Endpoint(
        url,
        "execute-api",
        connect=1.0,
        read=2.0,
        connections=AT_ONCE,
        credentials=lambda: Credentials("bench", "bench"),
    )
    remembering = Remembering(url, endpoint=endpoint)
    remembering.frames = {}
    return remembering
