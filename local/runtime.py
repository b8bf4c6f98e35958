"""Lambda's data plane: worker processes fed through the Runtime API, each on a port of its own as sandboxes are.

Its one rule: an invocation ends exactly once, by the worker's answer, its error, its death or the function's timeout.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from local.bundle import Function
from local.children import Child
from local.http_wire import Server
from local.options import HOST

API = b"/2018-06-01/runtime/"
RESPONSE_LIMIT = 6 * 1024 * 1024
WARM = {"webhook_receiver": 2, "queue_processor": 2}
MOST_WORKERS = 8
GROW_AFTER = 0.25
IDLE_AFTER = 300.0
SAY_AGAIN = 10.0


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: the answer's bytes, or an error as Lambda names it."""

    payload: bytes
    error: str | None = None
    crashed: bool = False

    @property
    def timed_out(self) -> bool:
        """Whether the function's time was up."""
        return self.error == "Sandbox.Timedout"


@dataclass(eq=False)
class Invocation:
    """One call of a function, waiting or running."""

    payload: bytes
    future: asyncio.Future[Outcome]
    id: str = field(default_factory=lambda: str(uuid4()))
    waiting_since: float = field(default_factory=time.monotonic)

    def finish(self, outcome: Outcome) -> None:
        """End it, unless it has ended."""
        if not self.future.done():
            self.future.set_result(outcome)


