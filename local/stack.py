"""The order in which the stack starts and stops; one rule: the last to start stops first, and nothing is left."""

import asyncio
import fcntl
import json
import shutil
import signal
import socket
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from local.aws import MiniStack, Resources
from local.bundle import Bundle
from local.children import Child
from local.demo import Demo, DemoConnection, load_demo
from local.deployment import Deployment, deploy, first_parameters, run_custom_resources
from local.gateway import Gateway
from local.http_api import HttpApi
from local.http_wire import Client
from local.inline import InlinePool
from local.options import HOST, Options, StackError
from local.ports import claim_port
from local.postgres import Database, Postgres, given_database
from local.pump import Pump
from local.pump_control import PumpControl
from local.runtime import FunctionPool
from local.sandbox import Sandboxes
from local.schedules import keep_schedule
from local.server import Server
from local.simulator.app import SimulatedIntegration, create_app
from local.sqs import Sqs, SqsDoor
from local.template import read_template
from local.websocket import WebSocketApi

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAST_FREE_BYTES = 64 * 1024 * 1024
HOUSEKEEPING_SECONDS = 2.0


async def run(options: Options) -> int:
    """Run the stack until it is told to stop; answer the exit code.

    Raises:
        StackError: it cannot start or go on.
    """
    stopping = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as parts:
        own_directory(options.directory, parts)
        port = claim_port(options.port)
        parts.callback(port.close)
        work = asyncio.create_task(Stack(options, port, parts).live())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            print("parley: stopping", flush=True)
        stop.cancel()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    return 0


