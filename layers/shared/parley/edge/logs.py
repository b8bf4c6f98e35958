"""The log: one JSON object a line. The one rule: an error is told by its types and places, never by its words, because
those may hold what a person wrote or what a database was given.

Lambda's own JSON format overwrites the key `tenant_id`, which is one of ours, so the lines are written here.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any, Final

NAME: Final = "parley"
_ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def start_logging(function: str, level: str) -> logging.Logger:
    """Write the log to standard output as JSON, in this function's name; answer its logger.

    `level` is for our own lines; libraries are heard from WARNING on.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(function))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    ours = logging.getLogger(NAME)
    ours.setLevel(level)
    return ours.getChild(function)


class JsonLines(logging.Formatter):
    """Level, time, function and message, then whatever a line was given as `extra`."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self._function = function

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "level": record.levelname,
            "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
            "function": self._function,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        if record.exc_info and record.exc_info[1]:
            line |= whereabouts(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def whereabouts(error: BaseException) -> dict[str, Any]:
    """Which errors, each the cause of the one before it, and where the first was raised."""
    types: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(types) < 5:
        types.append(type(cause).__name__)
        cause = cause.__cause__
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {"error": types, "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
