"""`PARLEY_INLINE=1`: handlers in threads of this process, for a debugger; one rule: nothing else differs."""

import asyncio
import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from local.bundle import Function
from local.runtime import FunctionPool, Outcome
from local.runtime_loop import Context


class InlinePool(FunctionPool):
    """One function, its handler called in a few threads."""

    def __init__(self, function: Function, environment: Mapping[str, str]) -> None:
        super().__init__(function, _no_process)
        # One process has one environment; the template's values are the same for all functions but what one alone has.
        os.environ.update({name: value for name, value in environment.items() if name != "PYTHONPATH"})
        self._threads = ThreadPoolExecutor(max_workers=self.size, thread_name_prefix=function.name)
        self._handler: Callable[[Any, Context], Any] | None = None

    def invoke(self, payload: bytes) -> asyncio.Future[Outcome]:
        """Call the handler in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, self._run, payload)

    def prestart(self) -> None:
        """Nothing to start."""

    def grow(self) -> None:
        """Never more threads than at first."""

    async def stop(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, payload: bytes) -> Outcome:
        try:
            handler = self._load()
            context = Context(str(uuid4()), self.function.arn, time.time() + self.function.timeout)
            return Outcome(json.dumps(handler(json.loads(payload), context)).encode())
        except Exception as error:  # noqa: BLE001 - whatever it is, the function failed
            traceback.print_exc()
            return Outcome(b"", f"{type(error).__name__}: {error}")

    def _load(self) -> Callable[[Any, Context], Any]:
        if self._handler is None:
            for layer in map(str, self.function.layers):
                if layer not in sys.path:
                    sys.path.append(layer)
            module_name, _, attribute = self.function.handler.rpartition(".")
            path = self.function.code / f"{module_name}.py"
            spec = importlib.util.spec_from_file_location(f"functions_{self.function.name}_{module_name}", path)
            if spec is None or spec.loader is None:
                raise ImportError(f"no handler at {path}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            self._handler = getattr(module, attribute)
        return self._handler


def _no_process(function: Function, _: str) -> Any:  # noqa: ANN401 - never called
    raise RuntimeError(f"{function.name} runs inline")