class Worker:
    """One process of a function and the port it asks for work on."""

    def __init__(self, pool: "FunctionPool") -> None:
        self._pool = pool
        self._connection: Server | None = None
        self._server: asyncio.Server | None = None
        self._invocation: Invocation | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._init_error = ""
        self.child: Child | None = None
        self.started = False
        self.idle_since = time.monotonic()

    @property
    def exit_error(self) -> str:
        """How Lambda names a process that ended by itself."""
        return f"Runtime.ExitError: exit code {self.child.exit_code if self.child else None}"

    async def start(self, spawn: Callable[[Function, str], Child]) -> None:
        """Open the port and start the process; see it to its end."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Server(self._on_request, self._on_lost), HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.child = spawn(self._pool.function, f"{HOST}:{port}")
        await self.child.ended.wait()
        self._end()

    def run(self, invocation: Invocation) -> None:
        """Hand an invocation to the waiting process."""
        function = self._pool.function
        self._invocation = invocation
        self._deadline = asyncio.get_running_loop().call_later(function.timeout, self._on_timeout)
        connection, self._connection = self._connection, None
        headers = [
            (b"lambda-runtime-aws-request-id", invocation.id.encode()),
            (b"lambda-runtime-deadline-ms", str(int((time.time() + function.timeout) * 1000)).encode()),
            (b"lambda-runtime-invoked-function-arn", function.arn.encode()),
            (b"lambda-runtime-trace-id", f"Root=1-{int(time.time()):08x}-{invocation.id[-12:]:0>24}".encode()),
        ]
        if connection:
            connection.answer(200, invocation.payload, headers)

    def kill(self) -> None:
        """End the process at once, as Lambda ends a sandbox."""
        if self.child:
            self.child.signal_group(signal.SIGKILL)

    def _on_request(self, connection: Server, method: bytes, url: bytes, body: bytes) -> None:
        action = url.removeprefix(API)
        if method == b"GET" and action == b"invocation/next":
            self._connection = connection
            self.started = True
            self.idle_since = time.monotonic()
            self._pool.worker_ready(self)
            return
        if action == b"init/error":
            self._init_error = _error_text(body)
        elif self._invocation and action == f"invocation/{self._invocation.id}/response".encode():
            too_large = len(body) > RESPONSE_LIMIT
            self._finish(Outcome(body, "Function.ResponseSizeTooLarge" if too_large else None))
        elif self._invocation and action == f"invocation/{self._invocation.id}/error".encode():
            self._finish(Outcome(body, _error_text(body)))
        else:
            connection.answer(404)
            return
        connection.answer(202)

    def _on_lost(self, connection: Server) -> None:
        if connection is self._connection:  # it waited for work and is gone: never hand it any
            self._connection = None
            self._pool.worker_gone(self)

    def _on_timeout(self) -> None:
        self._finish(Outcome(b"", "Sandbox.Timedout"))
        self.kill()

    def _finish(self, outcome: Outcome) -> None:
        if self._deadline:
            self._deadline.cancel()
        invocation, self._invocation = self._invocation, None
        if invocation:
            self._pool.report(outcome)
            invocation.finish(outcome)

    def _end(self) -> None:
        if self._server:
            self._server.close()
        self._finish(Outcome(b"", self.exit_error, crashed=True))
        self._pool.worker_ended(self, self._init_error)


class FunctionPool:
    """One function's workers: started on first use, more while requests wait, fewer when they idle."""

    def __init__(self, function: Function, spawn: Callable[[Function, str], Child]) -> None:
        self.function = function
        self._spawn = spawn
        self._warm = WARM.get(function.name, 1)
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._waiting: deque[Invocation] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._growing: asyncio.TimerHandle | None = None
        self._stopped = False
        self._said, self._said_at = "", 0.0

    @property
    def size(self) -> int:
        """How many workers there are, ready or starting."""
        return max(len(self._workers), self._warm)

    def invoke(self, payload: bytes) -> asyncio.Future[Outcome]:
        """Call the function; the future never fails, it says how the call ended."""
        invocation = Invocation(payload, asyncio.get_running_loop().create_future())
        while self._idle:
            worker = self._idle.pop()
            if worker in self._workers:
                worker.run(invocation)
                return invocation.future
        self._waiting.append(invocation)
        self.prestart()
        self._watch_waiting()
        return invocation.future

    def prestart(self) -> None:
        """Start what this function keeps warm, unless it runs."""
        for _ in range(self._warm - len(self._workers)):
            self._start_worker()

    def prestart_warm(self) -> None:
        """Start the workers of a function whose first call must not wait."""
        if self.function.name in WARM:
            self.prestart()

    def grow(self) -> None:
        """Add a worker unless one is on its way or there are enough."""
        if len(self._workers) < MOST_WORKERS and all(worker.started for worker in self._workers):
            self._start_worker()

    def retire_idle(self) -> None:
        """End a worker that has had nothing to do for long; those started in advance stay."""
        keep = WARM.get(self.function.name, 0)
        for worker in list(self._idle):
            if len(self._workers) > keep and time.monotonic() - worker.idle_since > IDLE_AFTER:
                self._idle.remove(worker)
                self._workers.discard(worker)
                worker.kill()

    async def stop(self) -> None:
        """Kill every worker, and see them dead."""
        self._stopped = True
        for worker in self._workers:
            worker.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self._waiting:
            self._waiting.popleft().finish(Outcome(b"", "the stack stopped", crashed=True))

    def worker_ready(self, worker: Worker) -> None:
        """Give a worker that asks for it the next waiting call."""
        while self._waiting:
            invocation = self._waiting.popleft()
            if not invocation.future.cancelled():
                worker.run(invocation)
                return
        self._idle.append(worker)

    def worker_gone(self, worker: Worker) -> None:
        """Hand no more work to a worker whose connection broke."""
        if worker in self._idle:
            self._idle.remove(worker)

    def worker_ended(self, worker: Worker, init_error: str) -> None:
        """Forget a dead worker and start another for whoever waits.

        A function that cannot even start fails its waiting calls, as on AWS, instead of starting for ever.
        """
        self.worker_gone(worker)
        self._workers.discard(worker)
        if not worker.started and not self._stopped:
            error = init_error or worker.exit_error
            self.report(Outcome(b"", error))
            while self._waiting:
                self._waiting.popleft().finish(Outcome(b"", error))
        elif not self._stopped and (self._waiting or self.function.name in WARM):
            self.prestart()

    def report(self, outcome: Outcome) -> None:
        """Say a failure on the console, in one line, and the same one not again and again."""
        now = time.monotonic()
        if outcome.error and not self._stopped and (outcome.error != self._said or now - self._said_at > SAY_AGAIN):
            self._said, self._said_at = outcome.error, now
            print(f"parley: {self.function.name} failed: {outcome.error} (see its log)", flush=True)

    def _start_worker(self) -> None:
        if self._stopped:
            return
        worker = Worker(self)
        self._workers.add(worker)
        task = asyncio.get_running_loop().create_task(worker.start(self._spawn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _watch_waiting(self) -> None:
        if self._growing is None:
            self._growing = asyncio.get_running_loop().call_later(GROW_AFTER, self._grow_for_waiting)

    def _grow_for_waiting(self) -> None:
        self._growing = None
        if self._waiting and not self._stopped:
            if time.monotonic() - self._waiting[0].waiting_since >= GROW_AFTER:
                self.grow()
            self._watch_waiting()


def _error_text(body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"{said['errorType']}: {said['errorMessage']}"[:500]
    except (ValueError, KeyError, TypeError):
        return "Unhandled"
