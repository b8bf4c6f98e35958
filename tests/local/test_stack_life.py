"""Starting and stopping the whole stack: what is left, what is kept, and what a person reads when it cannot go on."""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.conftest import RunningStack, StartStack, environment_of, poll_until

pytestmark = pytest.mark.stack
PATIENCE = 60


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ports_of(running: RunningStack) -> set[int]:
    database = int(httpx.URL(running.demo["databaseUrl"].replace("postgresql", "http")).port or 0)
    return {running.port, database, int(httpx.URL(running.demo["awsEndpointUrl"]).port or 0)}


def write(running: RunningStack, words: str) -> None:
    integration = running.demo["tenants"][0]["integrations"][0]["id"]
    message = {"integrationId": integration, "from": "5511987654321", "kind": "text", "text": words}
    httpx.post(f"{running.demo['simulatorUrl']}/messages", json=message, timeout=PATIENCE).raise_for_status()


def conversations(running: RunningStack) -> list[dict[str, Any]]:
    token = running.demo["tenants"][0]["users"][0]["token"]
    url, headers = f"{running.demo['baseUrl']}/v1/conversations", {"Authorization": f"Bearer {token}"}
    answer = httpx.get(url, headers=headers, timeout=PATIENCE)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
    return found


def test_ctrl_c_leaves_no_process_and_no_port_and_the_second_run_finds_the_data(start_stack: StartStack) -> None:
    first = start_stack()
    write(first, "Hello from the first run")
    poll_until(lambda: conversations(first))
    pids, ports = first.pids(), ports_of(first)
    assert len(pids) >= 6
    assert all(map(is_open, ports))
    first.stop()
    assert first.process.returncode == 0
    assert not [pid for pid in pids if is_alive(pid)]
    assert not [port for port in ports if is_open(port)]
    assert not (first.directory / "demo.json").exists()

    second = start_stack(port=first.port)
    assert [each["lastMessage"]["text"] for each in conversations(second)] == ["Hello from the first run"]
    assert second.demo["tenants"][0]["id"] == first.demo["tenants"][0]["id"]


def test_a_stack_that_is_killed_takes_its_children_along_and_its_data_survives(start_stack: StartStack) -> None:
    first = start_stack()
    write(first, "Before the kill")
    poll_until(lambda: conversations(first))
    pids = first.pids()
    first.process.kill()
    first.process.communicate()
    poll_until(lambda: not [pid for pid in pids if is_alive(pid)])
    assert [each["lastMessage"]["text"] for each in conversations(start_stack())] == ["Before the kill"]


def test_ctrl_c_in_the_middle_of_the_first_start_leaves_no_process_either(start_stack: StartStack) -> None:
    running = start_stack(ready=False)
    poll_until((running.directory / "postgres.new" / "PG_VERSION").exists)
    pids = running.pids()
    assert running.stop().splitlines() == ["parley: stopping"]
    assert running.process.returncode == 0
    assert not [pid for pid in pids if is_alive(pid)]
    assert not (running.directory / "postgres").exists(), "a half-made cluster is never found"


def test_a_taken_port_is_one_clear_line(start_stack: StartStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = start_stack(port=taken.getsockname()[1], ready=False)
        said = running.process.communicate(timeout=PATIENCE)[0]
    assert running.process.returncode == 1
    assert said.splitlines() == [f"parley: port {running.port} is taken or not allowed: choose another with PORT=…"]


def test_a_directory_in_use_and_a_child_that_dies_are_one_clear_line(start_stack: StartStack) -> None:
    running = start_stack("--empty")
    second = start_stack("--empty", ready=False)
    said = second.process.communicate(timeout=PATIENCE)[0]
    assert second.process.returncode == 1
    assert said.splitlines() == [f"parley: {running.directory} belongs to a stack that is running: stop that one first"]
    assert running.demo["tenants"] == []

    pids = running.pids()
    victim = next(pid for pid in pids if "PERSIST_STATE=1" in environment_of(pid))
    os.kill(victim, signal.SIGKILL)
    said = running.process.communicate(timeout=PATIENCE)[0]
    assert running.process.returncode == 1
    assert said.splitlines()[-1] == f"parley: MiniStack died (exit code -9): see {running.directory}/logs"
    assert not [pid for pid in pids if is_alive(pid)]


def test_a_killed_worker_is_replaced_and_a_handler_that_cannot_answer_is_a_500(
    stack: RunningStack, workers: Callable[[], list[int]]
) -> None:
    url = f"{stack.demo['baseUrl']}/healthz"
    assert httpx.get(url, timeout=PATIENCE).status_code == 200
    before = stack.workers("inbox_api")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    poll_until(lambda: not [pid for pid in before if is_alive(pid)])
    assert httpx.get(url, timeout=PATIENCE).status_code == 200
    assert not set(stack.workers("inbox_api")) & set(before)
    assert set(stack.workers("inbox_api")) <= set(workers())
