"""Sending through Telegram. The one rule: a message is asked for once; what may be asked for again (an edit, a
deletion, a reaction) is called "not sent" where a message would be called uncertain.

Source: core.telegram.org/bots/api. A 200 is the message itself, sent; there are no receipts after it. A group that
outgrew its kind has another id (tdlib/telegram-bot-api, Client.cpp, "group chat was upgraded"): the refusal names it,
nothing was sent, so the same is asked for there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.calls import Answer
from parley.providers.reading import object_of, text_of

from .bodies import Impossible, addressed, call_of, deletion, edition, reaction
from .chats import address_of, may_move, message_name, number
from .errors import is_unchanged, moved_to, trouble
from .incoming import ALLOWED_UPDATES
from .server import Answered, BotApi, Call

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)


class Sender:
    """Asks one bot's API for one thing at a time."""

    def __init__(self, api: BotApi) -> None:
        self._api = api

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Call the method of the draft's kind."""
        try:
            call = call_of(draft)
        except Impossible as impossible:
            return impossible.refusal
        if call.file is not None and may_move(call.parameters["chat_id"]):
            call = self._found(call, account)
        answer = self._api.call(call, account)
        chat = moved_to(answer) if isinstance(answer, Answer) and call.file is None else None
        if chat is not None:
            call = _elsewhere(call, chat)
            answer = self._api.call(call, account)
        outcome = _judged(answer)
        return _accepted(outcome, call) if isinstance(outcome, Answer) else outcome

    def _found(self, call: Call, account: Account) -> Call:
        """Ask where the group is before a whole file is on its way; whatever else is wrong, the send will say."""
        asked = Call("sendChatAction", {"chat_id": call.parameters["chat_id"], "action": "upload_document"})
        answer = self._api.call(asked, account, quick=True)
        chat = moved_to(answer) if isinstance(answer, Answer) else None
        return call if chat is None else _elsewhere(call, chat)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back the bot's reaction; it has one a message."""
        return self._deed(lambda: reaction(target, to, emoji), account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Give a message another text; that it has it already is no failure."""
        return self._deed(lambda: edition(target, to, text), account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message back."""
        return self._deed(lambda: deletion(target, to), account)

    def show_typing(self, to: Address, on: bool, account: Account) -> Outcome:
        """Show it; that it ended needs no call."""
        if not on:
            return Accepted("")
        return self._deed(lambda: Call("sendChatAction", {"chat_id": addressed(to), "action": "typing"}), account)

    def check(self, account: Account) -> Checkup:
        """Ask whose token it is, and whether the bot sees what is written in groups."""
        answer = self._api.call(Call("getMe", {}), account)
        outcome = _judged(answer)
        if isinstance(outcome, Refused):
            return Checkup(ok=False, reason=outcome.message, code=outcome.code)
        bot = object_of(outcome.object().get("result")) if isinstance(outcome, Answer) else {}
        bot_id = number(bot.get("id"))
        if bot_id is None:
            return Checkup(ok=False, reason="Telegram did not answer.", unreachable=True)
        if str(bot_id) != account.account_id:
            return Checkup(ok=False, reason="The token is that of another bot.")
        sees_all = bot.get("can_read_all_group_messages") is True
        groups = "" if sees_all else " In groups it sees only commands and answers to it, unless it administers them."
        return Checkup(ok=True, reason=f"Connected as @{text_of(bot.get('username')) or bot_id}.{groups}")

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Ask for the updates Parley reads, by name; with the secret token, if the account has one."""
        secret = account.credentials.get("secret_token") or ""
        if secret and not _SECRET.fullmatch(secret):
            return Refused("invalid_request", "Telegram takes letters, digits, _ and - in a secret token, at most 256.")
        asked = {"url": url, "allowed_updates": list(ALLOWED_UPDATES), **({"secret_token": secret} if secret else {})}
        return self._deed(lambda: Call("setWebhook", asked), account)

    def _deed(self, make: Callable[[], Call], account: Account) -> Outcome:
        """Something that is the same when it is done twice."""
        try:
            call = make()
        except Impossible as impossible:
            return impossible.refusal
        answer = self._api.call(call, account)
        if isinstance(answer, Answer) and is_unchanged(answer):
            return Accepted("")
        outcome = _judged(answer)
        if isinstance(outcome, Uncertain):
            return NotSent(outcome.reason)
        return Accepted("") if isinstance(outcome, Answer) else outcome


def _elsewhere(call: Call, chat: int) -> Call:
    """The same to another chat; the quoted message stayed behind in the old one, and so does the quote."""
    kept = {name: value for name, value in call.parameters.items() if name != "reply_parameters"}
    return Call(call.method, {**kept, "chat_id": chat}, call.file)


def _judged(answer: Answered) -> Answered:
    """The answer itself if it is a yes, else what became of the attempt."""
    return (trouble(answer) or answer) if isinstance(answer, Answer) else answer


def _accepted(answer: Answer, call: Call) -> Outcome:
    message = object_of(answer.object().get("result"))
    sent = number(message.get("message_id"))
    if sent is None:
        return Uncertain(f"HTTP {answer.status} without a message id")
    chat = number(object_of(message.get("chat")).get("id")) or int(call.parameters["chat_id"])
    return Accepted(message_name(chat, sent), address_of(chat))