def own_directory(directory: Path, parts: AsyncExitStack) -> None:
    """Make the stack's directory and hold its lock for as long as the stack runs.

    Raises:
        StackError: another stack holds it, or the disk is full.
    """
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    lock = parts.enter_context((directory / "lock").open("a"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StackError(f"{directory} belongs to a stack that is running: stop that one first") from error
    check_disk(directory)
    ready = directory / "demo.json"
    ready.unlink(missing_ok=True)
    parts.callback(ready.unlink, missing_ok=True)


def check_disk(directory: Path) -> None:
    """See that there is room left.

    Raises:
        StackError: there is not.
    """
    if shutil.disk_usage(directory).free < LEAST_FREE_BYTES:
        raise StackError(f"the disk that holds {directory} is full")


class Stack:
    """One run: Postgres and MiniStack, what the template asks of them, the migration, the gateway, queues, the demo."""

    def __init__(self, options: Options, port: socket.socket, parts: AsyncExitStack) -> None:
        self._options = options
        self._port = port
        self._parts = parts
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pools: dict[str, FunctionPool] = {}
        self._pumps: dict[str, Pump] = {}
        self._simulated: list[SimulatedIntegration] = []

    async def live(self) -> None:
        """Start everything, then watch it until cancelled.

        Raises:
            StackError: something could not start, or died.
        """
        start = asyncio.create_task(self._start())
        try:
            await asyncio.wait({start, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
            await self._failure
        finally:
            start.cancel()
            with suppress(asyncio.CancelledError, StackError):
                await start

    async def _start(self) -> None:
        options = self._options
        translation = asyncio.create_task(asyncio.to_thread(read_template, first_parameters(options)))
        ministack = MiniStack(options)
        self._parts.push_async_callback(ministack.stop)
        database, endpoint = await asyncio.gather(self._start_database(), ministack.start())
        self._watch(endpoint)
        template = await translation
        resources = await asyncio.to_thread(Resources, options, ministack.url)
        self._parts.callback(resources.close)
        deployment = await asyncio.to_thread(deploy, template, resources, database, options)
        self._start_functions(deployment.bundle, ministack.url)
        await run_custom_resources(deployment.bundle, self._pools)
        client = Client(HOST, ministack.port)
        self._parts.callback(client.close)
        await self._serve(deployment.bundle, client)
        self._start_readers(deployment.bundle, Sqs(client), resources.visibility)
        self._background(self._keep_house())
        demo = await self._load_demo(database, deployment)
        self._announce(deployment, demo, ministack.url)

    async def _start_database(self) -> Database:
        if self._options.database_url:
            return await asyncio.to_thread(given_database, self._options.database_url)
        postgres = Postgres(self._options)
        self._parts.push_async_callback(postgres.stop)
        database, child = await postgres.start()
        self._watch(child)
        return database

    def _start_functions(self, bundle: Bundle, endpoint: str) -> None:
        sandboxes = Sandboxes(self._options, endpoint, bundle.waited_for)
        for function in bundle.functions.values():
            inline = self._options.inline
            environment = sandboxes.environment(function) if inline else {}
            pool = InlinePool(function, environment) if inline else FunctionPool(function, sandboxes.spawn)
            self._pools[function.name] = pool
            self._parts.push_async_callback(pool.stop)

    async def _serve(self, bundle: Bundle, client: Client) -> None:
        """Begin to answer on the gateway's port."""
        domain = f"{HOST}:{self._options.port}"
        sockets = WebSocketApi(bundle, self._pools, domain, self._options.fast_clock)
        simulator = create_app(self._simulated, self._options.fast_clock, base_url=self._options.base_url)
        http_api = HttpApi(bundle, self._pools, domain)
        gateway = Gateway(http_api, sockets, SqsDoor(client, self._wake), PumpControl(self._pumps), simulator)
        server = Server(gateway)
        serving = self._background(server.serve(sockets=[self._port]), cancel=False)

        async def stop() -> None:
            await simulator.state.simulator.close()
            server.should_exit = True
            await serving

        self._parts.push_async_callback(stop)
        await server.ready.wait()

    def _start_readers(self, bundle: Bundle, sqs: Sqs, visibility: Mapping[str, int]) -> None:
        for reader in bundle.queue_readers:
            pool, minute = self._pools[reader.function], 60 / self._options.fast_clock
            pump = Pump(reader, pool, sqs, visibility[reader.queue], minute)
            self._pumps[reader.queue] = pump
            self._background(pump.run())
        for schedule in bundle.schedules:
            self._background(keep_schedule(schedule, self._pools))
        for pool in self._pools.values():
            pool.prestart_warm()

    def _wake(self, queue: str, delay: float) -> None:
        if pump := self._pumps.get(queue):
            pump.wake(delay)

    async def _load_demo(self, database: Database, deployment: Deployment) -> Demo:
        if not self._options.demo:
            return Demo([], [], {})
        connection = DemoConnection(
            migration_url=database.migration_url,
            app_url=deployment.application_url,
            base_url=self._options.base_url,
            deployment_secret=deployment.deployment_secret,
        )
        demo = await asyncio.to_thread(load_demo, connection)
        self._simulated.extend(demo.integrations)
        return demo

    def _announce(self, deployment: Deployment, demo: Demo, endpoint: str) -> None:
        """Write demo.json, the last thing to be there, and say where everything is."""
        base = self._options.base_url
        facts = {
            "baseUrl": base,
            "websocketUrl": self._options.websocket_url,
            "consoleUrl": f"{base}/",
            "phoneUrl": f"{base}/phone",
            "simulatorUrl": f"{base}/simulator",
            "databaseUrl": deployment.application_url,
            "awsEndpointUrl": endpoint,
            "metaApp": demo.meta_app,
            "tenants": demo.tenants,
        }
        ready = self._options.directory / "demo.json"
        fresh = ready.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(facts, indent=1))
        fresh.replace(ready)
        print("Parley is running; Ctrl-C stops it.")
        for name, value in {"phone": f"{base}/phone", "API": f"{base}/v1", "socket": facts["websocketUrl"]}.items():
            print(f"  {name:8}{value}")
        print(f"  {'demo':8}{ready}", flush=True)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            check_disk(self._options.directory)
            for pool in self._pools.values():
                pool.retire_idle()

    def _watch(self, child: Child) -> None:
        """Fail the run when a child it cannot do without ends."""

        async def watch() -> None:
            await child.ended.wait()
            raise StackError(f"{child.name} died (exit code {child.exit_code}): see {self._options.directory}/logs")

        self._background(watch())

    def _background(self, work: Coroutine[Any, Any, None], *, cancel: bool = True) -> asyncio.Task[None]:
        """Run something beside; its failure is the run's, and it is cancelled when the run ends."""

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error and not self._failure.done():
                self._failure.set_exception(error)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait({task})

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        if cancel:
            self._parts.push_async_callback(stop)
        return task
