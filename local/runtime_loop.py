"""The Runtime API's loop, for machines where AWS's `awslambdaric` has no wheel: `runtime_loop.py HANDLER`.

Its one rule: to a handler it looks as `awslambdaric` does. The standard library only, as a sandbox has it.
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

API = "/2018-06-01/runtime"


@dataclass
class Context:
    """The handler's second argument, with the fields people use."""

    aws_request_id: str
    invoked_function_arn: str
    deadline: float
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    log_group_name: str = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
    log_stream_name: str = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")

    def get_remaining_time_in_millis(self) -> int:
        """Answer how long the invocation may still take."""
        return max(int((self.deadline - time.time()) * 1000), 0)


def main(handler_name: str) -> None:
    """Load the handler, then ask for work for as long as the stack answers."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        module, _, name = handler_name.rpartition(".")
        handler = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - whatever it is, the runtime reports it
        _post(connection, "init/error", _described(error))
        sys.exit(1)
    while True:
        connection.request("GET", f"{API}/invocation/next")
        answer = connection.getresponse()
        event = json.loads(answer.read())
        invocation = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        context = Context(
            aws_request_id=invocation,
            invoked_function_arn=answer.headers["Lambda-Runtime-Invoked-Function-Arn"],
            deadline=int(answer.headers["Lambda-Runtime-Deadline-Ms"]) / 1000,
        )
        try:
            result = json.dumps(handler(event, context)).encode()
        except Exception as error:  # noqa: BLE001 - whatever it is, the runtime reports it
            _post(connection, f"invocation/{invocation}/error", _described(error))
        else:
            _post(connection, f"invocation/{invocation}/response", result)


def _described(error: Exception) -> bytes:
    traceback.print_exception(error)
    trace: list[str] = traceback.format_tb(error.__traceback__)
    said: dict[str, Any] = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": trace}
    return json.dumps(said).encode()


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    connection.request("POST", f"{API}/{path}", body, {"Content-Type": "application/json"})
    connection.getresponse().read()


if __name__ == "__main__":
    main(sys.argv[1])
