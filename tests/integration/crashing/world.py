"""A company, its customers, its gateway and its agent around a process that may be killed at any moment. The one rule:
everybody outside does what they do in life: a gateway posts again what was not answered 200, a browser asks again with
the same key, SQS delivers again what was not deleted, the housekeeper comes every minute.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID, uuid4

from parley.cloud.ports import Bucket, Sealer
from parley.domain.errors import ParleyError, Unavailable
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.domain.tokens import DeploymentKeys
from parley.edge.frames import Socket
from parley.services.connect import connect, forget
from parley.services.listen import Listening
from parley.services.notice import Notices
from parley.services.outbox import SendRequest
from parley.services.show_typing import Typists
from parley.services.whisper import Whisper
from parley.store.database import Database

from .container import LEASE, Container, MakeDeliverer, Outside
from .faults import Crash, Points
from .gateway import Gateway
from .ports import Desk
from .queues import Clock, ModelQueue

MINUTE = 60.0
SHOWN_WITHIN = 15 * MINUTE
CONSUMERS = {
    "inbound": "queue_processor",
    "outbound": "message_sender",
    "push": "realtime_pusher",
    "media": "media_fetcher",
}
VISIBILITY = {"inbound": 180, "outbound": 360, "push": 180, "media": 1800}
"""As in template.yaml; so is the queues' number of receives."""

Done = TypeVar("Done")


@dataclass(frozen=True)
class Company:
    """Whom all of it happens to. `database`: the way in that nothing breaks."""

    database: Database
    conninfo: str
    nowhere: str
    tenant_id: UUID
    integration_id: UUID
    agent: Principal
    sealer: Sealer
    secret: str
    meta: SimpleNamespace
    look: Callable[[World], list[str]]


