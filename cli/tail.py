"""`parley tail`: prints a tenant's events as they happen. The one rule: standard output holds events only."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from functools import partial

from cli.demo import Access, demo_access
from cli.failure import FailureError
from cli.lines import contact_of, conversation_in, line
from cli.listener import Listener
from cli.stream import Event, Stream

MOST_NAMES = 10_000


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "tail",
        help="print events as they happen",
        description="Print a tenant's events as they happen, one a line; connects again by itself and misses none. "
        "Without --url and --token it listens to the local stack as its first person.",
    )
    parser.add_argument("--url", help="the API's address, e.g. http://127.0.0.1:8080")
    parser.add_argument("--token", help="a person's token (a JWT); an API key cannot open a socket")
    parser.add_argument("--tenant", metavar="NAME", help="a tenant of the local stack")
    parser.add_argument("--user", metavar="NAME", help="a person of the local stack")
    parser.add_argument("--topics", type=_topics, default="tenant,user", help="comma-separated (%(default)s)")
    parser.add_argument("--after", type=_cursor, metavar="CURSOR", help="begin after this place instead of now")
    parser.add_argument("--json", action="store_true", help="print each event as one line of JSON")
    parser.set_defaults(run=run)


def run(chosen: Namespace) -> int:
    """Print events until interrupted."""
    printer = _Printer(as_json=chosen.json)
    listener = Listener(_access(chosen), chosen.topics, printer.tell, _notice, chosen.after)
    printer.listener = listener
    try:
        asyncio.run(listener.listen())
    finally:
        if listener.stream.cursor is not None:
            _notice(f"go on from here with --after {listener.stream.cursor}")


def _access(chosen: Namespace) -> Callable[[], Access]:
    if chosen.url is None and chosen.token is None:
        return partial(demo_access, chosen.tenant, chosen.user)
    if chosen.url is None or chosen.token is None or chosen.tenant or chosen.user:
        raise FailureError("--url and --token go together, and without --tenant and --user")
    if chosen.token.startswith("pk_"):
        raise FailureError("an API key cannot open a socket: give a person's token, or poll GET /v1/events")
    given = Access(chosen.url.rstrip("/"), chosen.token)
    return lambda: given


class _Printer:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._names: dict[str, str] = {}
        self.listener: Listener | None = None

    async def tell(self, event: Event) -> None:
        """Print one event."""
        print(json.dumps(event) if self._as_json else line(event, await self._contact(event)), flush=True)

    async def _contact(self, event: Event) -> str:
        data = event.get("data") or {}
        if event["type"] == "contact.updated":
            return str(data.get("name") or data.get("phone") or "")
        conversation = conversation_in(event)
        id_ = str((conversation or {}).get("id") or event.get("conversationId") or "")
        if conversation is not None:
            self._learn(id_, contact_of(conversation))
        elif id_ and id_ not in self._names:
            self._learn(id_, await self._ask_name(id_))
        return self._names.get(id_, "")

    def _learn(self, conversation_id: str, name: str) -> None:
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
        self._names[conversation_id] = name

    async def _ask_name(self, conversation_id: str) -> str:
        """An event that names only the conversation's id is worth one question; without an answer the id will do."""
        try:
            if self.listener is None or self.listener.api is None:
                return conversation_id
            return contact_of((await self.listener.api.ask("GET", f"/v1/conversations/{conversation_id}"))["data"])
        except FailureError:
            return conversation_id


def _topics(text: str) -> list[str]:
    topics = [topic.strip() for topic in text.split(",") if topic.strip()]
    if not topics:
        raise ArgumentTypeError("name at least one topic: tenant, user or conversation:ID")
    return topics


def _cursor(text: str) -> str:
    try:
        Stream(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return text


def _notice(text: str) -> None:
    print(f"parley: {text}", file=sys.stderr, flush=True)
