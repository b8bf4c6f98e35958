"""The Bot API over HTTP: whose token it is, what is sent, and what its answers look like."""

import hmac
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.actions import EVERY_KIND, Action, Writes
from local.simulator.answers import Json
from local.simulator.gateway import Gateway, Webhook, World
from local.simulator.integrations import SimulatedIntegration
from local.simulator.request_log import LoggedRequest
from local.simulator.telegram import bodies, rules
from local.simulator.telegram.errors import TelegramError, too_many
from local.simulator.telegram.rules import SENDS, Fields, Send
from local.simulator.threads import Thread, ThreadMessage

ROOT = "/simulator/telegram"
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_LOCAL = ("https://", "http://127.0.0.1", "http://localhost")

Method = Callable[[SimulatedIntegration, Fields], Awaitable[Response]]


class TelegramGateway(Gateway):
    """Every bot. Of typing and of what is deleted Telegram tells bots nothing, and a bot has no phone of its own."""

    provider = "telegram"
    kinds = EVERY_KIND - {"typing", "delete", "device"}
    choices = frozenset({"button"})
    statuses = ()

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._numbers: defaultdict[tuple[str, int], int] = defaultdict(lambda: int(time.time()) % 10**8)
        self._groups: dict[tuple[str, int], str] = {}
        self._allowed: dict[str, Sequence[str]] = {}
        self._methods: Mapping[str, Method] = {
            "getMe": self._me,
            "getFile": self._file,
            "setWebhook": self._set_webhook,
            "editMessageText": self._edit,
            "deleteMessage": self._delete,
            "setMessageReaction": self._react,
            "sendChatAction": self._act,
            **{method: self._sends(method) for method in SENDS},
        }

    def routes(self) -> list[BaseRoute]:
        """The Bot API's paths below /simulator/telegram."""
        return [
            Route(f"{ROOT}/bot{{token}}/{{method}}", self._call, methods=["GET", "POST"]),
            Route(f"{ROOT}/file/bot{{token}}/{{path:path}}", self._download, methods=["GET"]),
            Route(f"{ROOT}/{{path:path}}", self._unknown, methods=["GET", "POST"]),
        ]

    # ------------------------------------------------------------------------------------------------ its words

    def new_id(self, thread: Thread, *, incoming: bool) -> str:  # noqa: ARG002 - both count together
        """The next number of the chat."""
        chat = bodies.chat_id(thread)
        if thread.group:
            self._groups[thread.integration_id, chat] = thread.customer
        self._numbers[thread.integration_id, chat] += 1
        return f"{chat}:{self._numbers[thread.integration_id, chat]}"

    def id_of(self, thread: Thread, action: Action) -> str:
        """The press of a button has an id of its own, and hangs below the message with the button."""
        if isinstance(action, Writes) and action.choice is not None:
            below = action.reply_to or _with_button(thread, action.choice.id)
            return f"{below or self.new_id(thread, incoming=False)}:callback:{time.time_ns()}"
        return super().id_of(thread, action)

    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """What a customer does, if setWebhook asked for updates of its kind."""
        kind = bodies.kind_of(action)
        if kind is None or kind not in self._allowed.get(integration.id, (kind,)):
            return []
        return [bodies.posted(integration, kind, bodies.update_of(thread, action, message_id))]

    def status_webhook(
        self,
        integration: SimulatedIntegration,  # noqa: ARG002
        thread: Thread,  # noqa: ARG002
        message: ThreadMessage,  # noqa: ARG002
        status: str,  # noqa: ARG002
    ) -> Webhook | None:
        """None: a bot is told nothing of what becomes of a message."""
        return None

    def refused(self, code: int | None) -> Response:
        """The customer blocked the bot; with another status what is refused so."""
        if code in {400, 401, 413}:
            return TelegramError("chat not found" if code == 400 else "", code).answer()
        return TelegramError("bot was blocked by the user", 403).answer()

    def throttled(self, code: int | None) -> Response:  # noqa: ARG002 - there is but one
        """One message too many."""
        return too_many(1)

    def failed(self, code: int | None) -> Response:
        """A 5xx: the message was sent."""
        return TelegramError(status=code if code and 500 <= code < 600 else 500).answer()

    # --------------------------------------------------------------------------------------------- who may what

    async def _call(self, request: Request) -> Response:
        token, name = request.path_params["token"], request.path_params["method"]
        integration = self._owner(token)

        async def answer(logged: LoggedRequest) -> Response:
            logged.path = f"{ROOT}/bot…/{name}"
            try:
                if integration is None or not self.connected(integration):
                    raise TelegramError(status=401)
                method = next((each for known, each in self._methods.items() if known.lower() == name.lower()), None)
                if method is None:
                    raise TelegramError("method not found", 404)
                fields = rules.read_fields(
                    request.headers.get("content-type", ""), dict(request.query_params), logged.body
                )
                return await method(integration, fields)
            except TelegramError as error:
                return error.answer()
            finally:
                _without_files(logged)

        return await self.noted(request, integration, answer)

    async def _download(self, request: Request) -> Response:
        integration = self._owner(request.path_params["token"])

        async def answer(logged: LoggedRequest) -> Response:
            path = request.path_params["path"]
            logged.path = f"{ROOT}/file/bot…/{path}"
            file = self.world.media.get(path.rpartition("/")[2])
            if integration is None or file is None:
                return TelegramError(status=404).answer()
            return Response(file.content, media_type="application/octet-stream")

        return await self.noted(request, integration, answer)

    async def _unknown(self, request: Request) -> Response:
        async def answer(logged: LoggedRequest) -> Response:
            # A token in a place where none belongs is still a token.
            logged.path = ROOT
            return TelegramError(status=404).answer()

        return await self.noted(request, None, answer)

    def _owner(self, token: str) -> SimulatedIntegration | None:
        mine = (each for each in self.world.integrations.all() if each.provider == self.provider)
        return next((each for each in mine if hmac.compare_digest(each.access_token.encode(), token.encode())), None)

    # ---------------------------------------------------------------------------------------------------- sends

    def _sends(self, method: str) -> Method:
        async def send(integration: SimulatedIntegration, fields: Fields) -> Response:
            asked = rules.checked_send(method, fields)
            thread = self._thread_of(integration, asked.chat)
            quoted = None if asked.reply_to is None else f"{asked.chat}:{asked.reply_to}"
            if quoted is not None and thread.message(quoted) is None:
                if not rules.quoted_anyway(fields):
                    raise TelegramError("message to be replied not found")
                quoted = None
            return await self.answered(integration, lambda: self._accepted(integration, thread, asked, quoted))

        return send

    def _accepted(self, integration: SimulatedIntegration, thread: Thread, asked: Send, quoted: str | None) -> Response:
        file = asked.file
        kept = self.world.media.add(file.content, file.mime_type, file.name) if file else None
        message = self.accept(
            integration,
            thread,
            asked.kind,
            asked.text,
            reply_to=quoted,
            media=kept,
            voice=asked.voice,
            content=asked.content,
        )
        return _done(bodies.sent_message(integration, thread, message, int(time.time())))

    def _thread_of(self, integration: SimulatedIntegration, chat: int) -> Thread:
        """The thread of a chat. A bot cannot write to itself; groups are known from what was written in them."""
        if chat > 0:
            if str(chat) == integration.account_id:
                raise TelegramError("bot can't send messages to the bot itself", 403)
            return self.thread(integration, str(chat))
        bare = self._groups.get((integration.id, chat))
        if bare is None:
            raise TelegramError("chat not found")
        return self.thread(integration, bare, group=True)

    # ---------------------------------------------------------------------------------------------------- deeds

    def _message_of(self, integration: SimulatedIntegration, fields: Fields, deed: str) -> tuple[Thread, ThreadMessage]:
        chat, number = rules.chat_of(fields), rules.message_of(fields)
        thread = self._thread_of(integration, chat)
        message = thread.message(f"{chat}:{number}")
        if message is None or message.deleted:
            raise TelegramError(f"message to {deed} not found")
        return thread, message

    async def _edit(self, integration: SimulatedIntegration, fields: Fields) -> Response:
        text = rules.text_in(fields)
        thread, message = self._message_of(integration, fields, "edit")
        if message.author != "company":
            raise TelegramError("message can't be edited")
        if message.media is not None or message.kind not in {"text", "interactive"}:
            raise TelegramError("there is no text in the message to edit")
        if message.text == text:
            raise TelegramError(
                "message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )

        def accept() -> Response:
            thread.edit(message.id, text)
            edited = {"edit_date": int(time.time())}
            return _done({**bodies.sent_message(integration, thread, message, int(time.time())), **edited})

        return await self.answered(integration, accept)

    async def _delete(self, integration: SimulatedIntegration, fields: Fields) -> Response:
        thread, message = self._message_of(integration, fields, "delete")

        def accept() -> Response:
            thread.delete(message.id)
            return _done(True)

        return await self.answered(integration, accept)

    async def _react(self, integration: SimulatedIntegration, fields: Fields) -> Response:
        emoji = rules.reaction_in(fields)
        thread, message = self._message_of(integration, fields, "react")

        def accept() -> Response:
            thread.react(message.id, "company", bodies.in_colour(emoji))
            return _done(True)

        return await self.answered(integration, accept)

    async def _act(self, integration: SimulatedIntegration, fields: Fields) -> Response:
        action = fields.get("action")
        if action not in rules.ACTIONS:
            raise TelegramError("wrong parameter action in request")
        thread = self._thread_of(integration, rules.chat_of(fields))
        if action == "typing":
            thread.company_types()
        return _done(True)

    # ------------------------------------------------------------------------------------------------- the bot

    async def _me(self, integration: SimulatedIntegration, fields: Fields) -> Response:  # noqa: ARG002
        can = {"can_join_groups": True, "can_read_all_group_messages": True, "supports_inline_queries": False}
        return _done({**bodies.bot_of(integration), **can})

    async def _file(self, integration: SimulatedIntegration, fields: Fields) -> Response:  # noqa: ARG002
        file_id = fields.get("file_id")
        bare = file_id[bodies.PREFIX_LENGTH :] if isinstance(file_id, str) else ""
        file = self.world.media.get(bare.removesuffix("s"))
        if file is None:
            raise TelegramError("wrong file_id or the file is temporarily unavailable")
        if file.size > rules.LONGEST_DOWNLOAD:
            raise TelegramError("file is too big")
        found = {"file_id": file_id, "file_unique_id": file.sha256[:15], "file_size": file.size}
        return _done({**found, "file_path": f"documents/{file.id}"})

    async def _set_webhook(self, integration: SimulatedIntegration, fields: Fields) -> Response:
        """Take which updates are wanted; where they go to, and with which secret, the integration says here."""
        url, secret = fields.get("url") or "", fields.get("secret_token") or ""
        if url and (not isinstance(url, str) or not url.startswith(_LOCAL)):
            raise TelegramError("bad webhook: An HTTPS URL must be provided for webhook")
        if secret and (not isinstance(secret, str) or not _SECRET.fullmatch(secret)):
            raise TelegramError("secret token contains unallowed characters")
        wanted = rules.parsed(fields, "allowed_updates")
        if isinstance(wanted, list) and wanted:
            self._allowed[integration.id] = [str(one) for one in wanted]
        return Json({"ok": True, "result": True, "description": "Webhook was set"})


def _with_button(thread: Thread, data: str) -> str | None:
    """The newest message that has a button with these data."""
    for message in reversed(thread.messages()):
        if any(choice["id"] == data for choice in message.content.get("choices", ())):
            return message.id
    return None


def _done(result: Any) -> Response:  # noqa: ANN401 - any JSON
    return Json({"ok": True, "result": result})


def _without_files(logged: LoggedRequest) -> None:
    """The log is for people to read: a file has no place in it."""
    head, separator, _ = logged.body.partition(b"filename=")
    if separator:
        logged.body = head + separator + b"..."
