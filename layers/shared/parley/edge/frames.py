"""Frames of the socket at the door (`parley.v1`): parsed before anything is looked up, answered in one place. The one
rule: every frame gets at most one answer, through the route, and no error leaves unmapped.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from parley.domain.batches import dumps
from parley.domain.errors import InvalidRequest, ParleyError, RateLimited
from parley.domain.signals import Bye, Hello, Ping, Renew, Signal, Subscribe, Sync, Typing, Unsubscribe
from parley.domain.terms import Rate
from parley.services.farewell import Dismissed, Reason
from parley.services.listen import Listening

from .problems import known_error

LOG = logging.getLogger("parley.socket")

FRAME_LIMIT: Final = 4096
MOST_TOPICS: Final = 50
LONGEST_TEXT: Final = 200
LARGEST_NUMBER: Final = 2**53 - 1
RETRY_AFTER_MS: Final = 1000
MOST_REMEMBERED: Final = 5000
"""Connections a container counts; of those heard longest ago it forgets."""

FrameId: TypeAlias = str | int | None
Value = TypeVar("Value")


class BadFrame(InvalidRequest):
    """This is not a frame of parley.v1."""

    code = "bad_frame"


class Socket:
    """The server's side of the socket. `say_bye` tells a connection why, and closes it. `flood` spares the database
    what it would refuse anyway.
    """

    def __init__(
        self,
        listening: Callable[[], Listening],
        say_bye: Callable[[str, Reason], None],
        flood: Flood | None = None,
        frame_limit: int = FRAME_LIMIT,
    ) -> None:
        self._listening = listening
        self._say_bye = say_bye
        self._flood = flood
        self._frame_limit = frame_limit

    def answer(self, connection_id: str, body: str) -> str | None:
        """Do what a frame asks; answer the frame that goes back, or None."""
        frame_id: FrameId = None
        try:
            frame = read_frame(body, self._frame_limit)
            frame_id = _frame_id(frame)
            if self._flood is not None and (wait := self._flood.wait(connection_id)):
                raise RateLimited("You say too much at once.", retry_after_ms=math.ceil(wait * 1000))
            answer = self._listening().answer(connection_id, read_signal(frame))
        except Dismissed as error:
            # Not through the route: this frame must be gone before the connection is closed.
            self._say_bye(connection_id, error.reason)
            return None
        except Exception as error:
            if not isinstance(error, ParleyError):
                LOG.exception("a frame failed")
            answer = _error(known_error(error))
        if answer is None:
            return None
        return dumps(answer if frame_id is None else {"type": answer["type"], "id": frame_id, **answer})


class Flood:
    """Holds back a connection that says far too much, by what this container alone heard from it: twice what a person
    may, since the rows are what counts. `clock`: seconds.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = rate.apart.total_seconds()
        self._room = self._apart * (2 * rate.burst - 1)
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait(self, connection_id: str) -> float:
        """Count one frame: 0, or in how many seconds there may be another."""
        now = self._clock()
        due = max(self._due.get(connection_id, now), now)
        if due > now + self._room:
            return due - now - self._room
        self._due[connection_id] = due + self._apart
        self._due.move_to_end(connection_id)
        if len(self._due) > MOST_REMEMBERED:
            self._due.popitem(last=False)
        return 0.0


def read_frame(body: str, limit: int = FRAME_LIMIT) -> dict[str, Any]:
    """Read a frame as the JSON object it must be. Raises BadFrame."""
    if len(body) > limit or len(body.encode("utf-8", "surrogatepass")) > limit:
        raise BadFrame(f"A frame has {limit} bytes at most.")
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFrame("A frame is a JSON object.") from error
    if not isinstance(frame, dict):
        raise BadFrame("A frame is a JSON object.")
    return frame


def read_signal(frame: Mapping[str, Any]) -> Signal:
    """Read what a frame says. Raises BadFrame naming what is wrong with it."""
    action = frame.get("action")
    reader = _READERS.get(action) if isinstance(action, str) else None
    if reader is None:
        raise BadFrame(f"The action is one of {', '.join(_READERS)}.")
    return reader(frame)


def _hello(frame: Mapping[str, Any]) -> Hello:
    if frame.get("v", 1) != 1:
        raise BadFrame("This server speaks version 1.")
    visible = _flag(frame, "visible")
    return Hello(
        cursor=_text(frame, "cursor"),
        topics=_topics(frame),
        tab=_text(frame, "tab"),
        visible=True if visible is None else visible,
    )


def _sync(frame: Mapping[str, Any]) -> Sync:
    limit = _number(frame, "limit")
    return Sync(_required(_number(frame, "from"), "from"), 500 if limit is None else max(1, min(limit, 500)))


def _typing(frame: Mapping[str, Any]) -> Typing:
    on = _flag(frame, "on")
    return Typing(_required(_text(frame, "conversationId"), "conversationId"), _required(on, "on"))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Signal]]] = {
    "hello": _hello,
    "subscribe": lambda frame: Subscribe(_topics(frame)),
    "unsubscribe": lambda frame: Unsubscribe(_topics(frame)),
    "ping": lambda frame: Ping(_number(frame, "at"), _flag(frame, "visible"), _number(frame, "idleMs")),
    "sync": _sync,
    "typing": _typing,
    "auth": lambda frame: Renew(_required(_text(frame, "ticket"), "ticket")),
    "bye": lambda _frame: Bye(),
}


def _frame_id(frame: Mapping[str, Any]) -> FrameId:
    given = frame.get("id")
    if isinstance(given, bool) or not isinstance(given, str | int | None):
        raise BadFrame("`id` is a text or a number.")
    if isinstance(given, str) and len(given) > LONGEST_TEXT:
        raise BadFrame("`id` is too long.")
    return given


def _topics(frame: Mapping[str, Any]) -> tuple[str, ...]:
    topics = frame.get("topics")
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise BadFrame("`topics` is a list of texts.")
    if len(topics) > MOST_TOPICS:
        raise BadFrame(f"A frame names {MOST_TOPICS} topics at most.")
    return tuple(topics)


def _text(frame: Mapping[str, Any], name: str) -> str | None:
    value = frame.get(name)
    if value is None:
        return None
    # Printable leaves out NUL and halves of surrogate pairs, neither of which Postgres takes.
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise BadFrame(f"`{name}` is a short text.")
    return value


def _number(frame: Mapping[str, Any], name: str) -> int | None:
    value = frame.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_NUMBER:
        raise BadFrame(f"`{name}` is a whole number.")
    return value


def _flag(frame: Mapping[str, Any], name: str) -> bool | None:
    value = frame.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadFrame(f"`{name}` is true or false.")
    return value


def _required(value: Value | None, name: str) -> Value:
    if value is None:
        raise BadFrame(f"`{name}` is missing.")
    return value


def _error(error: ParleyError) -> dict[str, Any]:
    topic = error.extra.get("topic")
    return {
        "type": "error",
        "code": error.code,
        "message": error.detail,
        **({"topic": topic} if topic else {}),
        "temporary": error.retryable,
        **({"retryAfterMs": error.extra.get("retry_after_ms", RETRY_AFTER_MS)} if error.retryable else {}),
    }
