"""The company's numbers on the running stack, from both sides: the customer at a simulated phone, the agent at the API.

The one rule: which gateways there are and what they can do is read from the demo, the adapters and the simulator.
"""

from __future__ import annotations

import importlib
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from local.demo import COMPANIES
from local.simulator.gateway import Gateway
from local.simulator.gateways import GATEWAYS
from local.simulator.media import SAMPLE_FILES, SAMPLES
from parley.providers.base import Capabilities
from parley.providers.registry import adapter

Shown = dict[str, Any]
Found = TypeVar("Found")
PROVIDERS = [provider for provider, *_ in COMPANIES["Demo"]["numbers"]]
PATIENCE_SECONDS = 60


def eventually(look: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
    """What `look` answers once it is truthy."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pause.wait(0.05)
    raise AssertionError(f"not within {seconds} s: {look}")


def capabilities_of(provider: str) -> Capabilities:
    """What the adapter says it can send."""
    return adapter(provider).capabilities


def simulated(provider: str) -> type[Gateway]:
    """The simulated gateway: `kinds` a customer can do, `statuses` it reports."""
    module, _, name = GATEWAYS[provider].partition(":")
    found: type[Gateway] = getattr(importlib.import_module(module), name)
    return found


def able(*kinds: str) -> list[str]:
    """The gateways whose customers can do all of these."""
    return [provider for provider in PROVIDERS if set(kinds) <= simulated(provider).kinds]


def sample(kind: str) -> tuple[bytes, str, str]:
    """The built-in file of a kind: its bytes, name and type."""
    name, mime_type = SAMPLE_FILES[kind]
    return (SAMPLES / name).read_bytes(), name, mime_type


class Number:
    """One number of the company, and the company's first agent."""

    def __init__(self, demo: dict[str, Any], provider: str) -> None:
        company = demo["tenants"][0]
        self.provider = provider
        self.base_url = demo["baseUrl"]
        self.integration = next(each for each in company["integrations"] if each["provider"] == provider)
        self.id = self.integration["id"]
        token = company["users"][0]["token"]
        self.http = httpx.Client(base_url=self.base_url, timeout=60, headers={"authorization": f"Bearer {token}"})

    def control(self, path: str, **body: Any) -> Shown:
        """Ask the simulator for something."""
        answer = self.http.post(f"/simulator/{path}", json={"integrationId": self.id, **body})
        assert answer.status_code == 200, answer.text
        said: Shown = answer.json()
        return said

    def customer(self, name: str = "Caio") -> Customer:
        """Somebody who never wrote before."""
        return Customer(self, f"55119{random.randrange(10**8):08d}", name)

    def find(self, provider_id: str) -> tuple[str, Shown]:
        """The conversation and the message of this id, once it is in the inbox."""

        def look() -> tuple[str, Shown] | None:
            newest = self.http.get("/v1/conversations", params={"integrationId": self.id, "limit": 10}).json()["data"]
            for conversation in newest:
                for message in self.thread(conversation["id"]):
                    if message["providerMessageId"] == provider_id:
                        return conversation["id"], message
            return None

        return eventually(look)

    def thread(self, conversation_id: str) -> list[Shown]:
        """The conversation's messages, as an agent's page gets them."""
        messages: list[Shown] = self.http.get(f"/v1/conversations/{conversation_id}/messages").json()["data"]
        return messages

    def upload(self, content: bytes, name: str, mime_type: str) -> str:
        """Bring a file as a browser does; its `mediaId`."""
        new = {"fileName": name, "mimeType": mime_type, "size": len(content)}
        made = self.http.post("/v1/media", json=new).json()["data"]
        form = made["upload"]
        sent = httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=60)
        assert sent.status_code < 300, sent.text
        media_id: str = made["id"]
        return media_id

    def file(self, message_id: str) -> Shown:
        """The only file of a message, once it is no longer on its way."""

        def look() -> Shown | None:
            (shown,) = self.http.get(f"/v1/messages/{message_id}").json()["data"]["attachments"]
            return shown if shown["state"] != "pending" else None

        return eventually(look)

    def content_of(self, file: Shown) -> bytes:
        """What lies behind a file's URL, without any credential."""
        led = self.http.get(file["url"])
        assert led.status_code == 302, led.text
        answer = httpx.get(led.headers["location"], timeout=60)
        assert answer.status_code == 200
        return answer.content


class Customer:
    """A person with a phone, writing to one number."""

    def __init__(self, number: Number, phone: str, name: str) -> None:
        self.number = number
        self.phone = phone
        self.name = name
        self.conversation_id = ""

    def does(self, kind: str, **what: Any) -> str:
        """Do something on the phone; the gateway's id of it."""
        done: str = self.number.control("messages", **{"from": self.phone, "name": self.name, "kind": kind, **what})[
            "providerMessageId"
        ]
        return done

    def says(self, kind: str = "text", **what: Any) -> Shown:
        """Write something; the message as the agent gets it."""
        what = {"text": "Hello"} | what if kind == "text" else what
        self.conversation_id, message = self.number.find(self.does(kind, **what))
        return message

    def shows(self, message: Shown, until: Callable[[Shown], object] = lambda _: True) -> Shown:
        """How the phone shows a message of the conversation, once it does so."""
        asked = {"integrationId": self.number.id, "from": self.phone}

        def look() -> Shown | None:
            shown = self.number.http.get("/simulator/messages", params=asked).json()["data"]
            mine = (each for each in shown if each["id"] == message["providerMessageId"])
            return next((each for each in mine if until(each)), None)

        return eventually(look)

    def gets(self, **body: Any) -> httpx.Response:
        """Let the agent send something, and wait until the gateway took or refused it."""
        path = f"/v1/conversations/{self.conversation_id}/messages"
        return self.number.http.post(path, json=body, headers={"prefer": "wait=25"})

    def becomes(self, message: Shown, condition: Callable[[Shown], object]) -> Shown:
        """A message once it fits, as the agent's thread shows it."""

        def look() -> Shown | None:
            thread = self.number.thread(self.conversation_id)
            shown = next(each for each in thread if each["id"] == message["id"])
            return shown if condition(shown) else None

        return eventually(look)
