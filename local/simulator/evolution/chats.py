"""What a company does besides sending: reactions, edits, deletions, receipts, typing, files, the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from local.simulator.answers import Json
from local.simulator.evolution import bodies
from local.simulator.evolution.errors import bad, disconnected
from local.simulator.evolution.people import LID, group_jid, jid, lid, read_number
from local.simulator.integrations import SimulatedIntegration
from local.simulator.tempo import now
from local.simulator.threads import Thread

if TYPE_CHECKING:
    from local.simulator.evolution.api import Endpoint, EvolutionGateway

Body = Mapping[str, Any]


class Chats:
    """The endpoints of chats and of the instance itself."""

    def __init__(self, gateway: EvolutionGateway) -> None:
        self._gateway = gateway

    def paths(self) -> dict[tuple[str, str], Endpoint]:
        """Each by its method and path."""
        return {
            ("POST", "message/sendReaction"): self._react,
            ("POST", "chat/updateMessage"): self._edit,
            ("DELETE", "chat/deleteMessageForEveryone"): self._delete,
            ("POST", "chat/markMessageAsRead"): self._mark_read,
            ("POST", "chat/sendPresence"): self._show_typing,
            ("POST", "chat/whatsappNumbers"): self._numbers,
            ("POST", "chat/getBase64FromMediaMessage"): self._file,
            ("GET", "instance/connectionState"): self._state,
            ("DELETE", "instance/logout"): self._log_out,
            ("POST", "webhook/set"): self._set_webhook,
            ("GET", "webhook/find"): self._find_webhook,
        }

    async def _react(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        thread = self._gateway.addressed(integration, body["key"]["remoteJid"])
        emoji = body["reaction"]
        if len(emoji) > 16 or (emoji.isascii() and emoji):
            raise bad("Reaction must be a single emoji or empty string")

        def accept() -> Response:
            thread.react(body["key"]["id"], "company", emoji or None)
            message = {"reactionMessage": {"key": dict(body["key"]), "text": emoji}}
            return self._gateway.echoed(integration, thread, bodies.new_id(incoming=False), message)

        return await self._gateway.answered(integration, accept)

    async def _edit(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        self._needs_connection(integration)
        thread, message = self._gateway.target(integration, body["key"]["id"])
        if body["key"]["remoteJid"] not in self._names(thread):
            raise bad("RemoteJid does not match")
        if message.author != "company":
            raise bad("You cannot edit others messages")
        if message.kind not in {"text", "image", "video"}:
            raise bad("Message not compatible")

        def accept() -> Response:
            thread.edit(message.id, body["text"])
            protocol = {
                "key": dict(body["key"]),
                "type": "MESSAGE_EDIT",
                "editedMessage": {"conversation": body["text"]},
                "timestampMs": str(int(now().timestamp() * 1000)),
            }
            webhooks = self._gateway.worded(integration, [("send.message.update", protocol)])
            self._gateway.post(integration, webhooks)
            return Json(self._protocol_answer(body["key"]["remoteJid"], {"editedMessage": {"message": {"protocolMessage": protocol}}}))  # fmt: skip  # noqa: E501

        return await self._gateway.answered(integration, accept)

    async def _delete(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        self._needs_connection(integration)

        def accept() -> Response:
            thread = self._gateway.world.threads.holding(integration.id, body["id"])
            if thread is not None:
                thread.delete(body["id"])
                key = {"id": body["id"], "remoteJid": body["remoteJid"], "fromMe": body["fromMe"]}
                gone = {"id": bodies.row_id(body["id"]), "key": key, "status": "DELETED", "source": "unknown"}
                self._gateway.post(integration, self._gateway.worded(integration, [("messages.delete", gone)]))
            revoke = {"protocolMessage": {"key": dict(body), "type": "REVOKE"}}
            return Json(self._protocol_answer(body["remoteJid"], revoke), status_code=201)

        return await self._gateway.answered(integration, accept)

    async def _mark_read(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        self._needs_connection(integration)
        for key in body["readMessages"]:
            if not key["remoteJid"].endswith(LID):  # 2.3.7 passes over these and says yes
                thread = self._gateway.world.threads.holding(integration.id, key["id"])
                if thread is not None:
                    thread.read_by_company(key["id"])
        return Json({"message": "Read messages", "read": "success"}, status_code=201)

    async def _show_typing(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        """Shown for as long as the request is held open."""
        thread = self._gateway.addressed(integration, body["number"])
        thread.company_types(body["presence"] in {"composing", "recording"})
        await self._gateway.world.tempo.sleep(min(max(body["delay"], 0), 60_000) / 1000)
        thread.company_types(False)
        return Json({"presence": body["presence"]}, status_code=201)

    async def _numbers(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        self._needs_connection(integration)
        found = []
        for number in body.get("numbers", []):
            named, group = read_number(number)
            digits = named if group else self._gateway.people.find(integration, named)
            shown = group_jid(named) if group else jid(digits or named.partition("@")[0])
            found.append({"jid": shown, "exists": digits is not None, "number": number})
            if digits and not group:
                found[-1]["lid"] = lid(digits)
        return Json(found)

    async def _file(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        key = (body.get("message") or {}).get("key") or {}
        _, message = self._gateway.target(integration, str(key.get("id")))
        file = message.media
        if file is None:
            raise bad("The message is not of the media type")
        answer = {
            "mediaType": f"{message.kind}Message",
            "fileName": file.file_name or f"{message.id}.bin",
            "caption": message.text,
            "size": {"fileLength": {"low": file.size, "high": 0, "unsigned": True}},
            "mimetype": file.mime_type,
            "base64": file.base64,
            "buffer": None,
        }
        return Json(answer, status_code=201)

    async def _state(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        state = "open" if self._gateway.connected(integration) else "close"
        return Json({"instance": {"instanceName": integration.account_id, "state": state}})

    async def _log_out(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        self._needs_connection(integration)
        self._gateway.change_connection(integration, False, None)
        return Json({"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}})

    async def _set_webhook(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        return Json(self._gateway.hooks.set(integration, body["webhook"]), status_code=201)

    async def _find_webhook(self, integration: SimulatedIntegration, body: Body, path: str) -> Response:  # noqa: ARG002
        return Json(self._gateway.hooks.shown(integration))

    def _needs_connection(self, integration: SimulatedIntegration) -> None:
        if not self._gateway.connected(integration):
            raise disconnected()

    def _names(self, thread: Thread) -> set[str]:
        return {group_jid(thread.customer)} if thread.group else {jid(thread.customer), lid(thread.customer)}

    def _protocol_answer(self, chat: str, message: Body) -> dict[str, Any]:
        key = {"remoteJid": chat, "fromMe": True, "id": bodies.new_id(incoming=False)}
        return {"key": key, "message": dict(message), "messageTimestamp": int(now().timestamp()), "status": "PENDING"}