class World:
    """See the module. `problems`: what was found wrong right after a crash, before anything healed."""

    def __init__(
        self,
        company: Company,
        points: Points,
        bucket: Bucket,
        *,
        deliverer: MakeDeliverer | None = None,
        most_receives: int = 100,
        milliseconds_left: int = 180_000,
        pushes: bool = True,
        order: random.Random | None = None,
    ) -> None:
        self.company, self.points, self.bucket = company, points, bucket
        self.clock = Clock()
        self.queues = {
            name: ModelQueue(self.clock, visibility=visibility, most_receives=most_receives, order=order)
            for name, visibility in VISIBILITY.items()
        }
        self.gateway = Gateway(company.meta, self.elsewhere)
        self.desk = Desk()
        keys = DeploymentKeys({1: "k" * 32}, 1)
        self._outside = Outside(
            company.conninfo, company.nowhere, points, self.queues, bucket, self.gateway.answer, self.desk,
            company.sealer, keys, milliseconds_left=milliseconds_left, pushes=pushes,
        )  # fmt: skip
        if deliverer is not None:
            self._outside.deliverer = deliverer
        self._token = keys.url_token(str(company.integration_id), 1)
        self._process = Container(self._outside)
        self._swept_at = 0.0
        self.to_post: list[bytes] = []
        self.answered: list[bytes] = []
        self.asked: dict[str, str] = {}
        self.told: dict[str, set[str]] = defaultdict(set)
        self.problems: list[str] = []
        self.last_trouble = 0.0

    def close(self) -> None:
        """End the process that is left, and hang up: the housekeeper of the next world looks at all connections."""
        self._process.close()
        if self.desk.listening_from is not None:
            forget(self.company.database, self._connection_id)

    # What people and gateways do

    def customer_writes(self, id_: str, text: str, *, at: int = 0, phone: str = "5511987654321", pad: int = 0) -> bytes:
        """A customer writes; their gateway has a webhook to post, `pad` bytes larger than it need be."""
        meta = self.company.meta
        body: bytes = meta.body(messages=[meta.text(id_, phone, text, at=at)], names={phone: "Marta"}) + b" " * pad
        self.to_post.append(body)
        return body

    def post(self, body: bytes) -> bool:
        """Post a webhook once; whether it was answered 200."""
        signature = hmac.new(self.company.secret.encode(), body, hashlib.sha256).hexdigest()
        event = {
            "pathParameters": {
                "provider": "meta",
                "integrationId": str(self.company.integration_id),
                "token": self._token,
            },
            "requestContext": {"http": {"method": "POST"}},
            "headers": {"X-Hub-Signature-256": f"sha256={signature}"},
            "body": body.decode(),
            "isBase64Encoded": False,
        }
        answer = self._invoke("webhook_receiver", event)
        if answer is None or answer["statusCode"] != 200:
            return False
        self.answered.append(body)
        return True

    def gateway_posts(self) -> None:
        """Post what there is to tell, each once; what was not answered 200 comes again later."""
        self.to_post += self.gateway.to_tell
        self.gateway.to_tell.clear()
        self.to_post = [body for body in self.to_post if not self.post(body)]

    def agent_sends(self, text: str, key: str, conversation_id: UUID, *, tries: int = 6) -> str | None:
        """Ask to send until there is an answer, as a browser does; answer the message's id."""
        self.asked[key] = text
        for _ in range(tries):
            taken = self._call("send_message", lambda process: self.ask(process, text, key, conversation_id))
            if taken is not None:
                self.told[key].add(taken)
                return taken
        return None

    def ask(self, process: Container, text: str, key: str, conversation_id: UUID) -> str | None:
        """Ask one process to send, once; None where it does not answer."""
        request = SendRequest("text", text)
        try:
            taken = process.outbox.send(self.company.agent, conversation_id, request, key, uuid4())
        except Unavailable:
            return None
        return str(taken.view["id"])

    @property
    def _connection_id(self) -> str:
        return f"desk-{self.company.tenant_id.hex}"

    def agent_listens(self) -> None:
        """The agent opens the inbox in a browser, in a story that is also about being told."""
        if not self._outside.pushes:
            return
        company, terms, connection_id = self.company, Terms(), self._connection_id
        connect(company.database, self._process.connections, company.agent, connection_id, terms)
        nobody = ModelQueue(self.clock, visibility=30)
        notices = Notices(company.database, nobody, terms)
        whisper = Whisper(company.database, self._process.connections, notices.presence_changed)
        typists = Typists(company.database, whisper, nobody, terms, lambda: datetime.now(UTC))
        listening = Listening(company.database, terms, lambda: datetime.now(UTC), typists, notices)
        socket = Socket(lambda: listening, lambda _id, _reason: None)
        hello = {"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": ["tenant", "user"]}
        welcome = json.loads(socket.answer(connection_id, json.dumps(hello)) or "{}")
        self.desk.listening_from = int(welcome["to"])

    # What AWS does

    def work(self, name: str, most: int = 10) -> bool:
        """Give one batch of a queue to its function; whether there was one."""
        queue = self.queues[name]
        records = queue.receive(most)
        if not records:
            return False
        answer = self._invoke(CONSUMERS[name], {"Records": records})
        if answer is not None:
            kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for record in records:
                if record["messageId"] not in kept and not self.points.hit(f"{name}: a record comes again"):
                    queue.delete(record["receiptHandle"])
        return True

    def sweep(self) -> bool:
        """The minute is over; whether the housekeeper came through."""
        self._swept_at = self.clock.now
        return self._invoke("housekeeper", {}) is not None

    def pass_time(self, seconds: float) -> None:
        """Move time on; the database's clock is real, so there what waits for a time is moved towards it instead."""
        self.clock.now += seconds
        with self.company.database.transaction(self.company.tenant_id) as tx:
            tx.execute(_AGE, span=timedelta(seconds=seconds))

    def elsewhere(self) -> None:
        """What other processes do while somebody waits for the gateway: the lease passes, and they sweep and send."""
        waiting, self._process = self._process, Container(self._outside)
        try:
            self.pass_time(LEASE.total_seconds() + 1)
            self.gateway_posts()
            self.work("inbound")
            self.sweep()
            self.work("outbound")
        finally:
            self._process.close()
            self._process = waiting

    def settle(self) -> None:
        """Go on as life does until nothing is left to do, for 15 minutes after the last trouble at most (P6)."""
        calm = False
        self.last_trouble = self.clock.now
        while True:
            self.gateway_posts()
            worked = [self.work(name) for name in self.queues]
            if any(worked):
                calm = False
            elif calm and self.quiet():
                return
            elif self.clock.now > self.last_trouble + SHOWN_WITHIN:
                self.problems.append(f"P6: after {self.clock.now:.0f} s there is still {self._left()}")
                return
            else:
                calm = self._wait()

    def _wait(self) -> bool:
        """Move on to whatever comes first: a message that shows, or the housekeeper's minute; whether that went well.

        The sweep of a world that is quiet and always was is no place for faults: it has nothing to lose.
        """
        minute = self._swept_at + MINUTE
        shows = [at for queue in self.queues.values() if (at := queue.next_visible()) is not None]
        until = min([minute, *shows])
        self.pass_time(max(0.0, until - self.clock.now))
        if until != minute:
            return False
        asleep, troubles = self.points.asleep, len(self.points.fired)
        self.points.asleep = asleep or (not troubles and self.quiet())
        came_through = self.sweep()
        self.points.asleep = asleep
        return came_through and len(self.points.fired) == troubles

    def quiet(self) -> bool:
        """Whether nothing is queued, spooled or on its way."""
        return not self._left()

    def _left(self) -> str:
        left = [f"{len(queue)} in {name}" for name, queue in self.queues.items() if len(queue)]
        left += [f"{len(self.to_post)} webhooks to post"] * bool(self.to_post or self.gateway.to_tell)
        left += [f"spooled {key}" for key in self.bucket.list_prefix("spool/")]
        if left:
            return ", ".join(left)
        with self.company.database.transaction(self.company.tenant_id) as tx:
            left += [f"a message {row['status']}" for row in tx.rows(_ON_THEIR_WAY)]
        return ", ".join(left)

    # Processes

    @property
    def database_answers(self) -> bool:
        """Whether the product can reach its database."""
        return self._outside.database_answers

    @database_answers.setter
    def database_answers(self, answers: bool) -> None:
        self._outside.database_answers = answers

    def another_process(self, points: Points) -> Container:
        """One more process in this world, with faults of its own; who asked for it closes it."""
        return Container(replace(self._outside, points=points))

    def restart(self) -> None:
        """A new process in place of the one there is."""
        self._process.close()
        self._process = Container(self._outside)

    def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any] | None:
        return self._call(function, lambda process: process.invoke(function, event))

    def _call(self, function: str, do: Callable[[Container], Done]) -> Done | None:
        """Let the process do something; None where it failed or was killed, which leaves a new one."""
        troubles = len(self.points.fired)
        process = self._process
        process.life.doing = function
        try:
            return do(process)
        except ParleyError:
            return None
        except Crash:
            self.restart()
            return None
        finally:
            if len(self.points.fired) > troubles:
                self.last_trouble = self.clock.now
                self.problems += [f"right after {self.points.fired[-1]}: {found}" for found in self.company.look(self)]


_AGE = """
with sends as (
  update messages set not_before = not_before - %(span)s, lease_until = lease_until - %(span)s,
    updated_at = updated_at - %(span)s, created_at = created_at - %(span)s
  where tenant_id = %(tenant_id)s and status in ('queued', 'sending')
), pushes as (
  update push_leases set lease_until = lease_until - %(span)s where tenant_id = %(tenant_id)s
)
update events set occurred_at = occurred_at - %(span)s where tenant_id = %(tenant_id)s
"""
_ON_THEIR_WAY = "select status from messages where tenant_id = %(tenant_id)s and status in ('queued', 'sending')"
