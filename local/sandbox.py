"""What a worker process is given: Lambda's environment, the template's, and nothing of this machine's person."""

import os
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path

from local.bundle import Function
from local.children import Child, base_environment, rotate, start_child
from local.intrinsics import REGION
from local.options import Options

RUNTIME_LOOP = Path(__file__).with_name("runtime_loop.py")
BACKGROUND_NICENESS = 5
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")


class Sandboxes:
    """Starts workers, with the AWS endpoints of this stack.

    On AWS a queue's function takes no processor from the one that answers webhooks; here those nobody waits for
    (`waited_for` names the others) give way.
    """

    def __init__(self, options: Options, endpoint: str, waited_for: Collection[str] = ()) -> None:
        self._options = options
        self._endpoint = endpoint
        self._waited_for = waited_for
        # AWS's own runtime client has no wheel but for Linux.
        real = sys.platform == "linux" and find_spec("awslambdaric") is not None
        self._command = [sys.executable, "-m", "awslambdaric"] if real else [sys.executable, "-P", str(RUNTIME_LOOP)]
        self._logs: dict[str, Path] = {}

    def spawn(self, function: Function, runtime_api: str) -> Child:
        """Start a worker of a function that asks for work at `runtime_api`."""
        if function.name not in self._logs:
            self._logs[function.name] = rotate(self._options.directory / "logs" / f"{function.name}.log")
        child = start_child(
            function.name,
            [*self._command, function.handler],
            log=self._logs[function.name],
            environment=self.environment(function) | {"AWS_LAMBDA_RUNTIME_API": runtime_api},
            directory=function.code,
        )
        if function.name not in self._waited_for:
            os.setpriority(os.PRIO_PROCESS, child.pid, BACKGROUND_NICENESS)
        return child

    def environment(self, function: Function) -> dict[str, str]:
        """Answer the environment variables a function sees."""
        surroundings = base_environment()
        python_path = os.pathsep.join(map(str, [function.code, *function.layers]))
        return {
            **{name: surroundings[name] for name in INHERITED if name in surroundings},
            **self._aws(function),
            "PYTHONPATH": python_path,
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
            **function.environment,
        }

    def _aws(self, function: Function) -> Mapping[str, str]:
        return {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self._endpoint,
            # The gateway passes SQS on and wakes the queue's reader.
            "AWS_ENDPOINT_URL_SQS": self._options.base_url,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "LAMBDA_TASK_ROOT": str(function.code),
            "_HANDLER": function.handler,
        }
