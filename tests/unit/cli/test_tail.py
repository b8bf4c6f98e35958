"""`parley tail` as a person runs it: a process of its own, its lines, its exit codes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.demo import demo_access
from cli.failure import FailureError
from cli.main import main
from tests.unit.cli.conftest import EPOCH, TOKEN, EventServer


@asynccontextmanager
async def tailing(*arguments: str, directory: Path | None = None) -> AsyncIterator[Process]:
    environment = {**os.environ, "TZ": "UTC"} | ({"PARLEY_LOCAL_DIR": str(directory)} if directory else {})
    command = [sys.executable, "-m", "cli.main", "tail", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        async with asyncio.timeout(20):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def lines(process: Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().rstrip("\n") for _ in range(count)]


def facts(server: EventServer) -> dict[str, object]:
    people = [{"name": "Ana", "token": TOKEN}, {"name": "Bruno", "token": "another"}]
    return {"baseUrl": server.url, "tenants": [{"name": "Demo", "users": people}]}


async def test_lines_are_printed_as_events_happen_and_the_place_is_told_at_the_end(
    server_of_events: EventServer,
) -> None:
    async with tailing("--url", server_of_events.url, "--token", TOKEN) as process:
        await server_of_events.connected.wait()
        await server_of_events.happen(2)
        assert await lines(process, 2) == [
            "12:03:04.123     #1  message.new           Beatriz               ← Olá",
            "12:03:04.123     #2  message.new           Beatriz               ← Olá",
        ]
        process.send_signal(signal.SIGINT)
        _, complaints = await process.communicate()
        assert complaints.decode() == f"parley: go on from here with --after {EPOCH}:2\n"
        assert process.returncode == 130


async def test_json_is_the_event_as_it_came(server_of_events: EventServer) -> None:
    await server_of_events.happen(3)
    arguments = ["--url", server_of_events.url, "--token", TOKEN, "--json", "--after", f"{EPOCH}:1"]
    async with tailing(*arguments, "--topics", "tenant, conversation:1") as process:
        assert [json.loads(text) for text in await lines(process, 2)] == server_of_events.log[1:]
    assert server_of_events.hellos[0]["topics"] == ["tenant", "conversation:1"]


async def test_an_event_without_its_conversation_is_asked_its_name(server_of_events: EventServer) -> None:
    async with tailing("--url", server_of_events.url, "--token", TOKEN) as process:
        await server_of_events.connected.wait()
        status: dict[str, object] = {"id": "message-000001", "status": "read", "error": None}
        server_of_events.log.append(_status(status))
        await server_of_events.happen(0)
        assert await lines(process, 1) == [
            "12:03:04.123     #1  message.status        Caio                  read  (message …000001)"
        ]


def _status(data: dict[str, object]) -> dict[str, object]:
    about = {"seq": 1, "type": "message.status", "id": "event-1", "conversationId": "c-1"}
    return {**about, "occurredAt": "2026-11-21T12:03:04.123Z", "data": data}


async def test_the_local_stack_is_found_by_its_own_facts(server_of_events: EventServer, tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(facts(server_of_events)))
    async with tailing(directory=tmp_path) as process:
        await server_of_events.connected.wait()
        await server_of_events.happen(1)
        assert "message.new" in (await lines(process, 1))[0]


def test_the_local_stack_can_be_put_into_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_LOCAL_DIR", str(tmp_path))
    known = {"webhookUrl": "http://w", "verifyToken": "v", "secret": "s", "accountId": "123"}
    numbers = [{"id": "i-1", "provider": "meta", **known}, {"id": "i-2", "provider": "zapi", **known}]
    people = [{"name": "Ana", "token": "$(hostile) 'word'"}]
    company = {"name": "Demo", "id": "t-1", "users": people, "apiKey": "pk_1", "integrations": numbers}
    stack = {"baseUrl": "http://127.0.0.1:8080", "websocketUrl": "ws://127.0.0.1:8080/ws", "tenants": [company]}
    (tmp_path / "demo.json").write_text(json.dumps(stack))
    assert main(["demo"]) == 0
    script = capsys.readouterr().out + 'printf "%s|%s" "$API" "$TOKEN"'
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "http://127.0.0.1:8080|$(hostile) 'word'"
    assert main(["demo", "--provider", "zapi"]) == 0
    assert "INTEGRATION=i-2\n" in capsys.readouterr().out
    assert main(["demo", "--provider", "pigeon"]) == 1
    assert capsys.readouterr().err == "parley: Demo has no number at 'pigeon'\n"


async def test_a_person_is_chosen_by_name(
    server_of_events: EventServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_LOCAL_DIR", str(tmp_path))
    (tmp_path / "demo.json").write_text(json.dumps(facts(server_of_events)))
    assert demo_access("demo", "bruno").token == "another"
    with pytest.raises(FailureError, match="no user 'Clara'; it has: Ana, Bruno"):
        demo_access(None, "Clara")


def test_without_a_stack_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_LOCAL_DIR", str(tmp_path))
    assert main(["tail"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "parley: no local stack is running: start it with `make run`\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--after", "yesterday"], "'yesterday' is not a cursor"),
        (["--topics", " , "], "name at least one topic"),
    ],
)
def test_what_makes_no_sense_is_told_what_would(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tail", *arguments])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_half_an_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "--url", "http://127.0.0.1:8080"]) == 1
    assert "--url and --token go together" in capsys.readouterr().err


def test_an_api_key_is_told_what_it_can_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "--url", "http://127.0.0.1:8080", "--token", "pk_1_2_3"]) == 1
    assert "poll GET /v1/events" in capsys.readouterr().err


async def test_a_reader_that_has_seen_enough_ends_it_quietly(server_of_events: EventServer) -> None:
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "cli.main", "tail", "--url", server_of_events.url, "--token", TOKEN]
    process = await asyncio.create_subprocess_exec(*command, stdout=theirs, stderr=PIPE)
    os.close(theirs)
    await server_of_events.connected.wait()
    os.close(ours)
    await server_of_events.happen(1)
    _, complaints = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert b"Traceback" not in complaints
