"""Search. The one rule: what was found is shown in parts that say whether they are a hit; no markup is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import AwareDatetime
from typing_extensions import TypedDict

from parley.domain.errors import Forbidden
from parley.domain.principal import Principal
from parley.services.search import Place, Position, Search, Searching

from .api import Api, answer
from .cursors import bad_cursor, read_cursor, read_id, read_number, read_time, write_cursor
from .schemas import Limit
from .shapes import Contact, Message, Natural, Page

PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]
Text = Annotated[
    str,
    Query(
        alias="q",
        min_length=1,
        max_length=256,
        pattern=r"^[^\x00]+$",
        description='words, parts of words or numbers, or `"a phrase"`',
    ),
]
Kinds = Annotated[
    Literal["messages", "contacts", "messages,contacts", "contacts,messages"] | None,
    Query(alias="in", description="without it, both"),
]
CONTACTS_SCOPE: Final = "contacts:read"
LARGEST_SCORE: Final = 2**31 - 1


class Part(TypedDict):
    """A piece of text, and whether it is what was looked for."""

    text: str
    hit: bool


class Result(TypedDict):
    """A message or a contact that fits, and the piece of it that shows why."""

    type: Literal["message", "contact"]
    score: Natural
    excerpt: list[Part]
    message: Message | None
    contact: Contact | None


def add_search_routes(api: Api, searching: Callable[[], Searching]) -> None:
    """Answer the route that searches."""

    @api.route("GET", "/v1/search", scope="messages:read", gives=Page[Result], summary="Search messages and contacts")
    def search(
        text: Text,
        kinds: Kinds = None,
        since: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        before: Annotated[AwareDatetime | None, Query(alias="to")] = None,
        integration_id: Annotated[UUID | None, Query(alias="integrationId")] = None,
        conversation_id: Annotated[UUID | None, Query(alias="conversationId")] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        wanted = Search(text, since, before, integration_id, conversation_id)
        messages, contacts = _kinds(api.caller, kinds, wanted)
        of = f"search {kinds} {wanted}"
        after = _position(of, cursor) if cursor else None
        page = searching().search(api.caller, wanted, after, limit, messages=messages, contacts=contacts)
        following = _cursor(of, page.after) if page.after else None
        return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})


def _kinds(caller: Principal, kinds: str | None, wanted: Search) -> tuple[bool, bool]:
    """Whether messages and contacts are looked for. No contact is from a time or of a thread."""
    named = kinds.split(",") if kinds else ["messages", "contacts"]
    about_messages = (wanted.since, wanted.before, wanted.conversation_id) != (None, None, None)
    if not caller.may(CONTACTS_SCOPE):
        if kinds and "contacts" in named:
            raise Forbidden(f"This key lacks the scope {CONTACTS_SCOPE}.")
        named = ["messages"]
    return "messages" in named, "contacts" in named and not about_messages


def _position(of: str, cursor: str) -> Position:
    score, id_, newest_at, newest_id, oldest_at, oldest_id = read_cursor(of, cursor, 6)
    at = read_number(score), read_id(id_)
    if at[0] > LARGEST_SCORE:
        raise bad_cursor()
    if newest_at is None and oldest_at is None:
        return Position(*at)
    newest, oldest = Place(read_time(newest_at), read_id(newest_id)), Place(read_time(oldest_at), read_id(oldest_id))
    return Position(*at, (newest, oldest), in_messages=True)


def _cursor(of: str, at: Position) -> str:
    ends = (at.pool[0].at, at.pool[0].id, at.pool[1].at, at.pool[1].id) if at.pool else (None, None, None, None)
    return write_cursor(of, str(at.score), at.id, *ends)
